"""A release of the chart in its own namespace, and what tests look at and do to it."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from local.api import AirflowApi
from local.kubernetes import CHART, Cluster, split_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

WITHIN = 900.0
"""Seconds after which nothing is to be expected any more of a cluster that does much else."""

_PAUSE = 2.0

WORKERS = "kubernetes_executor=True"
"""Selects the pods of tasks. Airflow's executor labels them."""

UNFINISHED = "select 1 from dag_run where state in ('queued', 'running') and run_type <> 'scheduled' limit 1"

CONTENT = """
    select to_char(file_month, 'YYYY-MM'), count(*), sum(hashtextextended(trips::text, 0))
    from raw.green_tripdata as trips group by 1 order by 1
"""


def eventually(what: Callable[[], Any], seconds: float = WITHIN) -> Any:
    """Return the first true answer to a question, which costs several processes each time."""
    end = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(_PAUSE)
    return answer


@dataclass(frozen=True, slots=True)
class Release:
    """A release of the chart.

    :param cluster: where it is installed
    :param namespace: its namespace
    :param image: the image of Airflow
    :param name: its name, which is not the one that ``make up-kubernetes`` gives
    """

    cluster: Cluster
    namespace: str
    image: str
    name: str = "taxi"

    def install(self, values: Mapping[str, Any], *arguments: str, chart: Path = CHART) -> None:
        """Install the chart or upgrade the release, and return when everything is ready."""
        repository, tag = split_image(self.image)
        given = {**values, "image": {"repository": repository, "tag": tag}}
        self.helm(
            "upgrade", "--install", self.name, str(chart), "--values", "-", "--wait", "--timeout", "15m",
            *arguments, text=json.dumps(given),
        )  # fmt: skip

    def helm(self, *arguments: str, text: str | None = None) -> str:
        """Run helm in the namespace, and return its output."""
        where = ("--kube-context", self.cluster.context, "--namespace", self.namespace)
        return run("helm", *arguments, *where, text=text)

    def kubectl(self, *arguments: str, text: str | None = None) -> str:
        """Run kubectl in the namespace, and return its output."""
        where = ("--context", self.cluster.context, "--namespace", self.namespace)
        return run("kubectl", *where, *arguments, text=text)

    def get(self, kind: str, selector: str = "") -> list[dict[str, Any]]:
        """Return the objects of a kind that have some labels."""
        found = json.loads(self.kubectl("get", kind, "--selector", selector, "--output", "json"))["items"]
        objects: list[dict[str, Any]] = found
        return objects

    def component(self, name: str) -> str:
        """Return the selector of a component's pods."""
        return f"app.kubernetes.io/instance={self.name},app.kubernetes.io/component={name}"

    def inside(self, pod: str, *command: str, text: str | None = None) -> str:
        """Run a command in a pod, or in one of ``deployment/…``, and return its output."""
        return self.kubectl("exec", "--stdin", pod, "--", *command, text=text)

    def airflow(self, *arguments: str) -> str:
        """Run a command of Airflow, and return its output."""
        return self.inside(f"deployment/{self.name}-api-server", "airflow", *arguments)

    def query(self, database: str, text: str) -> list[tuple[str, ...]]:
        """Return the rows of a query, which is made in the pod of the development Postgres.

        :param database: ``metadata`` or ``warehouse``
        """
        user = {"metadata": "airflow", "warehouse": "taxi"}[database]
        found = self.inside(
            f"statefulset/{self.name}-{database}", "psql", "--username", user, "--dbname", user,
            "--no-align", "--tuples-only", "--field-separator", "\t", "--set", "ON_ERROR_STOP=1", text=text,
        )  # fmt: skip
        return [tuple(line.split("\t")) for line in found.splitlines()]

    def content(self) -> list[tuple[str, ...]]:
        """Return month, rows and a hash of the rows for all that readers see of green."""
        return self.query("warehouse", CONTENT)

    def start_backfill(self, first: str, last: str) -> None:
        """Start a backfill of months of green, also of those that are loaded, and return."""
        again = ("--reset-dagruns", "--yes", "--no-wait")
        self.airflow("dags", "backfill", "green_postgres", "-s", first, "-e", last, *again)

    def unload(self, first: str, last: str) -> None:
        """Remove months of green."""
        self.airflow("taxi", "unload", "green", f"{first}..{last}", "--yes")

    def states(self) -> list[tuple[str, ...]]:
        """Return the states of the runs of backfills, and how many have each."""
        return self.query(
            "metadata", "select state, count(*) from dag_run where run_type = 'backfill' group by 1"
        )

    def wait_until_idle(self) -> None:
        """Return when no run is unfinished, and no pod of a task is left, except those that failed.

        The scheduled runs of the latest month wait for their file, for weeks.
        """

        def idle() -> bool:
            running = self.query("metadata", UNFINISHED)
            return not running and not self.kubectl(
                "get", "pods", "--selector", WORKERS, "--output", "name",
                "--field-selector", "status.phase!=Failed",
            )  # fmt: skip

        eventually(idle)

    def running_worker(self, task: str) -> str:
        """Return the name of the pod of a task that runs now, once there is one."""

        def running() -> str | None:
            pods = self.get("pods", f"{WORKERS},task_id={task}")
            names = [pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] == "Running"]
            return names[0] if names else None

        return str(eventually(running))

    def secrets(self) -> dict[str, str]:
        """Return the values of all Secrets of the namespace but Helm's own, by name and key."""
        return {
            f"{secret['metadata']['name']}/{key}": base64.b64decode(value).decode()
            for secret in self.get("secrets")
            if secret["type"] == "Opaque"
            for key, value in secret.get("data", {}).items()
        }

    @contextmanager
    def watched(self) -> Iterator[dict[str, dict[str, Any]]]:
        """Give the pods of tasks by name, as they were seen last, in the end.

        The executor deletes the pod of a task that has ended.
        """
        pods: dict[str, dict[str, Any]] = {}
        command = (
            "kubectl", "--context", self.cluster.context, "--namespace", self.namespace, "get", "pods",
            "--selector", WORKERS, "--watch", "--output", "json",
        )  # fmt: skip
        with TemporaryFile("w+", encoding="utf-8") as output:
            process = subprocess.Popen(command, stdout=output)
            try:
                yield pods
            finally:
                process.terminate()
                process.wait()
                output.seek(0)
                for pod in _documents(output.read()):
                    pods[pod["metadata"]["name"]] = pod

    @contextmanager
    def api(self) -> Iterator[AirflowApi]:
        """Give a client of Airflow's API, which loses its connection when the pod of the API server ends."""
        password = next(value for name, value in self.secrets().items() if "airflow_password" in name)
        with self._forwarded(f"service/{self.name}-api-server", 8080) as port:
            api = AirflowApi(f"http://127.0.0.1:{port}", "admin", password)
            try:
                yield api
            finally:
                api.close()

    @contextmanager
    def _forwarded(self, what: str, port: int) -> Iterator[int]:
        command = (
            "kubectl", "--context", self.cluster.context, "--namespace", self.namespace,
            "port-forward", what, f":{port}",
        )  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                assert "127.0.0.1:" in line, f"no port of {what} was forwarded: {line}"
                yield int(line.split("127.0.0.1:")[1].split()[0])
            finally:
                process.terminate()


def run(*command: str, text: str | None = None) -> str:
    """Run a command, and return its output."""
    given = {"stdin": subprocess.DEVNULL} if text is None else {"input": text}
    done = subprocess.run(command, capture_output=True, text=True, check=False, **given)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return str(done.stdout)


def _documents(text: str) -> Iterator[dict[str, Any]]:
    """Return the JSON objects that follow each other in a text; the last may be cut off."""
    decoder, start = json.JSONDecoder(), 0
    while start < len(text):
        try:
            document, end = decoder.raw_decode(text, start)
        except ValueError:
            return
        yield document
        start = end + 1
