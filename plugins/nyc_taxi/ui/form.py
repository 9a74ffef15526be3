"""A look at the months of a trigger form before Airflow creates the run."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TRIGGER: Final = re.compile(r"/api/v2/dags/([\w.-]+)/dagRuns/?")
_MISSING: Final = "The month is missing. Enter the month to load, for example 2021-01."
_LARGEST: Final = 100_000
"""More bytes than the form of a DAG of this package sends."""


class MonthsOfForm:
    """ASGI middleware that refuses a manual run without a month that can be read, with one sentence.

    A form cannot do that: Airflow checks its fields with a JSON schema, which does not know whether a run is
    manual, and whose errors quote the schema. Requests for anything else pass untouched.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with what is wrong with its months."""
        asked = scope["type"] == "http" and scope["method"] == "POST" and _TRIGGER.search(scope["path"])
        if not asked or asked.end() != len(scope["path"]) or asked[1] not in _dags():
            await self._app(scope, receive, send)
            return
        body = b""
        messages: list[Message] = []
        while len(body) < _LARGEST and (not messages or messages[-1].get("more_body")):
            messages.append(await receive())
            body += messages[-1].get("body", b"")

        async def again() -> Message:
            return messages.pop(0) if messages else await receive()

        if why := fault(asked[1], body):
            from starlette.responses import JSONResponse

            await JSONResponse({"detail": why}, status_code=400)(scope, receive, send)
        else:
            await self._app(scope, again, send)


def fault(dag_id: str, body: bytes) -> str:
    """Return one sentence about what is wrong with the months of a form; empty when nothing is.

    :param dag_id: a DAG of this package
    :param body: the request for a run, as JSON; what is not one is Airflow's to refuse
    """
    from nyc_taxi.core.chosen_months import read_months
    from nyc_taxi.core.month import Month
    from nyc_taxi.errors import InvalidMonth

    try:
        asked = json.loads(body)
        conf = asked.get("conf") or {}
        field = _dags()[dag_id]
        text = conf.get(field) or asked.get("partition_key") or ""
    except (ValueError, AttributeError):
        return ""
    if not isinstance(text, str):
        return ""
    if not text.strip():
        return _MISSING if field == "month" else ""
    try:
        if field == "month":
            Month(text.rpartition("|")[2])
        else:
            read_months(text)
    except InvalidMonth as error:
        return str(error)
    return ""


@cache
def _dags() -> dict[str, str]:
    """Return the DAGs whose forms have a field for months, and the name of the field."""
    from nyc_taxi.core.dataset import dataset_names
    from nyc_taxi.errors import ContractError
    from nyc_taxi.options import configured_targets

    try:
        targets = configured_targets()
    except ContractError:  # an invalid option: there are no such DAGs
        return {}
    return {
        **{target.dag_id(name): "month" for target in targets for name in dataset_names()},
        **{target.dag_id(name): "months" for target in targets for name in ("taxi", "transform")},
    }
