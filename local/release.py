"""``make release``: wheel, chart, checksums and the section of CHANGELOG.md, published on GitHub."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from local.environment import CHECKOUT
from local.errors import LocalError
from nyc_taxi import __version__

DIST: Final = CHECKOUT / "dist"
_NOTES: Final = CHECKOUT / "build" / "release-notes.md"


class ReleaseFailed(LocalError):
    """There is nothing to release, or a step failed. The message says what to do."""


def main(tag: str) -> int:
    """Build what a release consists of, and publish it with GitHub's program ``gh``.

    :param tag: the version with a leading ``v``
    :raises ReleaseFailed: if tag, version and change log disagree, or a step failed
    """
    if tag != f"v{__version__}":
        raise ReleaseFailed(
            f"TAG={tag} does not name the version {__version__} of plugins/nyc_taxi/__init__.py. Change that "
            f"version, or run make release TAG=v{__version__}"
        )
    text = notes((CHECKOUT / "CHANGELOG.md").read_text("utf-8"), __version__)
    shutil.rmtree(DIST, ignore_errors=True)
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel")
    package_chart()
    (DIST / "SHA256SUMS").write_text(checksums(DIST), "utf-8")
    _NOTES.parent.mkdir(exist_ok=True)
    _NOTES.write_text(text, "utf-8")
    files = map(str, sorted(DIST.iterdir()))
    _run("gh", "release", "create", tag, "--verify-tag", f"--title={tag}", f"--notes-file={_NOTES}", *files)
    return 0


def notes(changelog: str, version: str) -> str:
    """Return the section of a version in the change log.

    :raises ReleaseFailed: if there is none
    """
    heading = rf"^## \[?{re.escape(version)}\]?(?: [^\n]*)?\n(.*?)(?=^## |\Z)"
    found = re.search(heading, changelog, re.DOTALL | re.MULTILINE)
    if found is None:
        raise ReleaseFailed(
            f"CHANGELOG.md has no section of version {version}. Rename its section Unreleased to "
            f"{version}, with the date, and commit that before you set the tag."
        )
    return found[1].strip() + "\n"


def package_chart() -> None:
    """Package the Helm chart into ``dist/``."""
    DIST.mkdir(exist_ok=True)
    _run("helm", "package", "helm/nyc-taxi", f"--destination={DIST}")


def checksums(folder: Path) -> str:
    """Return the SHA-256 of every file in a folder, as ``sha256sum --check`` reads it."""
    files = sorted(folder.iterdir())
    return "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)


def _run(*command: str) -> None:
    installed = Path(sys.executable).parent / command[0]
    program = str(installed) if installed.exists() else shutil.which(command[0])
    if program is None:
        raise ReleaseFailed(f"There is no program {command[0]} on the PATH. Install it first.")
    if code := subprocess.run((program, *command[1:]), cwd=CHECKOUT, check=False).returncode:
        raise ReleaseFailed(f"{command[0]} failed with exit code {code}; its messages are above.")
