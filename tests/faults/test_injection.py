"""Hostile texts, wherever a text of somebody else comes in: refused in one sentence, or kept as they are.

The texts are in ``hostile.py``. To add an input, add a line to REFUSED, or a test of the kind that fits.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nyc_taxi.core.chosen_months import chosen_months
from nyc_taxi.core.dataset import get_dataset, normalise
from nyc_taxi.core.month import Month, MonthRange, resolve_month
from nyc_taxi.errors import TaxiError
from nyc_taxi.files.download import Limits, download
from nyc_taxi.files.publication import Publication, State
from nyc_taxi.files.source_list import SourceList
from nyc_taxi.load.audit import audit_month
from nyc_taxi.load.stage import stage_month
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from tests.faults.hostile import HOSTILE, MARK, ODD_BYTES
from tests.file_server import FileServer, Reply
from tests.trips import GREEN, MONTH, fetch, load, published, row, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from local.postgres import EmbeddedPostgres
    from nyc_taxi.files.download import File
    from nyc_taxi.load.attempt import Attempt

_T = TypeVar("_T")
PATH = "green/green_tripdata_2021-01.csv.gz"

REFUSED: dict[str, Callable[[str], Any]] = {
    "month": Month,
    "months": MonthRange.parse,
    "month of the form": lambda text: resolve_month(run_type="manual", param=text),
    "partition key": lambda text: resolve_month(run_type="manual", param=None, partition_key=text),
    "partition key's month": lambda text: resolve_month(
        run_type="manual", param=None, partition_key=f"green|{text}"
    ),
    "months of the form": lambda text: chosen_months(["green"], text),
    "dataset": get_dataset,
    "dataset in a path": lambda text: get_dataset(f"{text}/../green"),
    "dataset of a source": lambda text: SourceList.parse("mirror").ask(text, MONTH),
    "source": lambda text: SourceList.parse(text).ask("green", MONTH),
    "host of a source": lambda text: SourceList.parse(f"http://{text}/").ask("green", MONTH),
    "path of a source": lambda text: SourceList.parse(f"http://127.0.0.1:1/{text}").ask("green", MONTH),
    "layout of a source": lambda text: SourceList.parse(f"{text}+http://127.0.0.1:1"),
    "folder of a source": lambda text: SourceList.parse(f"/nowhere/{text}").ask("green", MONTH),
}
"""What takes a text and must refuse every hostile one."""

NOT_EVEN_ASKED = (
    "gopher://127.0.0.1/x",
    "http://127.0.0.1@evil.example/",
    "http://127.0.0.1:80@evil.example/",
    "http://127.0.0.1\\@evil.example/",
    "http://evil.example#@127.0.0.1/",
    "http://evil.example/%2e%2e/",
    "http://[::1]:1@evil.example/",
    "https://evil.example\t/",
    "http://user:hunter2@127.0.0.1/",
    "http:/user:hunter2@127.0.0.1/",
    "user:hunter2@127.0.0.1/",
    "http://user:hunter2,more@127.0.0.1/",
    "http://user:9,hunter2@127.0.0.1/",
    "http://user:hunter2?@127.0.0.1/",
    "http://user:hun/hunter2@127.0.0.1/",
    "http://user:#hunter2@127.0.0.1/",
    "http://127.0.0.1/?X-Amz-Signature=hunter2",
    "http://127.0.0.1/?token=a@hunter2",
    "http://127.0.0.1/#hunter2",
    "file:///data?hunter2",
    "http://hunter2@127.0.0.1",
    "//hunter2@127.0.0.1",
)
"""Sources that are refused as they are written, and not quoted with what may be a secret."""


def check_sentence(error: TaxiError) -> None:
    """Check that an error says something short, on one line, with nothing in it that a terminal acts upon."""
    said = str(error)
    assert said.isprintable(), said
    assert len(said) < 1_500, said
    assert "hunter2" not in said


def carried(step: Callable[[], _T]) -> _T | None:
    """Return what a step returns, or None when it refuses what it was given, in one sentence."""
    try:
        return step()
    except TaxiError as error:
        check_sentence(error)
        return None


@pytest.mark.parametrize("refuse", REFUSED.values(), ids=REFUSED)
def test_hostile_text_is_refused_in_one_sentence(
    refuse: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in HOSTILE.items():
        try:
            refuse(text)
        except TaxiError as error:
            check_sentence(error)
        else:
            pytest.fail(f"{name} was not refused")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("source", NOT_EVEN_ASKED)
def test_odd_source_is_refused_without_its_secret(source: str) -> None:
    with pytest.raises(TaxiError, match="is not a source") as caught:
        SourceList.parse(source)
    check_sentence(caught.value)


# Carried through as data

OBJECTS = """
select 'table', schemaname || '.' || tablename from pg_tables
where schemaname in ('raw', 'ops') and tablename !~ '_20[0-9]{2}_[0-9]{2}$'
union all select 'schema', nspname from pg_namespace where nspname !~ '^pg_'
union all select 'role', rolname from pg_roles
order by 1, 2
"""
OWN = ("row_number", "file_month", "filename", "unmapped", "field_1", "surplus_1", "ctid", "xmin", "select")
"""Names of columns that mean something to the warehouse itself."""
NAMES = (*OWN, *(text for text in HOSTILE.values() if text.isprintable() and len(text) < 1_000))
"""Names that a column may have, however odd."""


@pytest.fixture(scope="module")
def shared_uri(
    postgres_server: EmbeddedPostgres, databases: psycopg.Connection, prepared_database: str
) -> str:
    """A warehouse that these tests share, because they leave nothing but months in it."""
    databases.execute(f"create database {MARK}_texts template {prepared_database}")
    return postgres_server.uri(f"{MARK}_texts")


@pytest.fixture
def taxi_warehouse(shared_uri: str) -> PostgresWarehouse:
    return PostgresWarehouse(lambda: psycopg.connect(shared_uri), "postgres_taxi")


@pytest.fixture
def reader(shared_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """A reader, after whose test nothing of a text was executed, here or in the database."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with psycopg.connect(shared_uri, autocommit=True) as connection:
        before = connection.execute(OBJECTS).fetchall()
        yield connection
        assert connection.execute(OBJECTS).fetchall() == before
    assert list((tmp_path / "here").iterdir()) == []


