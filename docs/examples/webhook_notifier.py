"""Posts why a task failed, or which month is overdue, to a chat's incoming webhook.

Copy this file into Airflow's folder `plugins` of every component, and set the option `notifier` in the
section `[nyc_taxi]` to `webhook_notifier.WebhookNotifier`. The address of a webhook is a secret, so it is the
password of the connection `taxi_webhook`. Slack, Mattermost and Google Chat accept the message unchanged.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook, BaseNotifier

from nyc_taxi.notices import message

if TYPE_CHECKING:
    from airflow.sdk import Context

CONN_ID = "taxi_webhook"


class WebhookNotifier(BaseNotifier):
    """Posts one message per failed task or overdue month."""

    def notify(self, context: Context) -> None:
        """Post about a failed task; Airflow calls this in the task's process."""
        post(BaseHook.get_connection(CONN_ID).password, message(context))

    async def async_notify(self, context: Context) -> None:
        """Post about an overdue month; Airflow calls this in the triggerer, which must not be blocked."""
        connection = await BaseHook.aget_connection(CONN_ID)
        await asyncio.to_thread(post, connection.password, message(context))


def post(url: str | None, text: str) -> None:
    """Send a text to a webhook."""
    import requests

    requests.post(url or "", json={"text": text}, timeout=10).raise_for_status()
