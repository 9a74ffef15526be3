"""The recipe of docs/test-a-dag.md, run as a reader would run it."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING, Any

from tests.dags.conftest import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    Publish = Callable[..., None]


def test_the_tests_of_the_page_pass(
    airflow_database: None,
    connections: None,
    publish: Publish,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = (CHECKOUT / "docs" / "test-a-dag.md").read_text("utf-8")
    set_up, *tests = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    shutil.copytree(CHECKOUT / "dags", tmp_path / "dags")
    shutil.copy(CHECKOUT / "docs" / "examples" / "busiest_day.py", tmp_path / "dags")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("airflow.settings.DAGS_FOLDER", str(tmp_path / "dags"))
    publish("green", "2021-01")
    environment = dict(os.environ)
    written: dict[str, Any] = {}

    exec(compile(set_up, "conftest.py", "exec"), {})
    os.environ.clear()
    os.environ.update(environment)
    for test in tests:
        exec(compile(test, "test_dags.py", "exec"), written)

    ran = [name for name in written if name.startswith("test_")]
    assert ran == ["test_a_month_is_loaded", "test_the_busiest_day_is_in_the_month"]
    for name in ran:
        written[name]()
