"""Pools, connections and variables in Airflow's database, read and written in one transaction."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from airflow.models.connection import Connection, sanitize_conn_id
from airflow.models.crypto import get_fernet
from airflow.models.pool import Pool
from airflow.models.variable import Variable
from sqlalchemy import select, update

from nyc_taxi.deploy.entry import CONNECTION, POOL, VARIABLE, Content, Entry
from nyc_taxi.errors import BootstrapFailed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from sqlalchemy.orm import Session


class _Unreadable(Exception):
    """A value was encrypted with another key."""


_NamedContent = tuple[str, Content | None]


def read(session: Session, entries: Collection[Entry]) -> dict[Entry, Content | None]:
    """Return those of the entries that Airflow has; None for the content that it cannot decrypt.

    They are locked until the transaction ends, so that nobody edits them meanwhile.
    """
    found: dict[Entry, Content | None] = {}
    for kind, holding in _HOLDINGS.items():
        names = [entry.name for entry in entries if entry.kind == kind]
        found.update((Entry(kind, name), content) for name, content in holding.read(session, names))
    return found


def write(session: Session, contents: Mapping[Entry, Content]) -> None:
    """Create or replace entries."""
    for entry, content in contents.items():
        _HOLDINGS[entry.kind].write(session, entry.name, content)


class _Holding(Protocol):
    def read(self, session: Session, names: list[str]) -> Iterator[_NamedContent]: ...

    def write(self, session: Session, name: str, content: Content) -> None: ...


class _Pools:
    def read(self, session: Session, names: list[str]) -> Iterator[_NamedContent]:
        columns = (Pool.pool, Pool.slots, Pool.description, Pool.include_deferred)
        for row in session.execute(select(*columns).where(Pool.pool.in_(names)).with_for_update()):
            yield (
                str(row.pool),
                {
                    "slots": row.slots,
                    "description": row.description or None,
                    "include_deferred": row.include_deferred,
                },
            )

    def write(self, session: Session, name: str, content: Content) -> None:
        _put(session, Pool(pool=name, **content), Pool.pool == name, tuple(content))


class _Connections:
    _PLAIN = ("conn_type", "description", "host", "login", "schema", "port")
    _SECRET = ("_password", "_extra", "is_encrypted", "is_extra_encrypted")

    def read(self, session: Session, names: list[str]) -> Iterator[_NamedContent]:
        columns = [getattr(Connection, name) for name in ("conn_id", *self._PLAIN, *self._SECRET)]
        for row in session.execute(select(*columns).where(Connection.conn_id.in_(names)).with_for_update()):
            name, *plain, password, extra, is_encrypted, is_extra_encrypted = row
            content: Content = {field: found or None for field, found in zip(self._PLAIN, plain, strict=True)}
            try:
                content["password"] = _decrypted(password, is_encrypted)
                content["extra"] = _parsed(_decrypted(extra, is_extra_encrypted))
            except _Unreadable:
                yield name, None
            else:
                yield name, content

    def write(self, session: Session, name: str, content: Content) -> None:
        if sanitize_conn_id(name) != name:
            raise BootstrapFailed(
                f"Airflow does not take {name!r} as the id of a connection. Choose another."
            )
        connection = Connection(conn_id=name, **content)
        _put(session, connection, Connection.conn_id == name, (*self._PLAIN, *self._SECRET))


class _Variables:
    _FIELDS = ("_val", "description", "is_encrypted")

    def read(self, session: Session, names: list[str]) -> Iterator[_NamedContent]:
        columns = [getattr(Variable, name) for name in ("key", *self._FIELDS)]
        for row in session.execute(select(*columns).where(Variable.key.in_(names)).with_for_update()):
            name, encrypted, description, is_encrypted = row
            try:
                yield (
                    name,
                    {"value": _decrypted(encrypted, is_encrypted) or "", "description": description or None},
                )
            except _Unreadable:
                yield name, None

    def write(self, session: Session, name: str, content: Content) -> None:
        variable = Variable(  # type: ignore[no-untyped-call]
            key=name, val=content["value"], description=content["description"]
        )
        _put(session, variable, Variable.key == name, self._FIELDS)


_HOLDINGS: dict[str, _Holding] = {POOL: _Pools(), CONNECTION: _Connections(), VARIABLE: _Variables()}


def _put(session: Session, row: Any, which: Any, columns: tuple[str, ...]) -> None:
    """Replace the row's columns in the database, or insert the row; its other columns stay."""
    model = type(row)
    values = {getattr(model, name): getattr(row, name) for name in columns}
    values |= {getattr(model, name): bool(getattr(row, name)) for name in columns if name.startswith("is_")}
    changed = session.execute(
        update(model).where(which).values(values), execution_options={"synchronize_session": False}
    )
    if not changed.rowcount:  # type: ignore[attr-defined]
        session.add(row)
        session.flush()


def _decrypted(text: str | None, encrypted: bool) -> str | None:
    """Return a column's text; an empty one counts as none."""
    if not text or not encrypted:
        return text or None
    fernet = get_fernet()
    if not fernet.is_encrypted:
        raise _Unreadable
    try:
        return fernet.decrypt(text.encode()).decode()
    except Exception as error:  # whatever the library says that Airflow encrypts with
        raise _Unreadable from error


def _parsed(extra: str | None) -> Any:
    """Return an extra as an object, so that spaces and the order of keys do not count."""
    if extra is None:
        return None
    try:
        return json.loads(extra) or None
    except ValueError:
        return extra
