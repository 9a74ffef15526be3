"""A process that loads a month, as the tasks of a run do, or unloads it, and dies after one of its steps."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import tempfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nyc_taxi.bigquery import lease
from nyc_taxi.bigquery.warehouse import BigQueryWarehouse
from nyc_taxi.load.audit import audit_month
from nyc_taxi.load.stage import stage_month, stage_uploaded
from tests.trips import MONTH, fetch, published
from tests.waiting import HANGS

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.bigquery.place import Place

_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload(["pytest", "nyc_taxi.bigquery.stage", __name__])


def die_after(step: str, place: Place, path: Path | None) -> None:
    """Let a process work until it is killed.

    :param step: the function, by its dotted path, after which it is killed
    :param path: the file that it loads; None to unload the month
    """
    child = _FORKED.Process(target=_work, args=(step, replace(place), path))
    child.start()
    child.join(HANGS)
    assert child.exitcode == -signal.SIGKILL


def _work(step: str, place: Place, path: Path | None) -> None:
    # The claim of a process that died ends in a second, and its lease soon.
    vars(lease)["MONTH"] = 1
    warehouse = BigQueryWarehouse(place, "bigquery_taxi", lease=3)
    module, _, name = step.rpartition(".")
    found = importlib.import_module(module)
    original = getattr(found, name)

    def last(*arguments: Any, **named: Any) -> None:
        original(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(found, name, last)
    if path is None:
        warehouse.unload("green", MONTH)
    else:
        tempfile.tempdir = str(path.parent)  # a killed process leaves its download behind
        uploaded = stage_month(warehouse, published(path), fetch=fetch, run_id="dies", upload_only=True)
        stage_uploaded(warehouse, uploaded)
        audit_month(warehouse, uploaded.key)
        warehouse.publish(uploaded.key)
