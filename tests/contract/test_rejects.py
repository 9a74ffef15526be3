"""``airflow taxi rejects`` over every warehouse: shown, and written to a file again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from nyc_taxi.core.month import MonthRange
from nyc_taxi.samples import write_sample

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.conftest import Listed, Run


def test_rejects_shows_line_reason_and_the_bytes_of_the_line(
    run: Run, listed: Listed, dirty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(f"load green 2021-01 --source {dirty}")
    first, second = listed("rejects green 2021-01")
    assert [first["line_number"], second["line_number"]] == [3, 5]
    assert first["line"] == "2,soon,2021-01-01 00:10:00"
    assert second["line"] == r"[red]\xff" + "\\\\" + 300 * "x"
    assert first["reason"]
    assert run("rejects green 2021-01") == 0
    shown = capsys.readouterr().out
    assert r"[red]\xff" in shown
    assert 300 * "x" not in shown


def test_rejects_says_when_there_are_more(
    run: Run, listed: Listed, dirty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(f"load green 2021-01 --source {dirty}")
    assert len(listed("rejects green 2021-01 --limit 1")) == 1
    run("rejects green 2021-01 --limit 1")
    assert "Only the first 1 are shown. Use --limit all" in capsys.readouterr().err
    assert len(listed("rejects green 2021-01 --limit all")) == 2


def test_rejects_are_exported_as_they_were_in_the_file(
    run: Run, dirty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(f"load green 2021-01 --source {dirty}")
    lines = (dirty / "green_tripdata_2021-01.csv").read_bytes().splitlines(keepends=True)
    file = tmp_path / "refused.csv"
    capsys.readouterr()
    assert run(f"rejects green 2021-01 --limit 1 --export {file}") == 0
    assert file.read_bytes() == lines[0] + lines[2] + lines[4]
    said = capsys.readouterr()
    assert said.out.startswith("Wrote 2 rejected rows of file://")
    assert said.out.endswith(f"green_tripdata_2021-01.csv to {file}.\n")


def test_rejects_are_exported_to_standard_output(
    run: Run, dirty: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    run(f"load green 2021-01 --source {dirty}")
    capfdbinary.readouterr()
    assert run("rejects green 2021-01 --export -") == 0
    said = capfdbinary.readouterr()
    lines = (dirty / "green_tripdata_2021-01.csv").read_bytes().splitlines(keepends=True)
    assert said.out == lines[0] + lines[2] + lines[4]
    assert b"Wrote 2 rejected rows of file://" in said.err


def test_an_export_overwrites_nothing_unless_it_is_told_to(
    run: Run, dirty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(f"load green 2021-01 --source {dirty}")
    file = tmp_path / "refused.csv"
    file.write_text("mine")
    other = tmp_path / "refused.csv.part"
    other.write_text("mine too")

    def interrupted(*_: Any) -> None:
        assert not (tmp_path / "new.csv").exists()
        raise KeyboardInterrupt

    assert run(f"rejects green 2021-01 --export {file}") == 2
    assert "exists. Name another file, or add --overwrite" in capsys.readouterr().err
    with monkeypatch.context() as patched:
        patched.setattr("nyc_taxi.cli.rejects.write_rejects", interrupted)
        assert run(f"rejects green 2021-01 --export {file} --overwrite") == 130
        assert run(f"rejects green 2021-01 --export {tmp_path}/new.csv") == 130
    assert file.read_text() == "mine"
    assert run(f"rejects green 2021-01 --export {file} --overwrite") == 0
    assert file.read_bytes().count(b"\n") == 3
    assert other.read_text() == "mine too"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "green_tripdata_2021-01.csv",
        "refused.csv",
        "refused.csv.part",
    ]


@pytest.mark.parametrize(
    ("options", "status", "sentence"),
    [
        ("--overwrite", 2, "needs a file to export to"),
        ("--export {folder} --overwrite", 2, "exists. Name another file"),
        ("--export /dev/null --overwrite", 2, "exists. Name another file"),
        ("--export {folder}/nowhere/x.csv", 2, "cannot be written: No such file or directory"),
        ("--export /dev/full/x --overwrite", 2, "cannot be written: Not a directory"),
        ("--export {folder}/x.csv", 1, "green 2021-01 was never loaded"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(
    run: Run, options: str, status: int, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if status == 2:
        write_sample(MonthRange.parse("2021-01..2021-01"), 10, tmp_path, ["green"])
        run(f"load green 2021-01 --source {tmp_path}")
    assert run(f"rejects green 2021-01 {options.format(folder=tmp_path)}") == status
    assert sentence in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.glob("x.csv*"))
