"""Pages of the package on Airflow's web server, imported at the first request."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


class LazyPages:
    """The pages as an ASGI application; all components of Airflow load plugins, but only one serves pages."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to the pages.

        Only what declares itself part of the server finds the connections in the metadata database.
        """
        os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
        await import_module("nyc_taxi.ui.pages").pages(scope, receive, send)
