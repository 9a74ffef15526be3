"""Postgres, a file server and Airflow, started and stopped together without leftovers."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from local import airflow_settings
from local.emulators import Emulators
from local.environment import CHECKOUT
from local.errors import LocalError
from local.postgres import EmbeddedPostgres
from local.process import Background, stop, uninterrupted
from local.state import Settings, State

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from local.api import AirflowApi

AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer")
"""Airflow's components; ``airflow standalone`` is not used, because it leaves them behind if it is killed."""

BUCKET = "taxi"
"""The bucket in the emulator."""

_READY_WITHIN = 300
"""Seconds to wait until the stack is ready. A component that exits is noticed at once."""


class StackFailed(LocalError):
    """The stack cannot be started or stopped."""


@dataclass(frozen=True)
class Stack:
    """An Airflow with all that it needs, on 127.0.0.1.

    :param folder: where its state is kept
    :param settings: ports, source and sample size
    :param extra: environment variables in addition to the stack's own
    """

    folder: Path
    settings: Settings
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> State:
        """The stack's folder."""
        return State(self.folder)

    @property
    def url(self) -> str:
        """Address of Airflow's UI."""
        return f"http://localhost:{self.settings.ports.ui}"

    @property
    def files_url(self) -> str:
        """Address of the server of the sample months."""
        return f"http://127.0.0.1:{self.settings.ports.files}"

    @property
    def warehouse_uri(self) -> str:
        """URI of the warehouse."""
        return self.postgres.uri("taxi")

    @property
    def metadata_uri(self) -> str:
        """URI of Airflow's own database."""
        return self.postgres.uri("airflow")

    @cached_property
    def postgres(self) -> EmbeddedPostgres:
        """The database server of metadata and warehouse."""
        return EmbeddedPostgres(self.state.postgres, self.settings.ports.postgres)

    @cached_property
    def api(self) -> AirflowApi:
        """Airflow's REST API."""
        from local.api import AirflowApi

        return AirflowApi(f"http://127.0.0.1:{self.settings.ports.ui}", "admin", self.state.password())

    @property
    def emulators(self) -> Emulators | None:
        """The emulators of Google Cloud; None when the warehouse is Postgres."""
        if self.settings.target != "bigquery":
            return None
        ports = self.settings.ports
        return Emulators(self.folder / "google-cloud", ports.storage, ports.bigquery, ports.grpc)

    def on_free_ports(self) -> Stack:
        """Return this stack with free ports for what is not the UI."""
        return replace(self, settings=replace(self.settings, ports=self.settings.ports.with_free()))

    def environment(self) -> dict[str, str]:
        """Return the environment of all components and of the user's commands."""
        own = airflow_settings.environment(CHECKOUT, self.state, self.settings.ports, self.metadata_uri)
        own["PATH"] = os.pathsep.join((own["PATH"], str(self.postgres.psql().parent)))
        local = self.settings.source == "local"
        return {
            **own,
            "NYC_TAXI_SOURCES": self.files_url if local else self.settings.source,
            "NYC_TAXI_PRODUCTS_URL": self.files_url if local else "https://dummyjson.com",
            "NYC_TAXI_WAREHOUSE_HOST": "127.0.0.1",
            "NYC_TAXI_WAREHOUSE_PORT": str(self.settings.ports.postgres),
            "NYC_TAXI_WAREHOUSE_USER": self.postgres.user,
            "NYC_TAXI_WAREHOUSE_PASSWORD": self.postgres.password,
            "NYC_TAXI_WAREHOUSE_DATABASE": "taxi",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.settings.ports.postgres),
            "PGUSER": self.postgres.user,
            "PGPASSWORD": self.postgres.password,
            "PGDATABASE": "taxi",
            **self._of_the_emulators(),
            **self.extra,
        }

    def _of_the_emulators(self) -> dict[str, str]:
        if self.emulators is None:
            return {}
        place = self.emulators.place(BUCKET)
        return {
            "AIRFLOW__NYC_TAXI__WAREHOUSES": "bigquery",
            "NYC_TAXI_BIGQUERY_PROJECT": place.project,
            "NYC_TAXI_BIGQUERY_BUCKET": place.bucket,
            "NYC_TAXI_BIGQUERY_STORAGE_ENDPOINT": self.emulators.storage_endpoint,
            "NYC_TAXI_BIGQUERY_ENDPOINT": self.emulators.bigquery_endpoint,
        }

    def running(self) -> bool:
        """Whether every component runs."""
        return all(one.alive() for one in self._components()) and self.postgres.running()

    def any_running(self) -> bool:
        """Whether a component, or a child that it left behind, runs."""
        return any(one.running() for one in self._components()) or self.postgres.running()

    def component(self, name: str) -> Background:
        """Return the process of a component: ``files``, or one of :data:`AIRFLOW`."""
        return Background(name, self.state.processes)

    def start(self, say: Callable[[str], Any] = lambda _: None) -> None:
        """Start what does not run, and return when Airflow is ready. On a failure, stop it again.

        Components that ran before are left running, also on a failure. Only if their database was down are
        Airflow's components restarted.

        :param say: called with each step
        :raises StackFailed: in one sentence and with the end of a log, if a component does not start
        """
        before = {one.name for one in self._components() if one.alive()}
        postgres_before = self.postgres.running()
        try:
            self._start(say)
        except BaseException:
            with uninterrupted():
                self._stop(
                    [one for one in self._components() if one.name not in before],
                    postgres=not postgres_before,
                )
            raise

    def stop(self) -> None:
        """Stop all components and their children, the database last. None of them needs to run."""
        with uninterrupted():
            self._stop(self._components(), postgres=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other commands from starting or stopping the stack at the same time.

        :raises StackFailed: if another command is doing that
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StackFailed(
                    "Another make demo, up, down or clean is running here. Wait until it ends."
                ) from None
            yield

    def init(self, say: Callable[[str], Any] = lambda _: None) -> None:
        """Run ``entrypoint.sh init``, with its output in a log.

        :param say: called with each difference from the settings that a person made in Airflow, and with
            what keeps the DAGs from running
        :raises StackFailed: with the end of the log
        """
        self.state.processes.mkdir(parents=True, exist_ok=True)
        log = self.state.processes / "init.log"
        with log.open("w") as out:
            done = subprocess.run(
                ("bash", str(CHECKOUT / "entrypoint.sh"), "init"),
                env=self.environment(),
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                check=False,
            )
        lines = log.read_text().splitlines()
        if done.returncode:
            tail = "\n".join(lines[-12:])
            raise StackFailed(f"entrypoint.sh init failed. The end of {log}:\n{tail}")
        for line in lines:
            if "BOOTSTRAP_OVERWRITE" in line or line.startswith("Attention:"):
                say(line)

    def wait_for_dags(self, names: Collection[str], seconds: float = 120) -> None:
        """Return when Airflow has parsed the files of some DAGs.

        :raises StackFailed: if it has not in time, with the errors of DAG files
        """
        end = time.monotonic() + seconds
        while missing := sorted(set(names) - set(self.api.dags())):
            if time.monotonic() > end:
                errors = "\n".join(self.api.import_errors())
                raise StackFailed(
                    f"Airflow has not parsed {', '.join(missing)} within {seconds:g} s. {errors}".rstrip()
                )
            time.sleep(0.2)

    def _components(self) -> list[Background]:
        ours = [self.component(name) for name in ("files", *AIRFLOW)]
        return [*ours, *(self.emulators.parts if self.emulators else ())]

    def _start(self, say: Callable[[str], Any]) -> None:
        files, *airflow = (self.component(name) for name in ("files", *AIRFLOW))
        orphaned = [] if self.postgres.running() else [one for one in airflow if one.running()]
        self.postgres.start()
        if orphaned:
            # They exit because their database is down, but some only later, after they seemed healthy.
            self._stop(orphaned, postgres=False)
        # Airflow commits about forty times per task. After a crash of the server, it repeats the work of the
        # last half second. The warehouse loses nothing.
        self.postgres.create_database("airflow", synchronous_commit="off")
        self.postgres.create_database("taxi")
        say(f"Postgres 18 on port {self.settings.ports.postgres}")
        if self.emulators:
            self.emulators.start()
            say(
                f"Emulators of Cloud Storage and BigQuery on ports {self.emulators.storage_port} and "
                f"{self.emulators.bigquery_port}"
            )
        for folder in (self.state.airflow, self.state.samples):
            folder.mkdir(parents=True, exist_ok=True)
        self.state.password()  # before Airflow generates one
        self.init(say)
        say("Airflow's database, pools and connections")
        server = ("-m", "local.file_server", str(self.state.samples), str(self.settings.ports.files))
        files.start((sys.executable, *server), self.environment(), CHECKOUT)
        for one in airflow:
            # All logs are in one folder, which the api-server reads itself.
            more = ("--skip-serve-logs",) if one.name in {"scheduler", "triggerer"} else ()
            one.start(
                ("bash", str(CHECKOUT / "entrypoint.sh"), one.name, *more), self.environment(), CHECKOUT
            )
        self._wait_until_healthy()
        say(f"Airflow on port {self.settings.ports.ui}")

    def _wait_until_healthy(self) -> None:
        """Return when all of Airflow's components have reported that they are healthy."""
        end = time.monotonic() + _READY_WITHIN
        while True:
            health = self.api.health()
            if health and all(status == "healthy" for status in health.values()):
                return
            for one in self._components():
                if not one.alive():
                    raise StackFailed(f"{one.name} exited at its start. The end of {one.log}:\n{one.tail()}")
            if time.monotonic() > end:
                raise StackFailed(
                    f"Airflow was not ready after {_READY_WITHIN} s ({health or 'the API does not answer'}). "
                    f"See the logs in {self.state.processes}."
                )
            time.sleep(0.2)

    def _stop(self, components: list[Background], *, postgres: bool) -> None:
        """Stop the components that start tasks, then those that tasks need, the database last.

        If one cannot be stopped, the others are stopped all the same.
        """
        first = [one for one in components if one.name in {"scheduler", "dag-processor"}]
        others = [one for one in components if one not in first]
        for one in others:
            if one.name == "triggerer":
                one.terminate()  # it takes a while, and needs the others until it has ended
        with contextlib.ExitStack() as then:
            if postgres:
                then.callback(self.postgres.stop)
            then.callback(stop, others, patience=5)
            stop(first)