def all_steps(
    warehouse: PostgresWarehouse, answer: Publication, fetch: Callable[[Publication, Path], File]
) -> Attempt:
    staged = stage_month(warehouse, answer, fetch=fetch, run_id="test", force=True)
    audit_month(warehouse, staged.key)
    return warehouse.publish(staged.key)


def unmapped(reader: psycopg.Connection) -> list[Any]:
    return [value for (value,) in reader.execute("select distinct unmapped from raw.green_tripdata")]


def hostile_csv(folder: Path, names: Sequence[str]) -> Path:
    quoted = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    rows = (row(number) + ",é'%s" * len(names) for number in range(20))
    text = "".join(f"{line}\n" for line in (f"{GREEN},{quoted}", *rows))
    return write(folder, text.encode("utf-8", "surrogateescape"))


def hostile_parquet(folder: Path, names: Sequence[str]) -> Path:
    times = pa.array([1_609_500_000_000_000] * 20, pa.timestamp("us"))
    columns = {column: pa.array([1] * 20) for column in GREEN.split(",")}
    columns |= {column: times for column in columns if column.endswith("datetime")}
    columns |= {"store_and_fwd_flag": pa.array(["N"] * 20)}
    path = folder / "green_tripdata_2021-01.parquet"
    pq.write_table(pa.table({**columns, **{name: pa.array(["é'%s"] * 20) for name in names}}), path)
    return path


@pytest.mark.parametrize("make", [hostile_csv, hostile_parquet])
def test_columns_with_hostile_names_are_kept_as_data(
    taxi_warehouse: PostgresWarehouse,
    reader: psycopg.Connection,
    tmp_path: Path,
    make: Callable[[Path, Sequence[str]], Path],
) -> None:
    done = load(taxi_warehouse, published(make(tmp_path, NAMES)), force=True)
    assert done.header[-len(NAMES) :] == NAMES
    assert len(done.unknown) == len(NAMES)
    assert set(done.unknown) >= {normalise(name) for name in NAMES if normalise(name)}
    assert unmapped(reader) == [dict.fromkeys(done.unknown, "é'%s")]


@pytest.mark.parametrize("name", ODD_BYTES.values(), ids=ODD_BYTES)
def test_column_of_a_csv_file_with_odd_bytes_in_its_name(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path, name: str
) -> None:
    done = carried(lambda: load(taxi_warehouse, published(hostile_csv(tmp_path, [name])), force=True))
    if done:
        assert unmapped(reader) == [{done.unknown[-1]: "é'%s"}]


FILE_NAMES = ("quote", "double quote", "dollar quote", "backslash", "format", "psycopg", "nul", "surrogate")


@pytest.mark.parametrize("name", [HOSTILE[name] for name in FILE_NAMES], ids=FILE_NAMES)
def test_file_with_a_hostile_name(
    taxi_warehouse: PostgresWarehouse, reader: psycopg.Connection, tmp_path: Path, name: str
) -> None:
    """The name ends in a constant of the partition, so it is a part of a statement."""
    path = write(tmp_path, "".join(f"{line}\n" for line in (GREEN, *map(row, range(20)))).encode())
    address = f"https://files.example.org/a/{quote(name, safe='', errors='surrogateescape')}"

    def served(_: Publication, folder: Path) -> File:
        return replace(fetch(published(path), folder), url=address)

    answer = replace(published(path), url=address)
    if carried(lambda: all_steps(taxi_warehouse, answer, fetch=served)):
        found = reader.execute("select distinct filename from raw.green_tripdata").fetchall()
        last = name.rpartition("/")[2].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        assert found == [(last,)]


