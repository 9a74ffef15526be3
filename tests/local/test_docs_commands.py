"""Every command of the documentation names a target, a setting, a command or a file that exists."""

from __future__ import annotations

import re
import shlex
import subprocess
from contextlib import redirect_stdout
from fnmatch import fnmatch
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from airflow.cli.cli_parser import get_parser

from local.environment import CHECKOUT
from tests.pages import commands, named

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator

FILE = re.compile(r"[\w*][\w.*-]*\.(json|md|py|sh|sql|tf|toml|ya?ml)")
"""Names that are files of the project."""

YOURS = {"docker-compose.override.yaml", "mine.yaml", "shuttle.yaml"}
"""Names of files that the reader of a page writes."""


def test_every_make_command_of_the_docs_exists_with_its_settings() -> None:
    makefile = Path(CHECKOUT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    settings = {*re.findall(r"^override ([A-Z]+) :=", makefile, re.MULTILINE), "TEST_LONG", "PYTHON313"}
    seen, wrong = 0, []
    for page, line in commands() + named():
        if line.startswith("make "):
            seen += 1
            words = shlex.split(re.split(r" <<| \| | > ", line)[0], comments=True)[1:]
            given = [word for word in words if not word.startswith("-") and word != "…"]
            bad = [word for word in given if "=" not in word and word not in targets]
            bad += [word for word in given if "=" in word and word.split("=")[0] not in settings]
            wrong += [f"{page}: {line}"] if bad else []
    assert seen > 100
    assert not wrong


def airflow_commands(line: str) -> Iterator[list[str]]:
    """The commands of Airflow in a line of a shell, also those that make or another program passes on."""
    words = shlex.split(line, comments=True)
    for word in words:
        if word.startswith(("CMD=airflow ", "airflow ")):
            yield from airflow_commands(word.removeprefix("CMD="))
    if "airflow" in words:
        after = words[words.index("airflow") + 1 :]
        ends = (number for number, word in enumerate(after) if word[0] in "|&;>" or word.endswith(";"))
        yield after[: next(ends, len(after))]


def test_every_airflow_command_of_the_docs_is_one() -> None:
    parser = get_parser()
    seen, wrong = 0, []
    for page, line in commands():
        for words in airflow_commands(line):
            seen += 1
            try:
                parser.parse_args(words)
            except SystemExit:
                wrong.append(f"{page}: {line}")
    assert seen > 40
    assert not wrong


def test_every_airflow_command_that_a_sentence_names_exists_with_its_options() -> None:
    parser = get_parser()
    lines = {(page, line) for page, line in named() if re.match(r"(airflow|make exec) ", line)}
    given = [(line, words) for line in sorted(lines) for words in airflow_commands(line[1])]
    wrong = [line for line, words in given if not known(parser, words)]
    assert len(lines) > 30
    assert not wrong


def known(parser: ArgumentParser, words: list[str]) -> bool:
    """Whether there is a command with these options; a sentence may leave out arguments."""
    with redirect_stdout(StringIO()) as text:
        try:
            parser.parse_args([*(word for word in words if word != "…"), "--help"])
        except SystemExit as end:
            options = [word for word in words if word.startswith("-")]
            return not end.code and all(re.search(rf"{word}(?![\w-])", text.getvalue()) for word in options)
    return False


def test_every_service_that_the_docs_name_exists() -> None:
    files = [CHECKOUT / "docker-compose.yaml", *(CHECKOUT / "compose").rglob("compose.yaml")]
    services = {name for file in files for name in yaml.safe_load(file.read_text())["services"]}
    given = [
        (page, name)
        for page, line in commands() + named()
        for name in re.findall(r"docker compose (?:exec|restart|rm|logs) (?:-\S+ )*([a-z][\w-]*)", line)
    ]
    assert len(given) > 10
    assert not [one for one in given if one[1] not in services]


def test_every_file_that_the_docs_name_exists() -> None:
    git = ("git", "ls-files", "--cached", "--others", "--exclude-standard")
    listed = subprocess.run(git, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    files = [Path(line) for line in listed.splitlines()]
    paths = {str(path) for file in files for path in (file, *file.parents)}
    folders = {path for path in paths if "/" not in path.removeprefix("dbt_project/")}
    folders = {folder.removeprefix("dbt_project/") for folder in folders}
    seen, wrong = 0, set()
    for page, line in commands() + named():
        for word in re.split(r"[\s=]", line):
            path = word.strip("'\"/").removeprefix("./")
            first, *_, last = path.split("/") * 2
            ours = FILE.fullmatch(path) or (first in folders and first != path)
            if ours and last not in YOURS and not re.search(r"[<{$…]", path):
                seen += 1
                if not any(fnmatch(one, path) or fnmatch(one, f"*/{path}") for one in paths):
                    wrong.add((page, path))
    assert seen > 100
    assert not wrong
