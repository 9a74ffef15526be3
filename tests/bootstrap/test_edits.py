"""Whose word counts about a pool, a connection, a variable: the files' or a person's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import delete, select, text

from nyc_taxi.deploy.entry import CONNECTION, POOL, VARIABLE, Content, Entry
from nyc_taxi.deploy.init import bring_in
from nyc_taxi.deploy.record import NAME, Record
from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

SECRET = "pa55-in-the-files"
EDITED = "pa55-of-a-person"
MINE = "BOOTSTRAP_OVERWRITE=1"


@dataclass(frozen=True)
class Case:
    """An entry, what the files say first and then, and one field that a person may edit."""

    entry: Entry
    first: Content
    then: Content
    field: str
    edited: Any


def connection(**fields: Any) -> Content:
    names = ("conn_type", "description", "host", "login", "password", "schema", "port", "extra")
    return dict.fromkeys(names) | {"conn_type": "postgres", "host": "a", "password": SECRET} | fields


EXTRA = {"sslmode": "require", "token": SECRET}
FIELDS = {
    "conn_type": "mysql",
    "description": "edited",
    "host": "b",
    "login": "anna",
    "password": EDITED,
    "schema": "other",
    "port": 6432,
    "extra": json.dumps({**EXTRA, "sslmode": "disable"}),
}
CASES = [
    *(
        Case(Entry(CONNECTION, "c"), connection(extra=EXTRA), connection(host="z", port=1), field, edited)
        for field, edited in FIELDS.items()
    ),
    *(
        Case(
            Entry(POOL, "p"),
            {"slots": 4, "description": "d", "include_deferred": False},
            {"slots": 6, "description": None, "include_deferred": False},
            field,
            edited,
        )
        for field, edited in {"slots": 5, "description": "edited", "include_deferred": True}.items()
    ),
    *(
        Case(
            Entry(VARIABLE, "v"),
            {"value": SECRET, "description": "d"},
            {"value": "then", "description": None},
            field,
            edited,
        )
        for field, edited in {"val": EDITED, "description": "edited"}.items()
    ),
]
KINDS = [next(case for case in CASES if case.entry.kind == kind) for kind in (CONNECTION, POOL, VARIABLE)]
every_field = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.entry.kind}-{case.field}")
every_kind = pytest.mark.parametrize("case", KINDS, ids=lambda case: case.entry.kind)


def model(entry: Entry) -> tuple[Any, Any]:
    from airflow.models.connection import Connection
    from airflow.models.pool import Pool
    from airflow.models.variable import Variable

    return {
        CONNECTION: (Connection, Connection.conn_id),
        POOL: (Pool, Pool.pool),
        VARIABLE: (Variable, Variable.key),
    }[entry.kind]


def row(session: Session, entry: Entry) -> Any:
    """Return an entry as Airflow's own model, or None."""
    kind, key = model(entry)
    session.expire_all()
    return session.scalar(select(kind).where(key == entry.name))


def edit(session: Session, entry: Entry, field: str, edited: Any) -> None:
    """Change a field as the UI does."""
    setattr(row(session, entry), field, edited)
    session.commit()


def brought(session: Session, case: Case, content: Content, *, overwrite: bool = False) -> str:
    """Bring an entry in and return the report, in which no secret may be."""
    report = "\n".join(bring_in(session, {case.entry: content}, overwrite=overwrite))
    session.commit()
    assert SECRET not in report
    assert EDITED not in report
    return report


def as_content(session: Session, entry: Entry) -> Content | None:
    found = row(session, entry)
    if found is None:
        return None
    if entry.kind == POOL:
        return {name: getattr(found, name) for name in ("slots", "description", "include_deferred")}
    if entry.kind == VARIABLE:
        return {"value": found.val, "description": found.description}
    return connection(
        **{name: getattr(found, name) for name in FIELDS if name != "extra"},
        extra=json.loads(found.extra) if found.extra else None,
    )


