"""Emulators of Cloud Storage and BigQuery: fake-gcs-server and local-bigquery, on 127.0.0.1.

Neither asks anyone for credentials. Their programs are in ``.venv-emulators``.
"""

from __future__ import annotations

import http.client
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local import environment
from local.environment import CHECKOUT
from local.errors import LocalError
from local.process import Background, stop

if TYPE_CHECKING:
    from pathlib import Path

    from nyc_taxi.bigquery.place import Place

PROJECT = "nyc-taxi"
"""The project that is there from the start. BigQuery's emulator makes others when they are named."""

_READY_WITHIN = 120
"""Seconds to wait until both respond. One that exits is noticed at once."""


class EmulatorsFailed(LocalError):
    """An emulator could not be started."""


@dataclass(frozen=True, slots=True)
class Emulators:
    """Both emulators, whose whole state is in one folder.

    BigQuery's reads ``gs://`` from the folder of Cloud Storage's, which takes half the time of HTTP.

    :param home: folder of objects, tables and logs
    :param storage_port: port of Cloud Storage
    :param bigquery_port: port of BigQuery
    :param grpc_port: port of BigQuery's storage API
    """

    home: Path
    storage_port: int
    bigquery_port: int
    grpc_port: int

    @property
    def storage_endpoint(self) -> str:
        """URL of Cloud Storage."""
        return f"http://127.0.0.1:{self.storage_port}"

    @property
    def bigquery_endpoint(self) -> str:
        """URL of BigQuery."""
        return f"http://127.0.0.1:{self.bigquery_port}"

    @property
    def objects(self) -> Path:
        """Folder of the objects, with a subfolder per bucket. Only Cloud Storage may write to it."""
        return self.home / "objects"

    def place(self, bucket: str) -> Place:
        """Return a place in them that has one of these buckets, and datasets of the usual names."""
        from nyc_taxi.bigquery.place import Place

        return Place(
            PROJECT,
            bucket,
            storage_endpoint=self.storage_endpoint,
            bigquery_endpoint=self.bigquery_endpoint,
        )

    def start(self) -> None:
        """Start what does not run, and return when both respond.

        :raises EmulatorsFailed: with the end of its log, if one does not start
        :raises EnvironmentFailed: if there is no Python 3.13 to run them
        """
        environment.ensure("emulators")
        programs, tables = environment.EMULATORS_VENV / "bin", self.home / "tables"
        for folder in (self.objects, tables):
            folder.mkdir(parents=True, exist_ok=True)
        host = f"127.0.0.1:{self.storage_port}"
        storage = (
            "-scheme=http", "-host=127.0.0.1", f"-port={self.storage_port}", f"-public-host={host}",
            f"-external-url=http://{host}", "-backend=filesystem", f"-filesystem-root={self.objects}",
            "-log-level=warn",
        )  # fmt: skip
        settings = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(environment.EMULATORS_VENV / "home"),
            "BIGQUERY_HOST": "127.0.0.1",
            "BIGQUERY_PORT": str(self.bigquery_port),
            "GRPC_PORT": str(self.grpc_port),
            "DATA_DIR": str(tables),
            "DEFAULT_PROJECT_ID": PROJECT,
            "GCS_LOCAL_ROOT": str(self.objects),
        }
        cloud_storage, bigquery = self.parts
        cloud_storage.start((str(programs / "fake-gcs-server"), *storage), settings, self.home)
        launcher = CHECKOUT / "compose" / "gcp" / "bigquery.py"
        bigquery.start((str(programs / "python"), str(launcher)), settings, self.home)
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both. Neither needs to run."""
        stop(self.parts)

    def running(self) -> bool:
        """Whether both run."""
        return all(part.alive() for part in self.parts)

    @property
    def parts(self) -> tuple[Background, Background]:
        """Their processes."""
        return Background("gcs", self.home), Background("bigquery", self.home)

    def _wait(self) -> None:
        end = time.monotonic() + _READY_WITHIN
        asked = ((self.storage_port, "/_internal/healthcheck"), (self.bigquery_port, "/bigquery/v2/projects"))
        for part, (port, path) in zip(self.parts, asked, strict=True):
            while not _responds(port, path):
                if not part.alive():
                    raise EmulatorsFailed(
                        f"{part.name} exited at its start. The end of {part.log}:\n{part.tail()}"
                    )
                if time.monotonic() > end:
                    raise EmulatorsFailed(
                        f"{part.name} did not respond in {_READY_WITHIN} s. See {part.log}."
                    )
                time.sleep(0.05)


def _responds(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