HEADERS: dict[str, dict[str, str]] = {
    **{
        name: {
            "ETag": f'"{text}"',
            "Content-Type": text,
            "Last-Modified": text,
            "Content-Range": f"bytes {text}",
        }
        for name, text in ODD_BYTES.items()
        if len(text) < 10_000
    },
    **{f"page, {name}": {"Content-Type": f"text/html {text}"} for name, text in ODD_BYTES.items()},
    "folded etag": {"ETag": '"a\r\n b"'},
    "folded type": {"Content-Type": "text/html;\r\n\tcharset=x"},
    "etag of 60 kB": {"ETag": '"' + "e" * 60_000 + '"'},
    "header of 70 kB": {"X-Long": "x" * 70_000},
    "two hundred headers": {f"X-{number}": "x" for number in range(200)},
    "length of 5000 digits": {"Content-Length": "9" * 5000},
    "length of 30 digits": {"Content-Length": "9" * 30},
    "end of time": {"Last-Modified": "Fri, 31 Dec 9999 23:59:59 -0100"},
    "beginning of time": {"Last-Modified": "Mon, 01 Jan 0001 00:00:00 +0100"},
    "no day": {"Last-Modified": "Mon, 99 Foo 99999 99:99:99 +9999"},
    "range of 5000 digits": {"Content-Range": f"bytes {'9' * 5000}-9/*"},
    "encoding": {"Content-Encoding": "gzip, br, ../x"},
}
"""Headers of an answer that has the file, or says that it is something else."""

ANSWERS: dict[str, dict[str, str]] = {
    **{name: {"Location": text, "Retry-After": text} for name, text in ODD_BYTES.items()},
    "location of 60 kB": {"Location": f"http://127.0.0.1:1/{'x' * 60_000}"},
    "location off the web": {"Location": "javascript:alert(document.cookie)"},
    "wait for ever": {"Retry-After": "9" * 5000},
    "wait to the end of time": {"Retry-After": "Fri, 31 Dec 9999 23:59:59 -0100"},
    "folded location": {"Location": "http://127.0.0.1:1/a\r\n b"},
}
"""Headers of an answer that has no file."""
QUICK = Limits(connect=5, read=5, total=3, tries=2, pause=0.01)


def sent(headers: dict[str, str], status: int = 200, body: bytes = b"") -> Reply:
    """Return the answer with these headers, as the bytes that they are in UTF-8."""
    raw = {name: text.encode("utf-8", "surrogateescape").decode("latin-1") for name, text in headers.items()}
    return Reply(body, status=status, headers=raw, sized="Content-Length" not in headers)


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_file_with_hostile_headers(
    taxi_warehouse: PostgresWarehouse,
    reader: psycopg.Connection,
    file_server: FileServer,
    tmp_path: Path,
    headers: dict[str, str],
) -> None:
    body = gzip.compress("".join(f"{line}\n" for line in (GREEN, *map(row, range(20)))).encode())
    file_server.answer(PATH, sent(headers, body=body))

    def loaded() -> Attempt:
        answer = SourceList.parse(file_server.url).ask("green", MONTH)
        Publication.from_json(json.loads(json.dumps(answer.to_json())))
        return all_steps(taxi_warehouse, answer, fetch=partial(download, limits=QUICK))

    if done := carried(loaded):
        assert done.rows_loaded == 20
        assert done.etag is None or (done.etag.isprintable() and len(done.etag) <= 1_000)


@pytest.mark.parametrize("status", [302, 429])
@pytest.mark.parametrize("headers", ANSWERS.values(), ids=ANSWERS)
def test_answer_without_a_file_and_with_hostile_headers(
    file_server: FileServer, headers: dict[str, str], status: int
) -> None:
    file_server.answer(PATH, sent(headers, status=status))
    answer = carried(lambda: SourceList.parse(file_server.url).ask("green", MONTH))
    assert answer is None or answer.state is State.NOT_YET, (
        "a redirect to the server, which has nothing there"
    )


@pytest.mark.parametrize("text", ODD_BYTES.values(), ids=ODD_BYTES)
def test_hostile_word_in_a_status_line(file_server: FileServer, text: str) -> None:
    file_server.answer(PATH, Reply(status=500, reason=text.replace("\n", " ").replace("\r", " ")))
    with pytest.raises(TaxiError) as caught:
        SourceList.parse(file_server.url).ask("green", MONTH)
    check_sentence(caught.value)
