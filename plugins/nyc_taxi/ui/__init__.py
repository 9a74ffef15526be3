"""What the package adds to Airflow's web server, loaded when it is first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


class LazyPages:
    """The pages as an ASGI application; every part of Airflow loads plugins, and only one serves pages."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on."""
        await import_module("nyc_taxi.ui.pages").pages(scope, receive, send)
