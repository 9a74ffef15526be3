"""Where the keys and passwords are: each in a Secret, mounted as a file where it is needed, and kept."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet

from tests.helm.chart import (
    EVERYTHING,
    OWN_DATABASES,
    RELEASE,
    Refused,
    containers,
    environment,
    find,
    names,
    pods,
    render,
    secret_files,
    worker_pod,
)
from tests.helm.cluster import cluster

GENERATED = {
    "airflow-password",
    "api-secret",
    "fernet-key",
    "jwt-secret",
    "metadata-password",
    "warehouse-password",
}
SECRET_NAME = re.compile(r"PASSWORD|SECRET|FERNET|_KEY|TOKEN|CONN$")


def value(text: str, name: str) -> str:
    (found,) = [
        one for one in yaml.safe_load_all(text) if one and one["metadata"]["name"] == f"{RELEASE}-{name}"
    ]
    (encoded,) = found["data"].values()
    return base64.b64decode(encoded).decode()


def test_generated_secrets_are_kept_and_fit_their_purpose() -> None:
    rendered = render()
    assert names(rendered, "Secret") == GENERATED
    values = {}
    for name in GENERATED:
        secret = find(rendered, "Secret", name)
        assert secret["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
        (values[name],) = (base64.b64decode(one).decode() for one in secret["data"].values())
    Fernet(values["fernet-key"])
    assert len(values["jwt-secret"]) >= 64
    assert len(set(values.values())) == len(values)
    assert min(map(len, values.values())) >= 24


def test_secrets_of_ones_own_leave_nothing_to_generate() -> None:
    rendered = render({"secrets": {"name": "my-secrets", "fernetKey": {"name": "vault", "key": "fernet"}}})
    assert names(rendered, "Secret") == set()
    files = dict(pods(rendered))["scheduler"]
    assert secret_files(files) == {
        "fernet_key": "vault/fernet",
        "jwt_secret": "my-secrets/jwt_secret",
        "metadata_password": "my-secrets/metadata_password",
    }


def test_a_component_has_only_the_secrets_that_it_needs() -> None:
    metadata = {"fernet_key", "metadata_password"}
    assert {component: set(secret_files(pod)) for component, pod in pods(render())} == {
        "api-server": {*metadata, "airflow_password", "api_secret", "jwt_secret"},
        "cleanup-metadata": metadata,
        "cleanup-pods": set(),
        "dag-processor": metadata,
        "metadata": {"metadata_password"},
        "migrations": {*metadata, "warehouse_password"},
        "scheduler": {*metadata, "jwt_secret"},
        "triggerer": metadata,
        "warehouse": {"warehouse_password"},
        "worker": set(),
    }


def test_each_file_that_a_pod_reads_is_mounted_and_the_reverse() -> None:
    for values in ({}, EVERYTHING, {"migrations": {"mode": "init"}}):
        for component, pod in pods(render(values)):
            for container in containers(pod):
                read = set(re.findall(r"/run/secrets/nyc-taxi/(\w+)", json.dumps(container)))
                mounted = {
                    source["secret"]["items"][0]["path"]
                    for mount in container["volumeMounts"]
                    for volume in pod["spec"]["volumes"]
                    if volume["name"] == mount["name"]
                    for source in volume.get("projected", {}).get("sources", ())
                }
                assert read == mounted, (component, container["name"])


def test_no_secret_is_in_a_variable_or_a_config_map() -> None:
    for rendered in (render(), render(EVERYTHING)):
        secrets = [
            base64.b64decode(one).decode()
            for secret in rendered
            if secret["kind"] == "Secret"
            for one in secret["data"].values()
        ]
        for one in rendered:
            if one["kind"] != "Secret":
                text = json.dumps(one)
                assert not [secret for secret in secrets if secret in text], one["metadata"]["name"]
        for component, pod in pods(rendered):
            for container in containers(pod):
                for name, text in environment(container).items():
                    harmless = name.endswith(("_FILE", "_CMD", "PGPASSFILE"))
                    assert harmless or not SECRET_NAME.search(name) or "://" in text, (component, name)
                    assert not re.search(r"://[^/]*:[^/]*@", text), (component, name)


def test_the_pod_of_a_task_can_reach_neither_airflows_database_nor_its_keys() -> None:
    for values in ({}, EVERYTHING):
        pod = worker_pod(render(values))
        text = json.dumps(pod)
        assert not re.search(
            "SQL_ALCHEMY|FERNET|JWT|SECRET_KEY|PGPASS|METADATA|WAREHOUSE_PASSWORD|BIGQUERY_KEY", text
        )
        assert pod["spec"]["automountServiceAccountToken"] is bool(values)


def test_only_pods_that_call_kubernetes_have_a_token_for_it() -> None:
    holders = {name for name, pod in pods(render()) if pod["spec"]["automountServiceAccountToken"]}
    assert holders == {"api-server", "cleanup-pods", "scheduler"}


def test_the_rights_in_the_cluster_are_the_least() -> None:
    def rights(values: Any = None) -> dict[str, set[str]]:
        return {
            role["metadata"]["name"].removeprefix(f"{RELEASE}-"): {
                f"{verb} {resource}"
                for rule in role["rules"]
                for verb in rule["verbs"]
                for resource in rule["resources"]
            }
            for role in render(values)
            if role["kind"] == "Role"
        }

    executes = {f"{verb} pods" for verb in ("create", "delete", "get", "list", "patch", "watch")}
    least = {
        "api-server": {"get pods", "list pods", "get pods/log"},
        "cleanup-pods": {"delete pods", "list pods"},
        "scheduler": executes,
    }
    assert rights() == least
    launches = {*executes, "get pods/log", "get events", "list events"}
    assert rights({"worker": {"launchesPods": True}}) == {**least, "triggerer": launches, "worker": launches}
    assert names(render(), "ClusterRole") == set()


def test_init_gets_the_connections_and_nobody_else() -> None:
    found = dict(pods(render(EVERYTHING)))
    variables = {
        name: environment(pod["spec"]["containers"][0]) for name, pod in found.items() if name != "statsd"
    }
    init, dbt = variables.pop("migrations"), variables.pop("dbt")
    assert init["NYC_TAXI_WAREHOUSE_HOST"] == "warehouse.example"
    assert init["NYC_TAXI_WAREHOUSE_PASSWORD_FILE"] == "/run/secrets/nyc-taxi/warehouse_password"
    assert init["NYC_TAXI_BIGQUERY_MAXIMUM_BYTES_BILLED"] == "10000000000"
    assert init["NYC_TAXI_BIGQUERY_KEY_FILE"] == "/run/secrets/nyc-taxi/bigquery_key"
    assert secret_files(found["migrations"])["bigquery_key"] == "google/key.json"
    assert dbt["NYC_TAXI_WAREHOUSE_PASSWORD_FILE"] == "/run/secrets/nyc-taxi/warehouse_password"
    for name, one in variables.items():
        assert not [key for key in one if key.startswith(("NYC_TAXI_WAREHOUSE", "NYC_TAXI_BIGQUERY"))], name


def test_an_upgrade_keeps_the_secrets_that_the_cluster_has() -> None:
    kept = base64.b64encode(b"kept").decode()
    with cluster() as served:
        for name in GENERATED:
            served.add("Secret", f"{RELEASE}-{name}", data={name.replace("-", "_"): kept})
        served.add("PersistentVolumeClaim", f"data-{RELEASE}-metadata-0")
        text = served.render("--is-upgrade")
    assert {value(text, name) for name in GENERATED} == {"kept"}


@pytest.mark.parametrize("gone", ["fernet-key", "metadata-password"])
def test_a_lost_secret_is_not_made_anew_while_its_database_is_there(gone: str) -> None:
    with cluster() as served:
        for name in GENERATED - {gone}:
            served.add("Secret", f"{RELEASE}-{name}", data={name.replace("-", "_"): "YQ=="})
        served.add("PersistentVolumeClaim", f"data-{RELEASE}-metadata-0")
        with pytest.raises(Refused, match=f"{RELEASE}-{gone}, which is gone: restore that Secret"):
            served.render("--is-upgrade")
        served.render("--is-upgrade", values=json.dumps(OWN_DATABASES))


def test_the_notes_say_how_to_open_the_ui_and_what_is_not_for_production() -> None:
    with cluster() as served:
        cron_job = {"dbt": {"cronJob": {"enabled": True}}}
        text, own = served.notes(), served.notes(json.dumps({**OWN_DATABASES, **cron_job}))
    assert f"kubectl --namespace rides port-forward service/{RELEASE}-api-server 8080:8080" in text
    assert f"kubectl --namespace rides get secret {RELEASE}-airflow-password" in text
    assert "kubectl --namespace rides get secret my-secrets" in own
    assert "NOT FOR PRODUCTION" in text
    assert "NOT FOR PRODUCTION" not in own
    assert "airflow dags pause transform_postgres" in own
    assert "airflow dags pause" not in text
