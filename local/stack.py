"""Postgres, a file server and Airflow: started together, stopped together, nothing left behind."""

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
from local.environment import CHECKOUT
from local.postgres import EmbeddedPostgres
from local.process import Background, stop, uninterrupted
from local.state import Settings, State
from local.told import Told

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from local.api import AirflowApi

AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer")
"""Airflow's parts; ``airflow standalone`` is not used, since it leaves them behind when it is ended."""

_READY_WITHIN = 300
"""Seconds until a stack that does not get ready is given up; a part that ends is noticed at once."""


class StackFailed(Told):
    """The stack cannot be started or is not as it should be."""


class Busy(StackFailed):
    """Another command is starting or stopping the same stack."""


@dataclass(frozen=True)
class Stack:
    """One Airflow with all that it needs, on 127.0.0.1.

    :param folder: where all its state is kept
    :param settings: ports, source and sample size
    :param extra: environment variables on top of the stack's own
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

    def on_free_ports(self) -> Stack:
        """Return this stack, or one that differs in the ports that a user does not choose and others have."""
        return replace(self, settings=replace(self.settings, ports=self.settings.ports.with_free()))

    def environment(self) -> dict[str, str]:
        """Return the environment in which all parts run, and commands of a user."""
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
            **self.extra,
        }

    def running(self) -> bool:
        """Whether every part runs."""
        return all(part.alive() for part in self._parts()) and self.postgres.running()

    def anything_running(self) -> bool:
        """Whether a part, or something that a part left behind, runs."""
        return any(part.running() for part in self._parts()) or self.postgres.running()

    def start(self, say: Callable[[str], Any] = lambda _: None) -> None:
        """Start what does not run, and return when Airflow is ready; on any failure stop it all again.

        What ran before is left running, also on failure; but Airflow's parts are started anew when their
        database had gone.

        :param say: told about each step
        :raises StackFailed: in one sentence and with the end of a log, when a part does not come up
        """
        before = {part.name for part in self._parts() if part.alive()}
        postgres_before = self.postgres.running()
        try:
            self._start(say)
        except BaseException:
            with uninterrupted():
                self._stop(
                    [part for part in self._parts() if part.name not in before], postgres=not postgres_before
                )
            raise

    def stop(self) -> None:
        """Stop all parts and their children, the database last; what does not run is no error."""
        with uninterrupted():
            self._stop(self._parts(), postgres=True)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other commands from starting or stopping the stack at the same time.

        :raises Busy: when one is at it
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy(
                    "Another make demo, up, down or clean is at work here: wait until it ends."
                ) from None
            yield

    def bootstrap(self, say: Callable[[str], Any] = lambda _: None) -> None:
        """Bring Airflow's database, pools and connections to the settings; all messages go to a log.

        :param say: told what is not as the settings say, because a person changed it in Airflow
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
            raise StackFailed(f"Airflow's database could not be prepared; the end of {log}:\n{tail}")
        for line in lines:
            if "BOOTSTRAP_OVERWRITE" in line:
                say(line)

    def wait_for_dags(self, names: Collection[str], seconds: float = 120) -> None:
        """Return when Airflow has read the files of some DAGs.

        :raises StackFailed: when it has not in time, with the errors in DAG files
        """
        end = time.monotonic() + seconds
        while missing := sorted(set(names) - set(self.api.dags())):
            if time.monotonic() > end:
                errors = "\n".join(self.api.import_errors())
                raise StackFailed(f"Airflow has not read {', '.join(missing)} after {seconds:g} s. {errors}")
            time.sleep(0.2)

    def _parts(self) -> list[Background]:
        return [Background(name, self.state.processes) for name in ("files", *AIRFLOW)]

    def _start(self, say: Callable[[str], Any]) -> None:
        files, *airflow = self._parts()
        without_database = [part for part in airflow if part.running()] if not self.postgres.running() else []
        self.postgres.start()
        if without_database:
            # They end when their database has gone, but some of them only later, after they seemed well.
            self._stop(without_database, postgres=False)
        # Airflow commits some forty times a task. After a crash of the server it would do the work of the
        # last half second again; the warehouse loses nothing.
        self.postgres.create_database("airflow", synchronous_commit="off")
        self.postgres.create_database("taxi")
        say(f"Postgres 18 on port {self.settings.ports.postgres}")
        for folder in (self.state.airflow, self.state.samples):
            folder.mkdir(parents=True, exist_ok=True)
        self.state.password()  # before Airflow makes one of its own
        self.bootstrap(say)
        say("Airflow's database, pools and connections")
        server = ("-m", "local.file_server", str(self.state.samples), str(self.settings.ports.files))
        files.start((sys.executable, *server), self.environment(), CHECKOUT)
        for part in airflow:
            self._start_airflow(part)
        self._wait_until_ready()
        say(f"Airflow on port {self.settings.ports.ui}")

    def _start_airflow(self, part: Background) -> None:
        # All logs are in one folder, which the api-server reads itself.
        more = ("--skip-serve-logs",) if part.name in {"scheduler", "triggerer"} else ()
        command = ("bash", str(CHECKOUT / "entrypoint.sh"), part.name, *more)
        part.start(command, self.environment(), CHECKOUT)

    def _wait_until_ready(self) -> None:
        """Return when all parts of Airflow have reported that they are well."""
        end = time.monotonic() + _READY_WITHIN
        while True:
            health = self.api.health()
            if health and all(status == "healthy" for status in health.values()):
                return
            for part in self._parts():
                if not part.alive():
                    raise StackFailed(
                        f"{part.name} ended at its start; the end of {part.log}:\n{part.tail()}"
                    )
            if time.monotonic() > end:
                raise StackFailed(
                    f"Airflow was not ready after {_READY_WITHIN} s ({health or 'the API does not answer'}): "
                    f"see the logs in {self.state.processes}."
                )
            time.sleep(0.2)

    def _stop(self, parts: list[Background], *, postgres: bool) -> None:
        """Stop parts: those that make work first, then what work needs, the database last.

        One that cannot be stopped keeps no other from being stopped.
        """
        makers = [part for part in parts if part.name in {"scheduler", "dag-processor"}]
        others = [part for part in parts if part not in makers]
        for part in others:
            if part.name == "triggerer":
                part.ask()  # it takes its time, and needs the others for it
        with contextlib.ExitStack() as then:
            if postgres:
                then.callback(self.postgres.stop)
            then.callback(stop, others, patience=5)
            stop(makers)
