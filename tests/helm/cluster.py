"""As much of a cluster's API as Helm asks when it renders for one: its kinds, and objects by name."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING, Any

from tests.helm.chart import CHART, NAMESPACE, RELEASE, run

if TYPE_CHECKING:
    from collections.abc import Iterator

_KINDS = {
    "v1": ("ConfigMap", "PersistentVolumeClaim", "Secret", "Service", "ServiceAccount"),
    "apps/v1": ("Deployment", "StatefulSet"),
    "batch/v1": ("CronJob", "Job"),
    "networking.k8s.io/v1": ("NetworkPolicy",),
    "rbac.authorization.k8s.io/v1": ("Role", "RoleBinding"),
}


def _plural(kind: str) -> str:
    name = kind.lower()
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def _discovery() -> dict[str, Any]:
    """Return what the API answers about itself, by path."""
    answers: dict[str, Any] = {
        "/version": {"major": "1", "minor": "36", "gitVersion": "v1.36.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
    }
    groups = []
    for version, kinds in _KINDS.items():
        resources = [
            {"name": _plural(kind), "kind": kind, "namespaced": True, "verbs": ["get", "list", "create"]}
            for kind in kinds
        ]
        path = "/api/v1" if version == "v1" else f"/apis/{version}"
        answers[path] = {"kind": "APIResourceList", "groupVersion": version, "resources": resources}
        if version != "v1":
            one = {"groupVersion": version, "version": "v1"}
            groups.append({"name": version.partition("/")[0], "versions": [one], "preferredVersion": one})
    return {**answers, "/apis": {"kind": "APIGroupList", "groups": groups}}


class Cluster:
    """A namespace of a cluster, with the objects that a test puts there."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig
        self.answers = _discovery()

    def add(self, kind: str, name: str, **fields: Any) -> None:
        """Put an object into the namespace."""
        path = f"/api/v1/namespaces/{NAMESPACE}/{_plural(kind)}/{name}"
        metadata = {"name": name, "namespace": NAMESPACE}
        self.answers[path] = {"apiVersion": "v1", "kind": kind, "metadata": metadata, **fields}

    def render(self, *arguments: str, values: str = "{}") -> str:
        """Return what Helm would send to this cluster.

        :raises Refused: with the chart's own sentence
        """
        return run(
            "template", RELEASE, str(CHART), "--dry-run=server", "--kubeconfig", str(self._kubeconfig),
            "--namespace", NAMESPACE, "--values", "-", *arguments, stdin=values,
        )  # fmt: skip

    def notes(self, values: str = "{}") -> str:
        """Return what Helm would say after an installation."""
        text = run(
            "install", RELEASE, str(CHART), "--dry-run=client", "--kubeconfig", str(self._kubeconfig),
            "--disable-openapi-validation", "--namespace", NAMESPACE, "--values", "-", stdin=values,
        )  # fmt: skip
        return text.partition("NOTES:")[2]


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Serve an empty namespace until the context ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = served.answers.get(self.path.partition("?")[0])
            missing = {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "reason": "NotFound",
                "code": 404,
            }
            self.send_response(404 if answer is None else 200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(missing if answer is None else answer).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with TemporaryDirectory() as folder:
        kubeconfig = Path(folder, "kubeconfig")
        context = {"name": "fake", "context": {"cluster": "fake", "user": "fake"}}
        address = {"name": "fake", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
        kubeconfig.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [address],
                    "contexts": [context],
                    "current-context": "fake",
                    "users": [{"name": "fake", "user": {}}],
                }
            )
        )
        kubeconfig.chmod(0o600)
        served = Cluster(kubeconfig)
        Thread(target=server.serve_forever, daemon=True).start()
        yield served
        server.shutdown()
        server.server_close()
