"""Every command of the documentation names a target, a setting or a command that exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import yaml

from local.environment import CHECKOUT
from nyc_taxi.cli.definition import get_taxi_cli_commands

_BLOCK = re.compile(r"^```(sh|console)[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)


def commands() -> list[tuple[str, str]]:
    """Every command of a block of the docs, with its page."""
    found = []
    for page in (CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *(CHECKOUT / "docs").rglob("*.md")):
        for language, text in _BLOCK.findall(page.read_text("utf-8")):
            lines = text.replace("\\\n", " ").splitlines()
            if language == "console":
                lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
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


def test_every_airflow_taxi_command_of_the_docs_exists_with_its_options() -> None:
    (taxi,) = get_taxi_cli_commands()
    known = {
        one.name: {flag for argument in one.args for flag in argument.flags}
        for one in taxi.subcommands  # type: ignore[union-attr]
    }
    seen, wrong = 0, []
    for page, line in commands():
        for name, rest in re.findall(r"airflow taxi ([\w-]+)([^'\"|;&]*)", line):
            seen += 1
            flags = {word.split("=")[0] for word in rest.split() if re.match(r"-{1,2}[a-z]", word)}
            if name not in known or flags - known[name]:
                wrong.append(f"{page}: {line}")
    assert seen > 10
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
