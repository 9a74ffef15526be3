from __future__ import annotations

import pytest

from nyc_taxi.progress import ProgressLog, describe


@pytest.mark.parametrize(
    ("done", "total", "seconds", "line"),
    [
        (12_300_000, 45_600_000, 2.5, "copy: 12.3 of 45.6 MB (27%), 4.9 MB/s"),
        (12_300_000, None, 2.0, "copy: 12.3 MB, 6.2 MB/s"),
        (0, None, 0.0, "copy: 0.0 MB"),
    ],
)
def test_a_line_has_megabytes_share_and_speed(
    done: int, total: int | None, seconds: float, line: str
) -> None:
    assert describe("copy", done, total, seconds) == line


def test_lines_are_written_at_intervals_and_once_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("nyc_taxi.progress.time.monotonic", lambda: now[0])
    lines: list[str] = []
    progress = ProgressLog(lines.append, interval=10)

    for done in (0, 1_000_000, 2_000_000, 3_000_000, 4_000_000, 4_000_000):
        progress("download", done, 4_000_000)
        now[0] += 4
    progress("copy", 0, None)

    assert [line.split(" (")[0] for line in lines] == [
        "download: 3.0 of 4.0 MB",
        "download: 4.0 of 4.0 MB",
    ]
