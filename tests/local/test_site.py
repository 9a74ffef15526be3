"""The documentation site: what it takes from the pages, and what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local import site

if TYPE_CHECKING:
    from pathlib import Path

PAGES = {"README.md": "index.md", "docs/a.md": "a.md", "docs/decisions/README.md": "decisions/index.md"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "docs" / "decisions").mkdir(parents=True)
    (tmp_path / "docs" / "images").mkdir()
    (tmp_path / "dags").mkdir()
    (tmp_path / "Makefile").touch()
    (tmp_path / "docs" / "images" / "one.png").touch()
    (tmp_path / "README.md").write_text(
        "[a](docs/a.md#part), [decisions](docs/decisions), [DAGs](dags), [make](Makefile)\n"
        "![one](docs/images/one.png) [out](https://example.com/) [here](#part)\n"
    )
    (tmp_path / "docs" / "a.md").write_text("[home](../README.md)\n\n```sh skip\nmake [x](nowhere.md)\n```\n")
    (tmp_path / "docs" / "decisions" / "README.md").write_text("[a](../a.md)\n")
    return tmp_path


def test_links_work_on_the_site_as_they_do_on_github(checkout: Path) -> None:
    assert not list(site.problems(checkout, PAGES))
    assert site.copied(checkout, PAGES, "README.md", "https://git.example/us/taxi") == (
        "[a](a.md#part), [decisions](decisions/index.md), "
        "[DAGs](https://git.example/us/taxi/tree/HEAD/dags), "
        "[make](https://git.example/us/taxi/blob/HEAD/Makefile)\n"
        "![one](images/one.png) [out](https://example.com/) [here](#part)\n"
    )
    assert site.copied(checkout, PAGES, "docs/decisions/README.md", None) == "[a](../a.md)\n"


def test_without_a_known_repository_links_to_its_files_are_text(checkout: Path) -> None:
    assert "index.md), DAGs, make\n" in site.copied(checkout, PAGES, "README.md", None)


def test_a_block_of_code_keeps_its_content_and_only_its_language(checkout: Path) -> None:
    copied = site.copied(checkout, PAGES, "docs/a.md", None)
    assert copied == "[home](index.md)\n\n```sh\nmake [x](nowhere.md)\n```\n"


def test_a_link_to_a_missing_file_is_named(checkout: Path) -> None:
    (checkout / "docs" / "a.md").write_text("[tests](../tests)\n")
    assert list(site.problems(checkout, PAGES)) == [
        "docs/a.md links to ../tests, but there is no tests.",
    ]


def test_a_list_that_only_github_shows_as_one_is_named(checkout: Path) -> None:
    (checkout / "docs" / "a.md").write_text("It has:\n* one\n* two\n\n* three\n* four\n")
    (problem,) = site.problems(checkout, PAGES)
    assert problem == "docs/a.md needs an empty line before the list that follows this line: It has:"


def test_a_page_that_is_not_in_the_navigation_is_named() -> None:
    listed = set(site.pages().values())
    assert not list(site.not_in_the_navigation(listed))
    assert list(site.not_in_the_navigation({*listed, "new.md"} - {"cli.md"})) == [
        "The navigation in mkdocs.yml lists cli.md, but there is no such page.",
        "The page new.md is missing from the navigation in mkdocs.yml.",
    ]
