"""Who may talk to whom: the NetworkPolicies, held against the pods of the same release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.helm.chart import EVERYTHING, RELEASE, Manifest, Values, pods, render

if TYPE_CHECKING:
    from collections.abc import Iterator

MODES: list[Values] = [
    {},
    EVERYTHING,
    {"migrations": {"mode": "init"}, "metrics": {"enabled": True}},
    {"warehouses": ["bigquery"], "bigquery": {"project": "p", "bucket": "b"}},
]


def policies(rendered: list[Manifest]) -> dict[str, Manifest]:
    return {
        one["metadata"]["name"].removeprefix(f"{RELEASE}-"): one["spec"]
        for one in rendered
        if one["kind"] == "NetworkPolicy"
    }


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", ())
    )


def edges(rendered: list[Manifest], direction: str, peers: str) -> Iterator[tuple[str, str, int]]:
    """Give component, other component and port of each rule that names pods of the release."""
    labels = {component: pod["metadata"]["labels"] for component, pod in pods(rendered)}
    for component, spec in policies(rendered).items():
        for rule in spec.get(direction, ()):
            for peer in rule.get(peers, ()):
                if "podSelector" in peer:
                    others = [name for name, own in labels.items() if selects(peer["podSelector"], own)]
                    assert others, (component, peer)
                    for other in others:
                        for port in rule["ports"]:
                            yield component, other, port["port"]


@pytest.mark.parametrize("values", MODES)
def test_each_pod_has_one_policy_for_both_directions(values: Values) -> None:
    rendered = render(values)
    found = policies(rendered)
    for component, pod in pods(rendered):
        mine = [
            name for name, spec in found.items() if selects(spec["podSelector"], pod["metadata"]["labels"])
        ]
        assert mine == [component]
        assert found[component]["policyTypes"] == ["Ingress", "Egress"]
    assert len(found) == len(dict(pods(rendered)))


@pytest.mark.parametrize("values", MODES)
def test_what_one_side_may_send_the_other_may_receive(values: Values) -> None:
    rendered = render(values)
    sent = set(edges(rendered, "egress", "to"))
    received = {(other, component, port) for component, other, port in edges(rendered, "ingress", "from")}
    assert sent == received
    assert ("worker", "api-server", 8080) in sent


def ports(rendered: list[Manifest], component: str) -> set[int]:
    return {
        port["port"] for rule in policies(rendered)[component].get("egress", ()) for port in rule["ports"]
    }


def test_each_component_reaches_what_it_needs() -> None:
    rendered = render({"metrics": {"enabled": True}})
    kubernetes = {443, 6443, 8443}
    assert {name: ports(rendered, name) for name in policies(rendered)} == {
        "api-server": {53, 5432, 9125, *kubernetes},
        "cleanup-metadata": {53, 5432},
        "cleanup-pods": {53, *kubernetes},
        "dag-processor": {53, 5432, 9125},
        "metadata": set(),
        "migrations": {53, 5432, 443},
        "scheduler": {53, 5432, 8080, 9125, *kubernetes},
        "statsd": set(),
        "triggerer": {53, 5432, 443, 9125},
        "warehouse": set(),
        "worker": {53, 5432, 443, 8080, 9125},
    }


def test_a_task_does_not_reach_airflows_database() -> None:
    reached = {(component, other) for component, other, _ in edges(render(), "egress", "to")}
    assert {one for one, other in reached if other == "metadata"} == {
        "api-server",
        "cleanup-metadata",
        "dag-processor",
        "migrations",
        "scheduler",
        "triggerer",
    }
    assert {one for one, other in reached if other == "warehouse"} == {"api-server", "migrations", "worker"}


def test_databases_of_ones_own_are_reached_at_their_addresses() -> None:
    values = {**EVERYTHING, "networkPolicies": {"databaseCidrs": ["10.0.0.0/24"]}}
    rules = policies(render(values))["dag-processor"]["egress"]
    assert {"ports": [{"port": 5433}], "to": [{"ipBlock": {"cidr": "10.0.0.0/24"}}]} in rules


def test_further_rules_and_callers_can_be_named() -> None:
    mirror = {"ports": [{"port": 8000}]}
    caller = {"namespaceSelector": {"matchLabels": {"name": "gateway"}}}
    found = policies(render({"networkPolicies": {"egress": [mirror], "uiFrom": [caller]}}))
    assert {name for name, spec in found.items() if mirror in spec.get("egress", ())} == {
        "api-server", "migrations", "scheduler", "triggerer", "worker",
    }  # fmt: skip
    assert found["api-server"]["ingress"][-1] == {"ports": [{"port": 8080}], "from": [caller]}
