"""``make up-kubernetes`` without a cluster: which one it takes, and what it runs.

The programs are stand-ins that write down how they were called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local import kubernetes
from local.kubernetes import Cluster, ClusterFailed, split_image

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "sha256:0123456789abcdef0123456789abcdef"


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of calls; the programs are there, and the current context is the one of kind."""
    for name in ("CONTEXT", "IMAGE", "ARGS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for name in ("helm", "kind", "k3d", "minikube"):
        program(tmp_path, name)
    program(tmp_path, "docker", f'case "$1 $2" in "image inspect") echo {DIGEST} ;; esac')
    context(tmp_path, "kind-kind")
    return tmp_path / "calls"


def program(folder: Path, name: str, does: str = "") -> None:
    (folder / name).write_text(f'#!/bin/sh\necho "{name} $*" >>"{folder}/calls"\n{does}\n')
    (folder / name).chmod(0o755)


def context(folder: Path, name: str) -> None:
    """Set kubectl's current context."""
    program(
        folder, "kubectl", f'case "$*" in "config current-context") echo "{name}"; [ -n "{name}" ] ;; esac'
    )


@pytest.mark.parametrize(
    ("name", "loads"),
    [
        ("kind-kind", "kind load docker-image nyc-taxi-airflow:dev-0123456789ab --name kind"),
        ("k3d-taxi", "k3d image import nyc-taxi-airflow:dev-0123456789ab --cluster taxi"),
        ("minikube", "minikube image load nyc-taxi-airflow:dev-0123456789ab"),
    ],
)
def test_the_image_is_loaded_into_a_cluster_on_this_machine(
    calls: Path, tmp_path: Path, name: str, loads: str
) -> None:
    context(tmp_path, name)
    assert kubernetes.up() == 0
    assert loads in calls.read_text().splitlines()
    (helm,) = (line for line in calls.read_text().splitlines() if line.startswith("helm "))
    assert f"--kube-context {name} --namespace nyc-taxi" in helm
    assert "image.repository=nyc-taxi-airflow,image.tag=dev-0123456789ab" in helm


def test_another_cluster_is_not_touched_unless_it_is_named(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context(tmp_path, "production")
    with pytest.raises(ClusterFailed, match=r"which is not a cluster of kind.*CONTEXT=production"):
        kubernetes.up()
    assert calls.read_text().splitlines() == ["kubectl config current-context"]
    monkeypatch.setenv("CONTEXT", "production")
    with pytest.raises(ClusterFailed, match="no image can be loaded into it"):
        kubernetes.up()
    assert "helm" not in calls.read_text()
    monkeypatch.setenv("IMAGE", "registry.example:5000/taxi:0.1.0")
    assert kubernetes.up() == 0
    assert "image.repository=registry.example:5000/taxi,image.tag=0.1.0" in calls.read_text()
    assert "docker" not in calls.read_text()


@pytest.mark.parametrize("name", ["", "kindly", "minikube-of-someone", "k3d"])
def test_the_name_has_to_be_that_of_a_cluster_on_this_machine(calls: Path, tmp_path: Path, name: str) -> None:
    context(tmp_path, name)
    with pytest.raises(ClusterFailed, match=r"not a cluster of kind|has no current context"):
        Cluster.chosen()


def test_a_cluster_that_does_not_answer_is_one_sentence(calls: Path, tmp_path: Path) -> None:
    program(
        tmp_path,
        "kubectl",
        'case "$1" in config) echo kind-kind ;; *) echo "connection refused" >&2; exit 1 ;; esac',
    )
    with pytest.raises(ClusterFailed, match=r"The cluster of the context kind-kind does not answer: conn"):
        kubernetes.up()


@pytest.mark.parametrize("missing", ["kubectl", "helm", "docker", "kind"])
def test_a_missing_program_is_one_sentence(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / missing).unlink()
    with pytest.raises(ClusterFailed, match=rf"The program {missing} is not on the PATH\. Install it"):
        kubernetes.up()


def test_a_failed_step_ends_the_command_and_shows_the_pods(
    calls: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program(tmp_path, "helm", "echo 'timed out' >&2; exit 1")
    with pytest.raises(ClusterFailed, match=r"helm exited with 1; its messages are above"):
        kubernetes.up()
    assert "kubectl --context kind-kind get pods --namespace nyc-taxi" in calls.read_text()
    assert "timed out" in capfd.readouterr().err


@pytest.mark.parametrize("image", ["taxi", "registry.example:5000/taxi", "taxi@sha256:00", "taxi:1,x=y"])
def test_an_image_needs_a_tag(image: str) -> None:
    with pytest.raises(ClusterFailed, match="has no tag"):
        split_image(image)
