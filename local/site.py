"""The documentation site (``make docs``): Zensical builds it from the pages that GitHub shows as well.

The pages are those of ``docs/``, and the README, CONTRIBUTING and CHANGELOG of the checkout. They are copied
to ``build/docs``, where links that leave the pages become links to the repository.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from local.environment import CHECKOUT, PYTHON
from local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    found = pages()
    wrong = [*problems(CHECKOUT, found), *not_in_the_navigation(set(found.values()))]
    if wrong:
        raise SiteFailed("\n".join(wrong))
    shutil.rmtree(_COPY, ignore_errors=True)
    shutil.rmtree(SITE, ignore_errors=True)
    repository = _repository()
    for page, name in found.items():
        file = _COPY / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(copied(CHECKOUT, found, page, repository), "utf-8")
    shutil.copytree(CHECKOUT / "docs" / "images", _COPY / "images")
    command = (str(PYTHON.parent / "zensical"), "build", "--strict", "--clean")
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode:
        said = re.sub(
            r"\x1b\[[\d;]*m|^Traceback .*", "", done.stdout + done.stderr, flags=re.DOTALL | re.MULTILINE
        )
        raise SiteFailed(f"Zensical has not built the site:\n{said}")


def pages(checkout: Path = CHECKOUT) -> dict[str, str]:
    """Return the pages of a checkout, each with its name in the site; a README is the index of its folder."""
    found = dict(_TOP)
    for file in sorted((checkout / "docs").rglob("*.md")):
        name = file.relative_to(checkout / "docs").as_posix()
        found[f"docs/{name}"] = re.sub(r"(^|/)README\.md$", r"\1index.md", name)
    return found


def problems(checkout: Path, pages: dict[str, str]) -> Iterator[str]:
    """Give what would be wrong with pages, here or on GitHub: links to missing files, and lists as prose."""
    for page in pages:
        text = (checkout / page).read_text("utf-8")
        for link in _links(text):
            path, _ = _target(page, link)
            if not (checkout / path).exists():
                yield f"{page} links to {link}, but there is no {path}."
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
"""Where links lead that leave the site, when nobody knows where the repository is."""


def _links(text: str) -> Iterator[str]:
    """Give the links of a page that lead into the checkout."""
    for found in _LINK.finditer(_FENCED.sub("", text)):
        if not _elsewhere(found[0]):
            yield found[0]


def _elsewhere(link: str) -> bool:
    return link.startswith("#") or re.match(r"[a-z]+:", link) is not None


def _target(page: str, link: str) -> tuple[str, str]:
    """Return the file or folder that a link leads to, as a path in the checkout, and the heading in it."""
    path, _, anchor = link.partition("#")
    return os.path.normpath(Path(page).parent / path), anchor


def _outside_of_code(text: str, change: Callable[[str], str]) -> str:
    """Return a page whose text is changed but for the fenced blocks, which keep only their language."""
    parts, end = [], 0
    for block in _FENCED.finditer(text):
        first, rest = block[0].split("\n", 1)
        parts += [
            change(text[end : block.start()]),
            f"{first.split(' ')[0] if block[1] == '' else first}\n{rest}",
        ]
        end = block.end()
    return "".join((*parts, change(text[end:])))


def not_in_the_navigation(names: set[str]) -> Iterator[str]:
    """Give the pages that the navigation of ``mkdocs.yml`` lacks, has twice, or has without a file."""
    listed = list(_leaves(yaml.safe_load((CHECKOUT / "mkdocs.yml").read_text("utf-8"))["nav"]))
    for name in sorted({*names, *listed}):
        if name not in listed:
            yield f"The page {name} is missing from the navigation in mkdocs.yml."
        elif name not in names:
            yield f"The navigation in mkdocs.yml lists {name}, but there is no such page."
        elif listed.count(name) > 1:
            yield f"The navigation in mkdocs.yml lists {name} twice."


def _leaves(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    else:
        for one in tree.values() if isinstance(tree, dict) else tree:
            yield from _leaves(one)


def _repository() -> str | None:
    """Return the address of the repository that the checkout was cloned from, as a browser needs it."""
    git = ("git", "remote", "get-url", "origin")
    address = subprocess.run(git, cwd=CHECKOUT, capture_output=True, text=True, check=False).stdout.strip()
    found = re.fullmatch(r"(?:https://(?:[^@/]+@)?|(?:ssh://)?git@)([\w.-]+)[:/](.+?)(?:\.git)?/?", address)
    return f"https://{found[1]}/{found[2]}" if found else None


def main() -> int:
    """Build the site and say where it is."""
    build()
    print(f"The documentation is in {SITE.relative_to(CHECKOUT)}: open index.html there.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SiteFailed as error:
        sys.exit(str(error))
