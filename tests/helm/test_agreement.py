"""The chart agrees with the rest of the project: profiles, options of Airflow, metrics, modes of init."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from local.environment import CHECKOUT
from nyc_taxi import __version__
from nyc_taxi.deploy.desired import read_desired
from nyc_taxi.deploy.last_applied import CONNECTION, Resource
from tests.airflow_options import is_option
from tests.helm.chart import (
    CHART,
    EVERYTHING,
    RELEASE,
    Values,
    containers,
    environment,
    find,
    names,
    pods,
    render,
    secret_files,
    worker_pod,
)

VALUES = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
OBSERVABILITY = CHECKOUT / "compose" / "observability"


def test_the_profiles_are_those_of_the_code() -> None:
    profiles = yaml.safe_load((CHECKOUT / "include" / "pod_profiles.yaml").read_text("utf-8"))
    assert VALUES["podProfiles"] == profiles
    rendered = render()
    mounted = find(rendered, "ConfigMap", "pod-profiles")["data"]["pod_profiles.yaml"]
    assert yaml.safe_load(mounted) == profiles
    assert worker_pod(rendered)["spec"]["containers"][0]["resources"] == profiles["default"]["resources"]


def test_a_changed_profile_arrives_where_profiles_are_read() -> None:
    before, after = (
        dict(pods(render(values))) for values in ({}, {"podProfiles": {"load": {"labels": {"team": "taxi"}}}})
    )
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"dag-processor", "scheduler"}
    for name in ("dag-processor", "migrations", "scheduler", "worker"):
        (container,) = after[name]["spec"]["containers"]
        folder, _, file = environment(container)["AIRFLOW__NYC_TAXI__POD_PROFILES"].rpartition("/")
        assert {"name": "pod-profiles", "mountPath": folder, "readOnly": True} in container["volumeMounts"]
        assert file == "pod_profiles.yaml"


@pytest.mark.parametrize("values", [{}, EVERYTHING])
def test_every_option_of_airflow_is_one_that_it_has(values: Values) -> None:
    seen = set()
    for _, pod in pods(render(values)):
        for container in containers(pod):
            seen |= {name for name in environment(container) if name.startswith("AIRFLOW__")}
    assert len(seen) > 20
    assert [name for name in seen if not is_option(name)] == []


def test_the_exporter_is_that_of_compose() -> None:
    assert (CHART / "files/statsd.yaml").read_text("utf-8") == (OBSERVABILITY / "statsd.yaml").read_text(
        "utf-8"
    )
    service = yaml.safe_load((OBSERVABILITY / "compose.yaml").read_text("utf-8"))["services"][
        "statsd-exporter"
    ]
    assert VALUES["metrics"]["image"] == service["image"]
    sent = dict(
        re.findall(r"^(AIRFLOW__\w+)=(.*)$", (OBSERVABILITY / "airflow.env").read_text("utf-8"), re.MULTILINE)
    )
    (container,) = worker_pod(render(EVERYTHING))["spec"]["containers"]
    mine = {
        name: text for name, text in environment(container).items() if name.startswith("AIRFLOW__METRICS__")
    }
    assert mine == {
        **sent,
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_HOST": f"{RELEASE}-statsd",
    }


def test_the_versions_are_those_of_the_image_and_the_package() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    image = re.search(
        r"^ARG AIRFLOW_IMAGE=apache/airflow:([\d.]+)-", (CHECKOUT / "Dockerfile").read_text(), re.MULTILINE
    )
    assert image
    assert (chart["version"], chart["appVersion"]) == (__version__, image[1])


def arguments(pod: dict[str, Any]) -> list[str]:
    return list(pod["spec"]["containers"][0]["args"])


def test_init_is_a_job_a_hook_or_a_container_of_the_scheduler() -> None:
    job, init = render(), render({"migrations": {"mode": "init"}})
    fresh, upgrade = (render({"migrations": {"mode": "hook"}}, *more) for more in ((), ("--is-upgrade",)))
    for rendered in (job, fresh, upgrade):
        (name,) = names(rendered, "Job")
        migrate = find(rendered, "Job", name)
        assert ("helm.sh/hook" in str(migrate)) == (rendered is upgrade)
        assert arguments(migrate["spec"]["template"]) == ["init", "--wait", "180"]
        assert not dict(pods(rendered))["scheduler"]["spec"].get("initContainers")
    assert names(init, "Job") == set()
    (container,) = dict(pods(init))["scheduler"]["spec"]["initContainers"]
    assert container["args"] == ["init", "--wait", "180"]
    # With anything but a job, helm install --wait would wait for pods that wait for a hook after it.
    assert not [
        one for one in (*job, *fresh, *init) if "helm.sh/hook" in one["metadata"].get("annotations", {})
    ]


def test_a_hook_finds_the_profiles_that_are_about_to_be_installed() -> None:
    rendered = render({"migrations": {"mode": "hook"}}, "--is-upgrade")
    (name,) = names(rendered, "Job")
    volumes = find(rendered, "Job", name)["spec"]["template"]["spec"]["volumes"]
    (mounted,) = [one["configMap"]["name"] for one in volumes if one["name"] == "pod-profiles"]
    profiles = find(rendered, "ConfigMap", mounted.removeprefix(f"{RELEASE}-"))
    assert profiles["metadata"]["annotations"]["helm.sh/hook"] == "pre-upgrade"
    assert int(profiles["metadata"]["annotations"]["helm.sh/hook-weight"]) < 0
    assert profiles["data"] == find(rendered, "ConfigMap", "pod-profiles")["data"]


def test_every_component_starts_by_way_of_the_entry_point_which_waits_for_init() -> None:
    found = dict(pods(render()))
    for name in ("api-server", "scheduler", "dag-processor", "triggerer"):
        (container,) = found[name]["spec"]["containers"]
        assert "command" not in container
        assert container["args"][0] == name
        probe = container["startupProbe"]
        assert probe["periodSeconds"] * probe["failureThreshold"] >= 600  # it waits for init, and for the API


def test_the_pod_of_a_task_is_what_the_executor_expects() -> None:
    pod = worker_pod(render())
    (container,) = pod["spec"]["containers"]
    assert container["name"] == "base"
    assert "args" not in container
    assert pod["spec"]["restartPolicy"] == "Never"
    assert pod["spec"]["serviceAccountName"] == f"{RELEASE}-worker"
    scheduler = environment(dict(pods(render()))["scheduler"]["spec"]["containers"][0])
    assert environment(container)["AIRFLOW__CORE__EXECUTOR"] == scheduler["AIRFLOW__CORE__EXECUTOR"]
    service = find(render(), "Service", "api-server")
    address = f"http://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}/execution/"
    assert environment(container)["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == address


@pytest.mark.parametrize(
    ("values", "url"),
    [
        ({}, "http://localhost:8080"),
        ({"ingress": {"enabled": True, "host": "a.example"}}, "http://a.example"),
        ({"ingress": {"enabled": True, "host": "a.example", "tlsSecretName": "c"}}, "https://a.example"),
        ({"httpRoute": EVERYTHING["httpRoute"]}, "https://taxi.example"),
        (
            {
                "apiServer": {"baseUrl": "https://b.example"},
                "ingress": {"enabled": True, "host": "a.example"},
            },
            "https://b.example",
        ),
    ],
)
def test_the_ui_knows_its_address(values: Values, url: str) -> None:
    server = dict(pods(render(values)))["api-server"]
    assert environment(server["spec"]["containers"][0])["AIRFLOW__API__BASE_URL"] == url
    assert ("--proxy-headers" in arguments(server)) == (len(values) > 0)


def test_development_databases_are_run_as_compose_runs_them() -> None:
    services = yaml.safe_load((CHECKOUT / "docker-compose.yaml").read_text("utf-8"))["services"]
    found = dict(pods(render()))
    for name in ("metadata", "warehouse"):
        (container,) = found[name]["spec"]["containers"]
        assert container["image"] == "postgres:18"
        assert (
            found[name]["spec"]["shareProcessNamespace"] is True
        )  # so that Postgres is not the first process
        mine, theirs = environment(container), services[name]["environment"]
        assert {key: mine[key] for key in ("POSTGRES_DB", "POSTGRES_USER")} == {
            key: theirs[key] for key in ("POSTGRES_DB", "POSTGRES_USER")
        }
        assert find(render(), "StatefulSet", name)["metadata"]["annotations"]["nyc-taxi/not-for-production"]


def test_the_password_of_a_url_is_never_in_it_and_names_are_encoded() -> None:
    metadata = {
        "host": "db.example",
        "user": "a@b",
        "database": "x/y",
        "parameters": {"sslmode": "verify-full"},
    }
    pod = dict(pods(render({**EVERYTHING, "metadata": metadata})))["scheduler"]
    url = environment(pod["spec"]["containers"][0])["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert url == "postgresql+psycopg2://a%40b@db.example:5432/x%2Fy?sslmode=verify-full"


def test_parameters_of_the_warehouse_become_the_extra_of_its_connection() -> None:
    parameters = {"sslmode": "verify-full", "sslrootcert": "/certs/ca.crt", "connect_timeout": 5}
    warehouse = {"host": "db.example", "parameters": parameters}
    found = dict(pods(render({**EVERYTHING, "warehouse": warehouse})))
    for name in ("migrations", "dbt"):
        given = environment(found[name]["spec"]["containers"][0])
        given = {key: value for key, value in given.items() if not key.endswith("_FILE")}
        desired, _ = read_desired(CHECKOUT / "include" / "bootstrap", given)
        assert desired[Resource(CONNECTION, "postgres_taxi")]["extra"] == parameters


@pytest.mark.parametrize(
    ("url", "variable"),
    [
        ("gs://logs/airflow", "GOOGLE_APPLICATION_CREDENTIALS"),
        ("s3://logs/airflow?region=eu-central-1", "AWS_SHARED_CREDENTIALS_FILE"),
    ],
)
def test_remote_logs_are_reached_by_all_that_write_or_read_them(url: str, variable: str) -> None:
    from nyc_taxi.task_logs import LOGGING_CONFIG

    remote = {"url": url, "credentials": {"name": "cloud", "key": "key.json"}}
    found = dict(pods(render({"logs": {"store": "remote", "remote": remote}})))
    holders = set()
    for name, pod in found.items():
        (container,) = pod["spec"]["containers"]
        assert "persistentVolumeClaim" not in str(
            [one for one in pod["spec"]["volumes"] if one["name"] == "logs"]
        )
        if "logs-credentials" in str(container["volumeMounts"]):
            holders.add(name)
            assert environment(container)[variable] == "/run/secrets/nyc-taxi-logs/credentials"
            assert environment(container)["AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER"] == url
            module, _, attribute = environment(container)[
                "AIRFLOW__LOGGING__LOGGING_CONFIG_CLASS"
            ].rpartition(".")
            assert (module, attribute) == ("nyc_taxi.task_logs", "LOGGING_CONFIG")
    assert LOGGING_CONFIG
    assert holders == {"api-server", "scheduler", "triggerer", "worker"}


def test_dbt_runs_by_itself_with_its_profile_and_the_one_secret_that_it_needs() -> None:
    from nyc_taxi.deploy.__main__ import _parser

    assert (CHART / "files/profiles.yml").read_bytes() == (CHECKOUT / "dbt_project/profiles.yml").read_bytes()
    for command, warehouse, secret in (
        ("build", "postgres", "warehouse_password"),
        ("freshness", "bigquery", "bigquery_key"),
    ):
        cron = {"enabled": True, "command": command, "warehouse": warehouse, "target": "dev"}
        rendered = render({**EVERYTHING, "dbt": {"cronJob": cron}})
        job = find(rendered, "CronJob", "dbt")["spec"]
        assert job["concurrencyPolicy"] == "Forbid"
        pod = job["jobTemplate"]["spec"]["template"]
        parsed = _parser().parse_args([arguments(pod)[0], "folder", *arguments(pod)[1:]])
        assert (parsed.dbt, parsed.target, parsed.dbt_target) == (command, warehouse, "dev")
        assert secret_files(pod).keys() == {secret}
        (container,) = pod["spec"]["containers"]
        assert container["resources"] == VALUES["podProfiles"]["dbt"]["resources"]
        variables = environment(container)
        assert not re.search("SQL_ALCHEMY|FERNET|JWT", str(variables))
        mounted = {one["mountPath"]: one["name"] for one in container["volumeMounts"]}
        (volume,) = [
            one for one in pod["spec"]["volumes"] if one["name"] == mounted[variables["DBT_PROFILES_DIR"]]
        ]
        profiles = find(rendered, "ConfigMap", volume["configMap"]["name"].removeprefix(f"{RELEASE}-"))
        assert profiles["data"]["profiles.yml"] == (CHECKOUT / "dbt_project/profiles.yml").read_text("utf-8")
        asked = set(re.findall(r"env_var\('(NYC_TAXI_WAREHOUSE_\w+)'", profiles["data"]["profiles.yml"]))
        given = {name.removesuffix("_FILE") for name in variables if name.startswith("NYC_TAXI_WAREHOUSE")}
        assert given == (asked if warehouse == "postgres" else set())
    own = render({"dbt": {"cronJob": {"enabled": True, "profiles": "postgres: {}"}}})
    assert find(own, "ConfigMap", "dbt")["data"]["profiles.yml"].strip() == "postgres: {}"