@every_kind
def test_what_is_not_there_is_created(session: Session, case: Case) -> None:
    assert brought(session, case, case.first) == f"The {case.entry} was created."
    assert as_content(session, case.entry) == case.first


@every_kind
def test_what_nobody_touched_follows_the_files(session: Session, case: Case) -> None:
    brought(session, case, case.first)
    assert brought(session, case, case.then) == f"The {case.entry} was changed, as its settings were."
    assert as_content(session, case.entry) == case.then
    assert brought(session, case, case.then) == ""
    brought(session, case, case.first)
    assert as_content(session, case.entry) == case.first


@every_field
def test_what_a_person_edited_is_kept_and_reported_each_time(session: Session, case: Case) -> None:
    brought(session, case, case.first)
    edit(session, case.entry, case.field, case.edited)
    kept = as_content(session, case.entry)
    assert kept != case.first
    for content in (case.first, case.then, case.first):
        report = brought(session, case, content)
        assert report == f"The {case.entry} was edited in Airflow, and is kept; {MINE} writes it anew."
        assert as_content(session, case.entry) == kept


@every_kind
def test_an_edit_that_was_taken_back_is_no_edit(session: Session, case: Case) -> None:
    brought(session, case, case.first)
    before = getattr(row(session, case.entry), case.field)
    edit(session, case.entry, case.field, case.edited)
    brought(session, case, case.first)
    edit(session, case.entry, case.field, before)
    assert brought(session, case, case.first) == ""
    brought(session, case, case.then)
    assert as_content(session, case.entry) == case.then


def test_saving_the_form_as_it_was_is_no_edit(session: Session) -> None:
    case = KINDS[0]
    brought(session, case, case.first)
    edit(session, case.entry, "description", "")
    edit(session, case.entry, "extra", json.dumps(dict(reversed(EXTRA.items())), indent=4))
    assert brought(session, case, case.then).endswith("was changed, as its settings were.")


@every_kind
def test_what_was_there_before_init_is_kept_and_reported(session: Session, case: Case) -> None:
    other = Case(case.entry, case.then, case.first, case.field, case.edited)
    brought(session, other, other.first)
    session.execute(text("delete from variable where key = :key"), {"key": NAME})
    report = brought(session, case, case.first)
    assert (
        report
        == f"The {case.entry} was in Airflow before init wrote any, and is kept; {MINE} writes it anew."
    )
    assert as_content(session, case.entry) == case.then


@every_kind
def test_what_was_there_before_init_and_equals_the_files_follows_them(session: Session, case: Case) -> None:
    brought(session, case, case.first)
    session.execute(text("delete from variable where key = :key"), {"key": NAME})
    assert brought(session, case, case.first) == ""
    brought(session, case, case.then)
    assert as_content(session, case.entry) == case.then


@every_kind
def test_what_a_person_deleted_stays_deleted_and_is_reported_each_time(session: Session, case: Case) -> None:
    brought(session, case, case.first)
    kind, key = model(case.entry)
    session.execute(delete(kind).where(key == case.entry.name))
    for content in (case.first, case.then):
        report = brought(session, case, content)
        assert (
            report
            == f"The {case.entry} was deleted in Airflow, and is not created again; {MINE} writes it anew."
        )
        assert row(session, case.entry) is None


@every_kind
def test_overwrite_writes_what_was_edited(session: Session, case: Case) -> None:
    brought(session, case, case.first)
    edit(session, case.entry, case.field, case.edited)
    report = brought(session, case, case.then, overwrite=True)
    assert report == f"The {case.entry} was overwritten, as BOOTSTRAP_OVERWRITE asks for."
    assert as_content(session, case.entry) == case.then
    brought(session, case, case.first)
    assert as_content(session, case.entry) == case.first


