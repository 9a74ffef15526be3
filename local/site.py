"""The documentation site (``make docs``): Zensical builds it from the pages that GitHub shows as well.

The pages are those of ``docs/``, and the README, CONTRIBUTING and CHANGELOG of the checkout. They are copied to
``build/docs``, where links that leave the pages become links to the repository.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from local.environment import CHECKOUT, PYTHON
from local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterator

SITE: Final = CHECKOUT / "build" / "site"

_COPY: Final = CHECKOUT / "build" / "docs"
_TOP: Final = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""The pages that are not in ``docs/``, and their names in the site."""

_FENCED: Final = re.compile(r"^( *)(`{3,})(\w*)[^\n]*\n.*?^\1\2$", re.DOTALL | re.MULTILINE)
_LINK: Final = re.compile(r'(?<=\]\()[^)\s]+(?=\))|(?<= src=")[^"]+|(?<= srcset=")[^"]+|(?<= href=")[^"]+')
_LIST: Final = re.compile(r"^(?![ *|\d-])[^\n]+\n(?:[*-]|\d+\.) ", re.MULTILINE)


class SiteFailed(LocalError):
    """The site cannot be built. The message names every page and what is wrong with it."""


def build() -> None:
    """Build the site anew.

    :raises SiteFailed: if a link leads nowhere, a page is not in the navigation, or Zensical complains
    """
    pages = _pages(CHECKOUT)
    wrong = [*problems(CHECKOUT, pages), *_not_in_the_navigation(set(pages.values()))]
    if wrong:
        raise SiteFailed("\n".join(wrong))
    shutil.rmtree(_COPY, ignore_errors=True)
    shutil.rmtree(SITE, ignore_errors=True)
    repository = _repository()
    for page, name in pages.items():
        file = _COPY / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(copied(CHECKOUT, pages, page, repository), "utf-8")
    shutil.copytree(CHECKOUT / "docs" / "images", _COPY / "images")
    command = (str(PYTHON.parent / "zensical"), "build", "--strict", "--clean")
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SiteFailed(f"Zensical has not built the site:\n{done.stdout}{done.stderr}")


def _pages(checkout: Path) -> dict[str, str]:
    """Return the pages of a checkout, each with its name in the site; a README is the index of its folder."""
    found = dict(_TOP)
    for file in sorted((checkout / "docs").rglob("*.md")):
        name = file.relative_to(checkout / "docs").as_posix()
        found[f"docs/{name}"] = re.sub(r"(^|/)README\.md$", r"\1index.md", name)
    return found


def problems(checkout: Path, pages: dict[str, str]) -> Iterator[str]:
    """Give what would be wrong with pages, here or on GitHub: links to missing files, and lists that are none."""
    for page in pages:
        text = (checkout / page).read_text("utf-8")
        for link in _links(text):
            path, anchor = _target(page, link)
            if not (checkout / path).exists():
                yield f"{page} links to {link}, but there is no {path}."
            elif anchor and path in pages and anchor not in anchors((checkout / path).read_text("utf-8")):
                yield f"{page} links to {link}, but {path} has no heading of that name."
        for found in _LIST.finditer(_FENCED.sub("", text)):
            line = found[0].splitlines()[0]
            yield f"{page} needs an empty line before the list that follows this line: {line}"


def copied(checkout: Path, pages: dict[str, str], page: str, repository: str | None) -> str:
    """Return a page as the site has it.

    :param repository: address of the repository; without one, links to its files are only text
    """
    here = Path(pages[page]).parent

    def link(found: re.Match[str]) -> str:
        if _elsewhere(found[0]):
            return found[0]
        path, anchor = _target(page, found[0])
        readme = f"{path}/README.md"
        name = pages.get(path) or (pages.get(readme) if path != "." else None)
        if name is None and path.startswith("docs/images/"):
            name = path.removeprefix("docs/")
        if name is not None:
            return os.path.relpath(name, here) + (f"#{anchor}" if anchor else "")
        kind = "tree" if (checkout / path).is_dir() else "blob"
        return f"{repository}/{kind}/HEAD/{path}" if repository else _NOWHERE

    text = _outside_of_code((checkout / page).read_text("utf-8"), lambda part: _LINK.sub(link, part))
    return text if repository else re.sub(rf"\[([^\[\]]+)\]\({_NOWHERE}\)", r"\1", text)


_NOWHERE: Final = "nowhere:"
