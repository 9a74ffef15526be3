"""The restricted level of the Pod Security Standards, as a function of a pod."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def violations(pod: dict[str, Any]) -> list[str]:
    """Return what the restricted level forbids in a pod."""
    return list(_violations(pod["spec"]))


def _violations(spec: dict[str, Any]) -> Iterator[str]:
    yield from (name for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name))
    for volume in spec.get("volumes", ()):
        if kinds := volume.keys() - {"name"} - _VOLUMES:
            yield f"volume {volume['name']} is of kind {kinds}"
    whole = spec.get("securityContext", {})
    if whole.get("sysctls"):
        yield "sysctls"
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        own = container.get("securityContext", {})
        context = {**whole, **own}
        added, dropped = (set(own.get("capabilities", {}).get(list_, ())) for list_ in ("add", "drop"))
        seccomp = context.get("seccompProfile", {}).get("type")
        faults = {
            "may run as root": context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0,
            "has no seccomp profile": seccomp not in {"RuntimeDefault", "Localhost"},
            "may gain privileges": own.get("allowPrivilegeEscalation") is not False,
            "has capabilities": "ALL" not in dropped or bool(added - {"NET_BIND_SERVICE"}),
            "is privileged": bool(own.get("privileged")),
            "sees the node's processes": own.get("procMount", "Default") != "Default",
            "has a port of the node": any(port.get("hostPort") for port in container.get("ports", ())),
        }
        yield from (f"{container['name']} {fault}" for fault, found in faults.items() if found)
