"""Resources in Airflow's database: what was written is read again, and an edit of any field is seen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, text

from nyc_taxi.deploy import current
from nyc_taxi.deploy.init import apply
from nyc_taxi.deploy.last_applied import CONNECTION, NAME, POOL, VARIABLE, Resource
from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

SECRET = "pa55-in-the-files"
EXTRA = {"sslmode": "require", "token": SECRET}
FIELDS = ("conn_type", "description", "host", "login", "password", "schema", "port", "extra")
C, P, V = Resource(CONNECTION, "c"), Resource(POOL, "p"), Resource(VARIABLE, "v")
FULL: dict[Resource, dict[str, Any]] = {
    C: dict(zip(FIELDS, ("postgres", "d", "a", "b", SECRET, "e", 1, EXTRA), strict=True)),
    P: {"slots": 4, "description": "d", "include_deferred": True},
    V: {"value": SECRET, "description": "d"},
}
EMPTY: dict[Resource, dict[str, Any]] = {
    C: dict.fromkeys(FIELDS) | {"conn_type": "http"},
    P: {"slots": 0, "description": None, "include_deferred": False},
    V: {"value": "", "description": None},
}
EDITS = [
    *((C, field, "edited") for field in FIELDS if field not in {"port", "extra"}),
    (C, "port", 6432),
    (C, "extra", json.dumps({**EXTRA, "sslmode": "disable"})),
    (P, "slots", 5),
    (P, "description", "edited"),
    (P, "include_deferred", False),
    (V, "val", "edited"),
    (V, "description", "edited"),
]


def row(session: Session, resource: Resource) -> Any:
    """Return a resource as Airflow's own model."""
    from airflow.models.connection import Connection
    from airflow.models.pool import Pool
    from airflow.models.variable import Variable

    model, key = {
        CONNECTION: (Connection, Connection.conn_id),
        POOL: (Pool, Pool.pool),
        VARIABLE: (Variable, Variable.key),
    }[resource.kind]
    session.expire_all()
    return session.scalar(select(model).where(key == resource.name))


def test_what_was_written_is_read_again_and_can_be_replaced(session: Session) -> None:
    for resources in (FULL, EMPTY, FULL):
        current.write(session, resources)
        session.commit()
        assert current.read(session, resources) == resources
    assert row(session, C).password == SECRET
    assert json.loads(row(session, C).extra) == EXTRA
    assert row(session, V).val == SECRET


@pytest.mark.parametrize(("resource", "field", "edited"), EDITS)
def test_an_edit_of_any_field_is_kept_and_reported(
    session: Session, resource: Resource, field: str, edited: Any
) -> None:
    desired = {resource: FULL[resource]}
    apply(session, desired, overwrite=False)
    setattr(row(session, resource), field, edited)
    session.commit()
    (report,) = apply(session, desired, overwrite=False)
    assert report.startswith(f"Kept {resource}: it was edited in Airflow.")
    assert getattr(row(session, resource), field) == edited


def test_saving_a_form_unchanged_is_not_an_edit(session: Session) -> None:
    desired = {C: FULL[C] | {"description": None}}
    apply(session, desired, overwrite=False)
    saved = row(session, C)
    saved.description, saved.extra = "", json.dumps(dict(reversed(EXTRA.items())), indent=4)
    session.commit()
    assert apply(session, desired, overwrite=False) == []
    assert apply(session, {C: EMPTY[C]}, overwrite=False) == ["Updated connection c."]


def test_an_empty_host_and_port_are_stored_as_the_test_button_sends_them(session: Session) -> None:
    """Airflow refuses to test a connection with the stored password if they differ."""
    current.write(session, EMPTY)
    assert (row(session, C).host, row(session, C).port) == ("", 0)


def test_nothing_is_applied_if_one_resource_cannot_be(session: Session) -> None:
    bad = Resource(CONNECTION, "no such id?")
    with pytest.raises(BootstrapFailed, match="does not accept 'no such id\\?' as a connection id"):
        apply(session, {P: FULL[P], bad: FULL[C]}, overwrite=False)
    session.rollback()
    assert row(session, P) is None
    assert row(session, Resource(VARIABLE, NAME)) is None


@pytest.mark.parametrize(
    ("what", "table", "column"),
    [
        ("connection c", "connection", "password"),
        ("connection c", "connection", "extra"),
        (f"variable {NAME}", "variable", "val"),
    ],
)
def test_overwrite_helps_when_the_fernet_key_is_lost(
    session: Session, what: str, table: str, column: str
) -> None:
    desired = {C: FULL[C]}
    apply(session, desired, overwrite=False)
    other = Fernet(Fernet.generate_key()).encrypt(b"{}").decode()
    session.execute(text(f"update {table} set {column} = :other"), {"other": other})
    session.commit()
    with pytest.raises(BootstrapFailed, match=f"Cannot decrypt {what}: "):
        apply(session, desired, overwrite=False)
    session.rollback()
    apply(session, desired, overwrite=True)
    assert current.read(session, desired) == desired
    assert apply(session, desired, overwrite=False) == []


def test_a_connection_keeps_its_team(session: Session) -> None:
    current.write(session, FULL)
    session.execute(text("insert into team (name) values ('north')"))
    session.execute(text("update connection set team_name = 'north'"))
    current.write(session, {C: EMPTY[C]})
    assert row(session, C).team_name == "north"
