"""A Docker engine with the base images of the project, where available."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

AIRFLOW = "apache/airflow:3.3.2-python3.12"
IMAGES = (AIRFLOW, "postgres:18")
"""The base images of the stack without profiles."""

MAKES_IMAGES = Path(__file__).parents[3] / "shared" / "tools" / "base-images.sh"
"""Builds stand-ins of the same names, for a machine that reaches no image registry."""

_STARTS_WITHIN = 30


class NoEngine(Exception):
    """There is no Docker engine here, and why."""


@contextmanager
def docker_engine(log: Path) -> Iterator[None]:
    """Provide an engine and the images. An engine that was started here is stopped again.

    :param log: file for the output of an engine that is started, and of the image builds
    :raises NoEngine: if there is no engine, or images can be neither pulled nor built
    """
    if shutil.which("docker") is None:
        raise NoEngine("the program docker is not on the PATH")
    with log.open("ab") as out, _running_engine(out):
        if not _succeeds("docker", "compose", "version"):
            raise NoEngine("docker has no Compose v2")
        missing = [image for image in IMAGES if not has_image(image)]
        if missing and MAKES_IMAGES.is_file():
            subprocess.run(("bash", str(MAKES_IMAGES), "all"), stdout=out, stderr=out, check=False)
            missing = [image for image in IMAGES if not has_image(image)]
        if missing:
            raise NoEngine(f"the image {missing[0]} cannot be pulled")
        yield


def has_image(image: str) -> bool:
    """Whether the engine has an image, or can pull it."""
    return _succeeds("docker", "image", "inspect", image) or _succeeds("docker", "pull", "--quiet", image)


@contextmanager
def _running_engine(out: object) -> Iterator[None]:
    if _succeeds("docker", "version"):
        yield
        return
    if shutil.which("dockerd") is None or os.geteuid() != 0:
        raise NoEngine("the Docker engine does not answer, and cannot be started by this user")
    engine = subprocess.Popen(("dockerd",), stdout=out, stderr=out)  # type: ignore[call-overload]
    try:
        end = time.monotonic() + _STARTS_WITHIN
        while not _succeeds("docker", "version"):
            if engine.poll() is not None or time.monotonic() > end:
                raise NoEngine("dockerd does not start")
            time.sleep(0.5)
        yield
    finally:
        engine.terminate()
        engine.wait(30)


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False, timeout=600).returncode == 0
