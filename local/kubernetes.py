"""``make up-kubernetes``: the image and the chart, on the Kubernetes cluster that the user means.

A cluster on the user's own machine is recognised by the name of its context. Any other has to be named, so
that a command for development never changes whatever cluster kubectl was used for last.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass

from local.environment import CHECKOUT
from local.errors import LocalError

RELEASE = "nyc-taxi"
"""Name of the release, and of its namespace."""

CHART = CHECKOUT / "helm" / "nyc-taxi"
_REPOSITORY = "nyc-taxi-airflow"

_LOCAL = {
    "kind-": ("kind", "load", "docker-image", "{image}", "--name", "{cluster}"),
    "k3d-": ("k3d", "image", "import", "{image}", "--cluster", "{cluster}"),
    "minikube": ("minikube", "image", "load", "{image}"),
}
"""How an image gets from Docker into a cluster, by the beginning of its context's name."""

_WHERE = {
    "kubectl": "https://kubernetes.io/docs/tasks/tools/",
    "helm": "https://helm.sh/docs/intro/install/",
    "docker": "https://docs.docker.com/get-started/get-docker/",
}
"""Where a program comes from."""


class ClusterFailed(LocalError):
    """There is no cluster to use, or it did not do what it was asked."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Kubernetes cluster.

    :param context: its context in kubectl's configuration
    """

    context: str

    @classmethod
    def chosen(cls, named: str = "") -> Cluster:
        """Return the cluster of the current context if it is one on this machine, or of the named context.

        :param named: the name of a context, which may be that of any cluster
        :raises ClusterFailed: if there is none, it does not answer, or it was not named
        """
        _need("kubectl")
        context = named or _said("kubectl", "config", "current-context")
        if not context:
            raise ClusterFailed(
                "kubectl has no current context. Create a cluster, for example with kind create cluster, or "
                "set KUBECONFIG to the file of one."
            )
        cluster = cls(context)
        if not named and cluster.loader is None:
            raise ClusterFailed(
                f"kubectl's current context is {context}, which is not a cluster of kind, k3d or minikube. "
                f"If you mean it, name it: make up-kubernetes CONTEXT={shlex.quote(context)} IMAGE=…"
            )
        asked = cluster.kubectl("get", "--raw", "/readyz", "--request-timeout=15s")
        if asked.returncode:
            raise ClusterFailed(
                f"The cluster of the context {context} does not answer: {_last_line(asked.stderr)}. "
                "Start it, or choose another one with CONTEXT=…; kubectl config get-contexts lists them."
            )
        return cluster

    @property
    def loader(self) -> tuple[str, ...] | None:
        """The command that brings ``{image}`` into the cluster, if it is one on this machine."""
        for beginning, command in _LOCAL.items():
            if self.context == beginning or (beginning.endswith("-") and self.context.startswith(beginning)):
                name = self.context.removeprefix(beginning)
                return tuple(word.replace("{cluster}", name) for word in command)
        return None

    def kubectl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run kubectl on this cluster, and return what it said."""
        return subprocess.run(
            ("kubectl", "--context", self.context, *arguments), capture_output=True, text=True, check=False
        )

    def image(self, named: str = "") -> str:
        """Return an image that the cluster's pods can use: the named one, or one that is built and loaded.

        A built image gets its own tag, so that pods of an earlier build are replaced.

        :param named: an image that the cluster has, or can pull
        :raises ClusterFailed: if the image cannot be built or loaded
        """
        if named:
            return named
        if self.loader is None:
            raise ClusterFailed(
                f"{self.context} is not a cluster of kind, k3d or minikube, so no image can be loaded into "
                f"it. Build and push one (docker build --tag REGISTRY/{_REPOSITORY}:0.1.0 .), then name it: "
                f"IMAGE=REGISTRY/{_REPOSITORY}:0.1.0"
            )
        _need("docker")
        _need(self.loader[0])
        _run("Building the image", "docker", "build", "--tag", f"{_REPOSITORY}:dev", str(CHECKOUT))
        digest = _said("docker", "image", "inspect", "--format", "{{.Id}}", f"{_REPOSITORY}:dev")
        image = f"{_REPOSITORY}:dev-{digest.removeprefix('sha256:')[:12]}"
        _run("Tagging the image", "docker", "tag", f"{_REPOSITORY}:dev", image)
        _run(
            f"Loading {image} into {self.context}",
            *(word.replace("{image}", image) for word in self.loader),
        )
        return image


def up() -> int:
    """Install the chart, or upgrade it, and return when everything is ready.

    :raises ClusterFailed: if it does not become ready; what is wrong has been printed
    """
    _need("helm")
    cluster = Cluster.chosen(os.environ.get("CONTEXT", ""))
    print(f"Cluster: the context {cluster.context}", flush=True)
    repository, tag = split_image(cluster.image(os.environ.get("IMAGE", "")))
    _make_namespace(cluster)
    try:
        _run(
            f"Installing the release {RELEASE} (first start: one to two minutes)",
            "helm", "upgrade", "--install", RELEASE, str(CHART), "--kube-context", cluster.context,
            "--namespace", RELEASE, "--set-string", f"image.repository={repository},image.tag={tag}",
            "--wait", "--timeout", "10m", *shlex.split(os.environ.get("ARGS", "")),
        )  # fmt: skip
    except ClusterFailed:
        _explain(cluster)
        raise
    return 0


def split_image(image: str) -> tuple[str, str]:
    """Return the repository and the tag of an image.

    :raises ClusterFailed: if it has no tag
    """
    repository, _, tag = image.rpartition(":")
    if not repository or "/" in tag or "@" in image or "," in image:
        raise ClusterFailed(f"IMAGE={image} has no tag. Name one, for example IMAGE={_REPOSITORY}:0.1.0")
    return repository, tag


def _make_namespace(cluster: Cluster) -> None:
    """Create the namespace, in which only pods of the restricted Pod Security level are admitted."""
    if cluster.kubectl("get", "namespace", RELEASE).returncode:
        for arguments in (
            ("create", "namespace", RELEASE),
            ("label", "namespace", RELEASE, "pod-security.kubernetes.io/enforce=restricted"),
        ):
            done = cluster.kubectl(*arguments)
            if done.returncode:
                raise ClusterFailed(f"The namespace {RELEASE} cannot be created: {_last_line(done.stderr)}.")


def _explain(cluster: Cluster) -> None:
    """Show the pods that are not ready, and the latest warnings."""
    here = ("--namespace", RELEASE)
    pods = cluster.kubectl("get", "pods", *here).stdout
    events = cluster.kubectl(
        "get", "events", *here, "--field-selector", "type=Warning", "--sort-by", ".lastTimestamp"
    ).stdout
    print("", pods, *events.splitlines()[-5:], sep="\n", flush=True)


def _need(program: str) -> None:
    if shutil.which(program) is None:
        hint = f" ({_WHERE[program]})" if program in _WHERE else ""
        raise ClusterFailed(f"The program {program} is not on the PATH. Install it{hint}.")


def _said(*command: str) -> str:
    """Return the output of a command on one line; empty if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode else done.stdout.strip()


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1].removesuffix(".")


def _run(what: str, *command: str) -> None:
    """Run a step, whose output goes to the terminal.

    :raises ClusterFailed: if it fails
    """
    print(f"{what} …", flush=True)
    done = subprocess.run(command, env={**os.environ, "DOCKER_BUILDKIT": "1"}, check=False)
    if done.returncode:
        raise ClusterFailed(
            f"{what} failed: {command[0]} exited with {done.returncode}; its messages are above."
        )
