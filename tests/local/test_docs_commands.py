"""Every command of the documentation names a target, a setting or a command that exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from airflow.cli.cli_parser import get_parser

from local.environment import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def commands() -> list[tuple[str, str]]:
    """Every command of a block of the docs, with its page."""
    found = []
    for page in (CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *(CHECKOUT / "docs").rglob("*.md")):
        for language, text in _BLOCK.findall(page.read_text("utf-8")):
            lines = text.replace("\\\n", " ").splitlines()
            if language not in ("", "sh", "sh skip", "console", "console skip"):
                continue
            if not language.startswith("sh"):
                shown = (line.removeprefix("$ ") for line in lines if line.startswith(("$ ", "airflow ")))
                lines = list(shown)
            found += [(str(page.relative_to(CHECKOUT)), line) for line in lines if line.strip()]
    return found


def test_every_make_command_of_the_docs_exists_with_its_settings() -> None:
    makefile = Path(CHECKOUT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    settings = {*re.findall(r"^override ([A-Z]+) :=", makefile, re.MULTILINE), "TEST_LONG", "PYTHON313"}
    seen, wrong = 0, []
    for page, line in commands():
        if line.startswith("make "):
            seen += 1
            words = shlex.split(re.split(r" <<| \| | > ", line)[0], comments=True)[1:]
            given = [word for word in words if not word.startswith("-")]
            bad = [word for word in given if "=" not in word and word not in targets]
            bad += [word for word in given if "=" in word and word.split("=")[0] not in settings]
            wrong += [f"{page}: {line}"] if bad else []
    assert seen > 10
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


def test_every_service_that_the_docs_name_exists() -> None:
    files = [CHECKOUT / "docker-compose.yaml", *(CHECKOUT / "compose").rglob("compose.yaml")]
    services = {name for file in files for name in yaml.safe_load(file.read_text())["services"]}
    named = [
        (page, name)
        for page, line in commands()
        for name in re.findall(r"docker compose exec (?:-\S+ )*([a-z][\w-]*)", line)
    ]
    assert named
    assert not [one for one in named if one[1] not in services]
