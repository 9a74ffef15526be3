"""Runs dbt as a subprocess, in its own environment."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from nyc_taxi.dbt.results import TESTS, failures, read_results
from nyc_taxi.errors import ContractError, DataTestFailed, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from nyc_taxi.dbt.invocation import Invocation
    from nyc_taxi.dbt.results import Node
    from nyc_taxi.errors import TaxiError

_INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables that dbt inherits from this process; Airflow's secrets are not among them."""

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
_REPEATED: Final = frozenset(
    {"SkippingDetails", "SQLCompiledPath", "RunResultFailure", "RunResultError", "CommandCompleted"}
)
_PADDING: Final = re.compile(r" \.+ (?=\[)")
_STOP_SECONDS: Final = 20.0
"""Seconds that dbt gets to cancel its queries before it is killed."""

_STATEMENT_CHARACTERS: Final = 4_000
"""Characters of a failed statement that are logged."""

_FINDINGS: Final = 10
"""Failed checks that an error names."""

_FINDING: Final = re.compile(r"^\[WARNING\]: (?=.* \(error\): )")
"""How a line begins in which the project reports a failed check."""

_PROJECT_AT_FAULT: Final = re.compile(r"^(?:Compilation|Parsing|Validation|Contract) Error", re.MULTILINE)


def inherited() -> dict[str, str]:
    """Return the environment that dbt gets from this process, without Airflow's secrets."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


@dataclass(frozen=True, slots=True)
class Dbt:
    """A dbt project, and the program that runs it.

    :param program: path of ``dbt``
    :param project: folder of ``dbt_project.yml`` and ``profiles.yml``
    :param folder: where artifacts and logs are written; a later run there can continue after a failure
    :param environment: variables that the profile and the warehouse's driver read
    :param files: contents of files by the variable that names each one; see
        :class:`~nyc_taxi.dbt.access.Access`
    :param profiles: folder of another ``profiles.yml`` than the project's
    """

    program: str
    project: Path
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    profiles: Path | None = None

    def run(
        self,
        invocation: Invocation,
        log: Callable[[int, str], object],
        *,
        only_failed: bool = False,
    ) -> tuple[Node, ...]:
        """Run dbt to its end, and log its output line by line.

        When this process is interrupted, dbt is asked to cancel its queries, and killed if it does not.

        :param invocation: what to run
        :param log: called with each line and its :mod:`logging` level
        :param only_failed: run what failed or was skipped in the last run in this folder, if there was one.
            When only data tests had failed, everything is run again, because the data may have been replaced.
        :return: the nodes with their results
        :raises DataTestFailed: when data failed a test, and nothing else failed
        :raises ContractError: when the project or a contract is wrong, or the program does not exist
        :raises TransientError: when the warehouse or dbt itself failed
        """
        last = self._set_aside()
        if again := only_failed and last is not None:
            log(logging.INFO, "Runs what failed or was skipped in the last try.")
        arguments = ["retry", "--state", str(last)] if again else invocation.arguments()
        errors: list[str] = []
        findings: list[str] = []
        with _written(self.files) as paths, self._started(arguments, paths) as process:
            for line in process.stdout or ():
                level, text = _read(line)
                if level >= logging.ERROR:
                    errors.append(text)
                if _FINDING.match(text):
                    findings.append(_FINDING.sub("", text))
                if text:
                    log(level, text)
            code = process.wait()
        nodes = read_results(self.folder)
        if code:
            for node in failures(nodes)[:3]:
                if node.compiled is not None:
                    statement = node.compiled.read_text("utf-8")[:_STATEMENT_CHARACTERS]
                    log(logging.ERROR, f"{node.compiled}:\n{statement}")
            failure = _failure(f"dbt {invocation.command}", nodes, errors, findings, code)
            if isinstance(failure, DataTestFailed):
                self._set_aside()
            raise failure
        return nodes

    def _set_aside(self) -> Path | None:
        """Move the last run's results away, so that they are never taken for the next one's.

        :return: their new folder; None when there are no results
        """
        results = self.folder / "run_results.json"
        aside = self.folder / "last"
        aside.mkdir(parents=True, exist_ok=True)
        try:
            results.replace(aside / results.name)
        except FileNotFoundError:
            return None
        return aside

    @contextmanager
    def _started(self, arguments: list[str], paths: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
        folders = ("--project-dir", self.project, "--profiles-dir", self.profiles or self.project)
        outputs = ("--target-path", self.folder, "--log-path", self.folder / "logs")
        logs = ("--log-format", "json", "--log-level", "info", "--no-use-colors", "--no-version-check")
        command = [self.program, *arguments, *map(str, (*folders, *outputs, *logs))]
        try:
            process = subprocess.Popen(
                command,
                cwd=self.project,
                env={**inherited(), **self.environment, **paths},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except (FileNotFoundError, PermissionError) as error:
            raise ContractError(
                f"dbt cannot be started: {self.program}: {error.strerror}. Install dbt-core and the "
                "warehouse's adapter in their own environment, and set dbt_program in [nyc_taxi] to its path."
            ) from error
        try:
            yield process
        finally:
            _end(process)


@contextmanager
def _written(files: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Write files that only this user can read, give the path of each by its name, and delete them."""
    with TemporaryDirectory(prefix="nyc-taxi-dbt-") as folder:
        paths = {name: Path(folder, name) for name in files}
        for name, path in paths.items():
            path.write_text(files[name], "utf-8")
        yield {name: str(path) for name, path in paths.items()}


