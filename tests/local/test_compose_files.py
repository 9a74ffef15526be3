"""The files of the stack in docker-compose.yaml, without an engine."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from nyc_taxi import __version__
from tests.local.compose import CHECKOUT, COMPOSE, EXAMPLE, SECRETS

LAID_OVER = {path.name: path.read_text() for path in CHECKOUT.glob("compose/*.yaml")}
ENV_FILES = [path.read_text() for path in CHECKOUT.glob("compose/*/*.env")]
SERVICES: dict[str, dict[str, Any]] = {
    name: service for text in COMPOSE for name, service in yaml.safe_load(text)["services"].items()
}
ARE_OF_COMPOSE = {"COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME"}
"""Settings that Docker Compose itself reads."""
SECRET = re.compile(r"PASS|SECRET|FERNET|_KEY")


def variables() -> dict[str, set[str]]:
    """Each variable of the compose files, with the defaults that it has in them."""
    found: dict[str, set[str]] = {}
    for text in (*COMPOSE, *LAID_OVER.values(), *ENV_FILES):
        for name, default in re.findall(r"(?<!\$)\$\{(\w+)(?::-((?:\$\{\w+\}|[^{}])*))?", text):
            found.setdefault(name, set()).add(default)
    return found


def examples() -> dict[str, str]:
    """Each setting of .env.example, also those that are commented out."""
    return dict(re.findall(r"^#?([A-Z][A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))


def test_every_variable_has_a_line_in_the_example_and_the_reverse() -> None:
    assert sorted(variables()) == sorted(name for name in examples() if name not in ARE_OF_COMPOSE)


def test_the_example_shows_the_defaults() -> None:
    left_to_bootstrap = {"NYC_TAXI_SOURCES", "NYC_TAXI_PRODUCTS_URL"}
    shown = {name: {value} for name, value in examples().items() if name in variables()}
    for name, defaults in variables().items():
        if name not in left_to_bootstrap:
            assert defaults == shown[name], name


def test_nothing_is_published_but_on_the_own_machine() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports
    for port in ports:
        assert re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z_]+_PORT:-\d+\}:\d+", port)


def test_every_service_is_limited_and_gains_no_rights() -> None:
    for name, service in SERVICES.items():
        assert re.fullmatch(r"\d+[mg]", service["mem_limit"]), name
        assert service["pids_limit"], name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert all("size=" in one for one in service.get("tmpfs", ())), name
        ends = service["restart"] == "no"
        assert ("healthcheck" in service) != ends, name


def test_a_database_is_not_the_first_process_of_its_container() -> None:
    """Otherwise it restarts all its processes when one that a health check left behind is killed."""
    for name in ("warehouse", "metadata"):
        assert SERVICES[name]["init"] is True
        assert "exec psql" in SERVICES[name]["healthcheck"]["test"][-1]


def test_a_secret_is_only_where_it_is_needed() -> None:
    holders = {
        secret: sorted(name for name, service in SERVICES.items() if secret in service.get("secrets", ()))
        for secret in SECRETS
    }
    airflow = ["api-server", "dag-processor", "init", "scheduler", "triggerer"]
    assert holders == {
        "airflow_password": ["api-server", "grafana"],
        "api_secret": ["api-server"],
        "fernet_key": airflow,
        "grafana_reader_password": ["grafana", "grafana-reader"],
        "jwt_secret": ["api-server", "scheduler"],
        "metadata_password": sorted([*airflow, "metadata"]),
        "pgadmin_password": ["pgadmin"],
        "warehouse_password": ["grafana-reader", "init", "pgadmin", "warehouse"],
    }


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if service.get("secrets")])
def test_a_service_reads_each_of_its_secrets_and_no_other(name: str) -> None:
    service = {key: value for key, value in SERVICES[name].items() if key != "secrets"}
    read = json.dumps(service)
    for folder in ("observability/grafana/datasources.yaml", "pgadmin/servers.json"):
        if Path(folder).name in read:
            read += (CHECKOUT / "compose" / folder).read_text()
    assert set(re.findall(r"/run/secrets/(\w+)", read)) == set(SERVICES[name]["secrets"])


def test_the_image_says_which_version_it_holds() -> None:
    recipe = (CHECKOUT / "Dockerfile").read_text()
    assert f"\nARG VERSION={__version__}\n" in recipe
    assert set(re.findall(r"opencontainers\.image\.(\w+)=\"\$", recipe)) == {
        "version",
        "revision",
        "created",
        "source",
    }


def test_a_secret_comes_from_a_file_that_git_ignores() -> None:
    for name, source in SECRETS.items():
        assert source["file"].removeprefix("../../").removeprefix("./") == f"secrets/{name}"
        ignored = ("git", "check-ignore", "--quiet", f"secrets/{name}")
        assert subprocess.run(ignored, cwd=CHECKOUT, check=False).returncode == 0
    assert not [name for name in examples() if SECRET.search(name)]
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert not SECRET.search(name) or name.endswith(("_FILE", "_CMD", "PGPASSFILE")), name
            assert not re.search(r"://[^/]*:[^/]*@", str(value)), name
    servers = json.loads((CHECKOUT / "compose" / "pgadmin" / "servers.json").read_text())["Servers"]
    assert not any("Password" in server for server in servers.values())


def test_pgadmin_knows_the_warehouse() -> None:
    servers = json.loads((CHECKOUT / "compose" / "pgadmin" / "servers.json").read_text())["Servers"]
    database = SERVICES["warehouse"]["environment"]
    assert [(server["Host"], server["Username"], server["MaintenanceDB"]) for server in servers.values()] == [
        ("warehouse", database["POSTGRES_USER"], database["POSTGRES_DB"])
    ]


def test_a_clone_on_windows_has_the_line_ends_that_containers_need(tmp_path: Path) -> None:
    files = (
        "entrypoint.sh",
        "local/compose.sh",
        ".env.example",
        "docker-compose.yaml",
        "requirements/image.txt",
    )
    command = ("git", "-c", "core.autocrlf=true", "checkout-index", f"--prefix={tmp_path}/", "--", *files)
    subprocess.run(command, cwd=CHECKOUT, check=True)
    assert not [name for name in files if b"\r" in (tmp_path / name).read_bytes()]
