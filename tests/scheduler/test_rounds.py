"""Rounds of runs of every kind at once, through a real scheduler, while files are published anew."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg
import pytest

from nyc_taxi.core.month import Month, MonthRange
from nyc_taxi.files.source_list import SourceList
from nyc_taxi.load.attempt import Outcome
from nyc_taxi.load.load import load_month
from nyc_taxi.postgres.warehouse import PostgresWarehouse
from nyc_taxi.samples import write_sample
from tests.extent import extent
from tests.scheduler.runs import airflow, content_of, query
from tests.scheduler.runs import ledger as ledger_rows
from tests.waiting import eventually

if TYPE_CHECKING:
    from local.stack import Stack

pytestmark = pytest.mark.slow

DATASETS = ("green", "yellow")
MONTHS = MonthRange.parse("2019-05..2019-06")
LAST_MONTH = Month.of(datetime.now(UTC)).plus(-1)
"""Its scheduled runs wait since the DAGs were unpaused."""

KEYS = [(dataset, month) for dataset in DATASETS for month in MONTHS]
ENDED = {Outcome.PUBLISHED, Outcome.REPLACED, Outcome.SUPERSEDED}

GOING_ON = """
    select dag_id, run_id from dag_run
    where state not in ('success', 'failed') and run_type <> 'scheduled'
"""
RED = """
    select run.dag_id, run.run_id, task.task_id, task.map_index, task.state
    from dag_run as run
    left join task_instance as task
        on run.dag_id = task.dag_id and run.run_id = task.run_id and task.state <> 'success'
    where run.state = 'failed' and run.end_date > %s
"""
TOLD = "select partition_key, source_run_id from asset_event where timestamp > %s"
DEADLOCKS = "select deadlocks from pg_stat_database where datname = 'taxi'"
STAGE_TABLES = (
    r"select relname from pg_class where relnamespace = 'stage'::regnamespace and relname ~ '_2019_0[56]_'"
)


class Round:
    """One round on a running stack.

    :param number: from 0
    """

    def __init__(self, stack: Stack, number: int) -> None:
        self.stack = stack
        self.number = number
        self.draw = random.Random(number)

    def publish(self, edition: int, dataset: str, month: Month) -> None:
        """Publish a month in another edition: other trips, and another number of them."""
        here = MonthRange(month, month)
        write_sample(here, 300 + edition, self.stack.state.samples, (dataset,), edition=edition)

    def play(self) -> None:
        """Start everything at once, and return when all runs have ended."""
        backfilled = DATASETS[self.number % 2]
        api = self.stack.api
        with ThreadPoolExecutor(1) as threads:
            words = ("-s", str(MONTHS.first), "-e", str(MONTHS.last), "--reset-dagruns", "-y")
            dag_id = f"{backfilled}_postgres"
            command_line = threads.submit(airflow, self.stack, "dags", "backfill", dag_id, *words)
            chosen = {"datasets": list(DATASETS), "months": str(MONTHS), "force": self.draw.random() < 0.5}
            api.trigger("taxi_postgres", chosen)
            for _ in range(2):
                self._by_hand(*self.draw.choice(KEYS), force=self.draw.random() < 0.7)
            time.sleep(self.draw.uniform(0, 4))
            for number, key in enumerate(self.draw.sample(KEYS, 2)):
                self.publish(10 * self.number + 5 + number, *key)
                if number:
                    self._by_hand(*key)
                else:
                    republished = key
            api.trigger("recheck_postgres")
            self._by_hand(*republished)
            done = command_line.result()
        assert done.returncode == 0, done.stdout + done.stderr
        eventually(self._all_ended)

    def _by_hand(self, dataset: str, month: Month, *, force: bool = False) -> None:
        self.stack.api.trigger(f"{dataset}_postgres", {"month": str(month), "force": force})

    def _all_ended(self) -> bool:
        """All runs have ended but the scheduled ones, which wait for their files."""
        return query(self.stack.metadata_uri, GOING_ON) == []


def test_runs_of_every_kind_at_once_end_as_they_would_one_after_another(running_stack: Stack) -> None:
    """The command's backfill, chosen months, manual runs, a recheck, and two files published anew."""
    running_stack.api.unpause("recheck_postgres")
    running_stack.postgres.create_database("alone")
    alone = PostgresWarehouse(lambda: psycopg.connect(running_stack.postgres.uri("alone")), "alone")
    together = PostgresWarehouse(lambda: psycopg.connect(running_stack.warehouse_uri), "together")
    folder = SourceList.parse(str(running_stack.state.samples))
    for number in range(extent(1, 30)):
        (began,) = query(running_stack.metadata_uri, "select clock_timestamp()")[0]
        this = Round(running_stack, number)
        if number == 0:
            for key in KEYS:
                this.publish(1, *key)
            this.publish(1, "yellow", LAST_MONTH)
        this.play()

        assert query(running_stack.metadata_uri, RED, began) == []
        for dataset, month in KEYS:
            load_month(alone, folder, dataset, month, run_id="alone")
        for dataset in DATASETS:
            serial = content_of(running_stack.postgres.uri("alone"), dataset, MONTHS)
            assert content_of(running_stack.warehouse_uri, dataset, MONTHS) == serial
        told = set(query(running_stack.metadata_uri, TOLD, began))
        for dataset, month in KEYS:
            attempts = together.ledger.history(dataset, month)
            assert {attempt.outcome for attempt in attempts} <= ENDED
            holding = together.ledger.current(dataset, month)
            assert holding is not None
            if holding.finished and holding.finished > began:
                assert (f"{dataset}|{month}", holding.run_id) in told
        assert query(running_stack.warehouse_uri, STAGE_TABLES) == []
        assert query(running_stack.warehouse_uri, DEADLOCKS) == [(0,)]
    # The waiting run asks every half minute, which may be after a round or two.
    waited_for = ("yellow", str(LAST_MONTH))
    eventually(lambda: [row["outcome"] for row in ledger_rows(running_stack, *waited_for)] == ["published"])
