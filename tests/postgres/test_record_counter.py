"""Records counted in a file's bytes, against the rows that COPY makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from nyc_taxi.files.old_csvfile import RecordCounter

if TYPE_CHECKING:
    from psycopg import Connection

# A delimiter that does not occur: whatever the quotes do, each record is one field.
COPY = "copy pg_temp.line from stdin (format csv, delimiter e'\\x01')"


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.sampled_from([b'"', b'"', b"a", b",", b"END"]), max_size=60))
def test_the_counter_counts_what_copy_counts(
    warehouse: Connection, line_end: bytes, pieces: list[bytes]
) -> None:
    content = b"".join(pieces).replace(b"END", line_end)
    assume(content.count(b'"') % 2 == 0)
    warehouse.execute("create temporary table if not exists line (line text)")
    counter = RecordCounter(line_end)
    counter.feed(content)

    with warehouse.cursor() as cursor:
        with cursor.copy(COPY) as copy:
            copy.write(content)

        assert cursor.rowcount == counter.finish()


def test_copy_refuses_the_quote_that_the_counter_finds_open(warehouse: Connection) -> None:
    content = b'a,"b\nc\n'
    warehouse.execute("create temporary table line (line text)")
    counter = RecordCounter(b"\n")
    counter.feed(content)

    with (
        pytest.raises(psycopg.DataError, match="unterminated CSV quoted field"),
        warehouse.cursor() as cursor,
        cursor.copy(COPY) as copy,
    ):
        copy.write(content)
    assert not counter.ends_in_newline
