"""Running dbt as a subprocess, in its own environment."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from nyc_taxi.dbt.results import TESTS, failures, read_results
from nyc_taxi.errors import ContractError, DataTestFailed, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from nyc_taxi.dbt.invocation import Invocation
    from nyc_taxi.dbt.results import Node
    from nyc_taxi.errors import TaxiError

_INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "SSL_CERT_FILE")
"""Variables that dbt gets from this process; secrets of Airflow are not among them."""

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
_PATIENCE: Final = 20.0
"""Seconds that dbt gets to cancel its queries when it is told to stop."""

_SHOWN: Final = 4_000
"""Characters of a failed statement that are shown."""

_PROJECT_AT_FAULT: Final = re.compile(r"^(?:Compilation|Parsing|Validation|Contract) Error", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Dbt:
    """A dbt project, and the program that runs it.

    :param program: the ``dbt`` of a separate environment
    :param project: folder of ``dbt_project.yml`` and ``profiles.yml``
    :param folder: where artifacts and logs go; a later call there can retry what failed
    :param environment: variables that the profile reads
    """

    program: str
    project: Path
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(
        self,
        invocation: Invocation,
        say: Callable[[int, str], object],
        *,
        only_failed: bool = False,
    ) -> tuple[Node, ...]:
        """Run dbt to its end, and hand on what it says line by line.

        Ended from outside, dbt is told to cancel its queries, and ended itself if it does not.

        :param invocation: what is asked of it
        :param say: told each line with its level, as :mod:`logging` numbers them
        :param only_failed: run what failed or was skipped in the last call in this folder, if there was one;
            all is run again when only data had failed, which somebody may have replaced since
        :return: the nodes as they went
        :raises DataTestFailed: when data did not pass a test, and nothing else failed
        :raises ContractError: when the project or a contract is at fault, or there is no such program
        :raises TransientError: when the warehouse or dbt itself failed
        """
        last = self._set_aside()
        if again := only_failed and last is not None:
            say(logging.INFO, "Runs what failed or was skipped in the last try.")
        words = ["retry", "--state", str(last)] if again else invocation.arguments()
        errors: list[str] = []
        with self._started(words) as process:
            for line in process.stdout or ():
                level, text = _read(line)
                if level >= logging.ERROR:
                    errors.append(text)
                if text:
                    say(level, text)
            code = process.wait()
        nodes = read_results(self.folder)
        if code:
            for node in failures(nodes)[:3]:
                if node.compiled is not None:
                    say(logging.ERROR, f"{node.compiled}:\n{node.compiled.read_text('utf-8')[:_SHOWN]}")
            failure = _failure(f"dbt {invocation.command}", nodes, errors, code)
            if isinstance(failure, DataTestFailed):
                self._set_aside()
            raise failure
        return nodes

    def _set_aside(self) -> Path | None:
        """Move the last call's results out of the way, so that they are never taken for the next one's.

        :return: the folder where they are now, unless there are none
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
    def _started(self, words: list[str]) -> Iterator[subprocess.Popen[str]]:
        places = ("--project-dir", self.project, "--profiles-dir", self.project)
        outputs = ("--target-path", self.folder, "--log-path", self.folder / "logs")
        said = ("--log-format", "json", "--log-level", "info", "--no-use-colors", "--no-version-check")
        command = [self.program, *words, *map(str, (*places, *outputs, *said))]
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        try:
            process = subprocess.Popen(
                command,
                cwd=self.project,
                env={**inherited, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except (FileNotFoundError, PermissionError) as error:
            raise ContractError(
                f"dbt cannot be run: {self.program}: {error.strerror}. Install dbt-core and the warehouse's "
                "adapter in a separate environment, and set dbt_program in [nyc_taxi] to its program."
            ) from error
        try:
            yield process
        finally:
            _end(process)


def _failure(what: str, nodes: tuple[Node, ...], errors: list[str], code: int) -> TaxiError:
    """Return the error that names what failed, why, and where its statement is."""
    bad = failures(nodes)
    if not bad:
        said = " ".join(" ".join(errors).split()) or f"it ended with {code}"
        kind = ContractError if _PROJECT_AT_FAULT.search("\n".join(errors)) else TransientError
        return kind(f"{what} did not come to any node: {said[-800:]}")
    told = "; ".join(map(_told, bad[:3]))
    more = f"; and {len(bad) - 3} more" if len(bad) > 3 else ""
    message = f"{what} failed in {len(bad)} of {len(nodes)} nodes: {told}{more}."
    if all(node.status == "fail" for node in bad):
        return DataTestFailed(f"{message} What depends on the data keeps its last content.")
    if all(node.status == "fail" or _PROJECT_AT_FAULT.search(node.message) for node in bad):
        return ContractError(f"{message} What depends on them keeps its last content. Correct the project.")
    return TransientError(f"{message} A retry runs only these and what was skipped.")


def _told(node: Node) -> str:
    said = " ".join(node.message.split("compiled code at")[0].split())
    where = f" (statement: {node.compiled})" if node.compiled else ""
    return f"{node.kind.replace('_', ' ')} {node.name}: {said[:300]}{where}"


def _read(line: str) -> tuple[int, str]:
    """Return the level and the text of a line of dbt's log; a line that is not dbt's is passed on.

    The text is empty for what only repeats: skipped nodes, the start of each test, and the summary of
    what failed, which the error says.
    """
    try:
        event = json.loads(line)
        info, node = event["info"], event["data"].get("node_info", {})
        starts_test = info["name"] == "LogStartLine" and node.get("resource_type") in TESTS
        said = "" if info["name"] in _REPEATED or starts_test else info["msg"]
        return _LEVELS.get(info["level"], logging.INFO), _PADDING.sub(" ", said).strip()
    except (ValueError, TypeError, KeyError, AttributeError):
        return logging.INFO, line.rstrip()


def _end(process: subprocess.Popen[str]) -> None:
    """End dbt and whatever it has started, if it still runs."""
    if process.stdout is not None:
        process.stdout.close()
    if process.poll() is not None:
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
