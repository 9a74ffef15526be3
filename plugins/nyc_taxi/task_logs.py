"""Logs of tasks in an object store, without the provider of its cloud.

``[logging] logging_config_class = nyc_taxi.task_logs.LOGGING_CONFIG`` makes Airflow copy the log of each task
to ``[logging] remote_base_log_folder``, and read it from there. ``[logging] remote_logging`` stays off: it
would make Airflow import the provider that the folder's scheme belongs to.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.config_templates.airflow_local_settings import DEFAULT_LOGGING_CONFIG
from airflow.configuration import conf

if TYPE_CHECKING:
    import os

    from pyarrow.fs import FileSystem

LOGGING_CONFIG = DEFAULT_LOGGING_CONFIG

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ObjectStoreLogs:
    """Copies logs to an object store, and reads them from there.

    :param url: folder in a store, as :meth:`pyarrow.fs.FileSystem.from_uri` reads it, such as
        ``gs://bucket/folder`` or ``s3://bucket/folder?region=…``.
        Credentials are found as by the tools of the store.
    :param folder: local folder of the logs
    :param processors: of the log's lines; Airflow expects the field
    """

    url: str
    folder: Path
    processors: tuple[Any, ...] = ()

    def upload(self, path: os.PathLike[str] | str, ti: object = None) -> None:  # noqa: ARG002
        """Copy a log, after what an earlier process of the same try has stored.

        A task must not fail because its log cannot be stored, so an error is only logged.

        :param path: of the file, in the local folder
        """
        file = self.folder / path
        try:
            store, base = self._open()
            target = f"{base}/{file.relative_to(self.folder).as_posix()}"
            new, old = file.read_bytes(), _content(store, target)
            if new == old:
                return
            with store.open_output_stream(target) as stream:
                # A task that resumes after a wait may do so in another pod, with an empty file.
                stream.write(new if new.startswith(old) else old + new)
        except (OSError, ValueError) as error:
            _log.warning("Cannot store the log %s in %s: %s", file, self._shown(), error)

    def read(self, relative_path: str, ti: object = None) -> tuple[list[str], list[str]]:  # noqa: ARG002
        """Return where a log was found, and the text of each of its files; a trigger's has a longer name."""
        folder, _, name = relative_path.rpartition("/")
        shown = f"{self._shown()}/{relative_path}"
        try:
            from pyarrow.fs import FileSelector

            store, base = self._open()
            listed = store.get_file_info(FileSelector(f"{base}/{folder}", allow_not_found=True))
            paths = sorted(one.path for one in listed if one.is_file and one.base_name.startswith(name))
            return [shown] if paths else [], [
                _content(store, path).decode(errors="replace") for path in paths
            ]
        except (OSError, ValueError) as error:
            return [f"Cannot read {shown}: {error}"], []

    def _shown(self) -> str:
        """Return the URL without what may be secret in it."""
        scheme, host, path, *_ = urlsplit(self.url)
        return f"{scheme}://{host.rpartition('@')[2]}{path.rstrip('/')}"

    def _open(self) -> tuple[FileSystem, str]:
        from pyarrow.fs import FileSystem

        store, base = FileSystem.from_uri(self.url)
        return store, base.rstrip("/")


def _content(store: FileSystem, path: str) -> bytes:
    """Return what a file has; nothing if there is none."""
    try:
        with store.open_input_stream(path) as stream:
            content: bytes = stream.read()
            return content
    except FileNotFoundError:
        return b""


REMOTE_TASK_LOG = ObjectStoreLogs(
    conf.get("logging", "remote_base_log_folder"), Path(conf.get("logging", "base_log_folder"))
)