def _failure(
    call: str, nodes: tuple[Node, ...], errors: list[str], findings: list[str], code: int
) -> TaxiError:
    """Return the error that names what failed, why, and where its statement is."""
    bad = failures(nodes)
    if not bad:
        reason = " ".join(" ".join(errors).split()) or f"exit code {code}"
        kind = ContractError if _PROJECT_AT_FAULT.search("\n".join(errors)) else TransientError
        return kind(f"{call} failed before it ran a node: {reason[-800:]}")
    message = f"{call} failed in {len(bad)} of {len(nodes)} nodes: " + _listed(list(map(_described, bad)), 3)
    if all(node.status == "fail" for node in bad):
        if findings:
            message = _listed(findings, _FINDINGS)
        return DataTestFailed(f"{message} The marts keep their previous content of these months.", findings)
    if all(node.status == "fail" or _PROJECT_AT_FAULT.search(node.message) for node in bad):
        return ContractError(
            f"{message} Models that depend on these keep their previous content. Fix the project."
        )
    return TransientError(f"{message} A retry runs only these and what was skipped.")


def _listed(texts: list[str], limit: int) -> str:
    more = f"; and {len(texts) - limit} more" if len(texts) > limit else ""
    return "; ".join(text.rstrip(".") for text in texts[:limit]) + more + "."


def _described(node: Node) -> str:
    message = " ".join(node.message.split("compiled code at")[0].split())
    where = f" (statement: {node.compiled})" if node.compiled else ""
    return f"{node.kind.replace('_', ' ')} {node.name}: {message[:300]}{where}"


def _read(line: str) -> tuple[int, str]:
    """Return the level and the text of a line of dbt's log; a line of something else is passed on.

    The text is empty for repetitions: skipped nodes, the start of each test, and the summary of failures,
    which is in the error.
    """
    try:
        event = json.loads(line)
        info, node = event["info"], event["data"].get("node_info", {})
        starts_test = info["name"] == "LogStartLine" and node.get("resource_type") in TESTS
        text = "" if info["name"] in _REPEATED or starts_test else info["msg"]
        return _LEVELS.get(info["level"], logging.INFO), _PADDING.sub(" ", text).strip()
    except (ValueError, TypeError, KeyError, AttributeError):
        return logging.INFO, line.rstrip()


def _end(process: subprocess.Popen[str]) -> None:
    """End dbt and its children, if they still run."""
    if process.stdout is not None:
        process.stdout.close()
    if process.poll() is not None:
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