@every_kind
def test_overwrite_creates_what_was_deleted(session: Session, case: Case) -> None:
    brought(session, case, case.first)
    kind, key = model(case.entry)
    session.execute(delete(kind).where(key == case.entry.name))
    assert brought(session, case, case.then, overwrite=True) == f"The {case.entry} was created."
    assert as_content(session, case.entry) == case.then


@every_kind
def test_what_left_the_files_stays_and_is_reported_until_it_is_gone(session: Session, case: Case) -> None:
    brought(session, case, case.first)
    for overwrite in (False, True):
        report = bring_in(session, {}, overwrite=overwrite)
        assert report == [f"The {case.entry} is not in the files any more; it stays in Airflow."]
        assert as_content(session, case.entry) == case.first
    kind, key = model(case.entry)
    session.execute(delete(kind).where(key == case.entry.name))
    assert bring_in(session, {}, overwrite=False) == []
    assert brought(session, case, case.first) == f"The {case.entry} was created."


def test_nothing_is_written_when_one_entry_cannot_be(session: Session) -> None:
    pool, bad = KINDS[1], Entry(CONNECTION, "no such id?")
    with pytest.raises(BootstrapFailed, match="does not take 'no such id\\?' as the id"):
        bring_in(session, {pool.entry: pool.first, bad: connection()}, overwrite=False)
    session.rollback()
    assert row(session, pool.entry) is None
    assert row(session, Entry(VARIABLE, NAME)) is None


@pytest.mark.parametrize("column", ["password", "extra"])
def test_another_fernet_key_is_one_sentence_and_overwrite_helps(session: Session, column: str) -> None:
    case = KINDS[0]
    brought(session, case, case.first)
    other = Fernet(Fernet.generate_key()).encrypt(SECRET.encode()).decode()
    session.execute(text(f"update connection set {column} = :other"), {"other": other})
    with pytest.raises(BootstrapFailed, match="The connection c was encrypted with another Fernet key"):
        brought(session, case, case.first)
    session.rollback()
    session.execute(text(f"update connection set {column} = :other"), {"other": other})
    brought(session, case, case.first, overwrite=True)
    assert as_content(session, case.entry) == case.first


def test_a_record_that_cannot_be_decrypted_is_one_sentence_and_overwrite_helps(session: Session) -> None:
    case = KINDS[1]
    brought(session, case, case.first)
    other = Fernet(Fernet.generate_key()).encrypt(b"{}").decode()
    session.execute(text("update variable set val = :other"), {"other": other})
    session.commit()
    with pytest.raises(BootstrapFailed, match=f"The variable {NAME} was encrypted with another Fernet key"):
        brought(session, case, case.first)
    brought(session, case, case.then, overwrite=True)
    assert as_content(session, case.entry) == case.then


def test_a_record_that_somebody_wrote_over_is_one_sentence(session: Session) -> None:
    case = KINDS[1]
    brought(session, case, case.first)
    edit(session, Entry(VARIABLE, NAME), "val", "mine")
    with pytest.raises(BootstrapFailed, match=f"variable {NAME} is not what init wrote there"):
        brought(session, case, case.first)


def test_the_record_tells_no_value_and_is_slow_to_guess(session: Session) -> None:
    import time

    case = KINDS[0]
    brought(session, case, case.first)
    kept = row(session, Entry(VARIABLE, NAME)).val
    assert SECRET not in kept
    record = Record.parse(kept)
    assert record.holds(case.entry, case.first)
    assert not record.holds(case.entry, case.first | {"password": EDITED})
    assert Record.new().updated({case.entry: case.first}, ()).hashes != record.hashes
    began = time.process_time()
    record.holds(case.entry, case.first)
    assert time.process_time() - began > 0.01


def test_a_team_that_a_person_gave_a_connection_to_keeps_it(session: Session) -> None:
    case = KINDS[0]
    brought(session, case, case.first)
    session.execute(text("insert into team (name) values ('north')"))
    session.execute(text("update connection set team_name = 'north'"))
    brought(session, case, case.then)
    assert row(session, case.entry).team_name == "north"
