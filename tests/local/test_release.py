"""What a release consists of, and the workflows that make it."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from local import release
from local.environment import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

CHANGELOG = "## Unreleased\n\n* new\n\n## 1.2.0 (2026-01-01)\n\n### Loading\n\n* two\n\n## 1.1.0\n\n* one\n"


def test_the_notes_are_the_section_of_the_version() -> None:
    assert release.notes(CHANGELOG, "1.2.0") == "### Loading\n\n* two\n"
    assert release.notes(CHANGELOG, "1.1.0") == "* one\n"


def test_a_version_without_a_section_is_not_released() -> None:
    with pytest.raises(release.ReleaseFailed, match=r"CHANGELOG.md has no section of version 1\.1\."):
        release.notes(CHANGELOG, "1.1")


def test_a_tag_of_another_version_is_refused() -> None:
    with pytest.raises(release.ReleaseFailed, match=r"^TAG=v9 does not name the version "):
        release.main("v9")


def test_the_checksums_can_be_checked(tmp_path: Path) -> None:
    (tmp_path / "one.whl").write_text("content")
    (tmp_path / "SHA256SUMS").write_text(release.checksums(tmp_path))
    subprocess.run(("sha256sum", "--check", "SHA256SUMS"), cwd=tmp_path, check=True)


def test_workflows_only_call_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    files = sorted((CHECKOUT / ".github" / "workflows").glob("*.yaml"))
    commands = [
        step["run"]
        for file in files
        for job in yaml.safe_load(file.read_text())["jobs"].values()
        for step in job["steps"]
        if "run" in step
    ]
    assert len(commands) >= 5
    for command in commands:
        program, *words = command.split()
        assert program == "make"
        assert {word for word in words if "=" not in word} <= targets, command
