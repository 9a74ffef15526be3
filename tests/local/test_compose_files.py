"""The files of the stack in docker-compose.yaml, and the script that starts it, without an engine."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).parents[2]
COMPOSE = [
    path.read_text() for path in (CHECKOUT / "docker-compose.yaml", *CHECKOUT.glob("compose/*/compose.yaml"))
]
LAID_OVER = {path.name: path.read_text() for path in CHECKOUT.glob("compose/*.yaml")}
ENV_FILES = [path.read_text() for path in CHECKOUT.glob("compose/*/*.env")]
EXAMPLE = (CHECKOUT / ".env.example").read_text()
SERVICES: dict[str, dict[str, Any]] = {
    name: service for text in COMPOSE for name, service in yaml.safe_load(text)["services"].items()
}

SECRETS = [
    "AIRFLOW_FERNET_KEY",
    "AIRFLOW_API_SECRET",
    "AIRFLOW_JWT_SECRET",
    "METADATA_PASSWORD",
    "WAREHOUSE_PASSWORD",
    "AIRFLOW_PASSWORD",
]
ARE_OF_COMPOSE = {"COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME"}
"""Settings that Docker Compose itself reads."""
SECRET = re.compile(r"PASSWORD|SECRET|FERNET")
ANOTHER = r"\$\{\w+(?::-)?\}"
"""A default that is another variable."""


def variables() -> dict[str, set[str]]:
    """Each variable of the compose files, with the defaults that it has in them."""
    found: dict[str, set[str]] = {}
    for text in (*COMPOSE, *LAID_OVER.values(), *ENV_FILES):
        for name, default in re.findall(rf"(?<!\$)\$\{{(\w+)(?::-((?:{ANOTHER}|[^{{}}])*))?", text):
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
            # The example shows none where a secret is another one by default.
            secret = SECRET.search(name)
            assert {re.sub(ANOTHER, "", one) if secret else one for one in defaults} == shown[name], name


def test_nothing_is_published_but_on_the_own_machine() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports
    for port in ports:
        assert re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z_]+_PORT:-\d+\}:\d+", port)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_a_limit_of_memory_and_a_check(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    ends = service["restart"] == "no"
    assert ("healthcheck" in service) != ends


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in {"warehouse", "metadata"}])
def test_a_service_gains_no_rights(name: str) -> None:
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]


def test_no_file_has_a_password() -> None:
    assert {value for name, value in examples().items() if SECRET.search(name)} == {""}
    for name, defaults in variables().items():
        if SECRET.search(name):
            assert {re.sub(ANOTHER, "", default) for default in defaults} == {""}, name
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if SECRET.search(name) and not name.endswith("_FILE"):
                assert value.startswith("${"), name
    servers = json.loads((CHECKOUT / "compose" / "pgadmin" / "servers.json").read_text())["Servers"]
    assert [server["PasswordExecCommand"] for server in servers.values()] == ["printenv WAREHOUSE_PASSWORD"]
    assert not any("Password" in server for server in servers.values())


def test_pgadmin_knows_the_warehouse() -> None:
    servers = json.loads((CHECKOUT / "compose" / "pgadmin" / "servers.json").read_text())["Servers"]
    database = SERVICES["warehouse"]["environment"]
    assert [(server["Host"], server["Username"], server["MaintenanceDB"]) for server in servers.values()] == [
        ("warehouse", database["POSTGRES_USER"], database["POSTGRES_DB"])
    ]


def test_every_volume_is_used_and_declared() -> None:
    used = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", ())
        if not volume.startswith(".")
    }
    assert used == {name for text in COMPOSE for name in yaml.safe_load(text).get("volumes", {})}


def test_credentials_that_are_missing_do_not_become_a_folder() -> None:
    services = yaml.safe_load(LAID_OVER["application-default-credentials.yaml"])["services"]
    assert services
    for name, service in services.items():
        assert name in SERVICES
        (mount,) = service["volumes"]
        assert (mount["read_only"], mount["bind"]) == (True, {"create_host_path": False})


DOCKER = """#!/bin/sh
echo "$COMPOSE_PROFILES|$NYC_TAXI_SOURCES|$NYC_TAXI_PRODUCTS_URL|$*" >>"$DOCKER_LOG"
case "$*" in
    'compose version --short') [ -n "$DOCKER_COMPOSE" ] && echo "$DOCKER_COMPOSE" ;;
    version) [ -z "$DOCKER_DEAD" ] ;;
    'volume ls '*volume=pgadmin*) printf "$DOCKER_PGADMIN_VOLUME" ;;
    'volume ls '*) printf "$DOCKER_VOLUMES" ;;
    'compose up '*) [ -z "$DOCKER_SICK" ] ;;
    'compose port api-server 8080') echo 127.0.0.1:8099 ;;
    'compose port pgadmin 8080') echo 127.0.0.1:8085 ;;
    'compose logs '*) echo 'The warehouse does not answer.' ;;
    'compose config --services')
        echo warehouse
        case ",$COMPOSE_PROFILES," in *,pgadmin,*) echo pgadmin ;; esac
        case ",$COMPOSE_PROFILES," in *,gcp,*) printf 'gcs\\nbigquery\\n' ;; esac ;;
    'compose ps --all --services') printf "$DOCKER_CONTAINERS" ;;
    'compose ps --all --quiet') echo 1234 ;;
    'inspect '*) echo "$DOCKER_ERROR" ;;
    'compose rm '*) ;;
    *) exit 64 ;;
esac
"""


class Stack:
    """A checkout of what local/compose.sh reads, and a program that stands for Docker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "checkout"
        self.programs = folder / "bin"
        (self.folder / "local").mkdir(parents=True)
        self.programs.mkdir()
        (self.folder / "compose" / "observability").mkdir(parents=True)
        for file in (
            "local/compose.sh",
            "docker-compose.yaml",
            "compose/observability/compose.yaml",
            ".env.example",
        ):
            shutil.copy(CHECKOUT / file, self.folder / file)
        for name in (
            "awk",
            "base64",
            "cat",
            "cp",
            "dirname",
            "find",
            "grep",
            "head",
            "mv",
            "sed",
            "sh",
            "sort",
            "tail",
            "tr",
            "uname",
        ):
            found = shutil.which(name)
            assert found
            (self.programs / name).symlink_to(found)
        self.docker = self.programs / "docker"
        self.docker.write_text(DOCKER)
        self.docker.chmod(0o755)
        self.env = self.folder / ".env"

    def up(self, **environment: str) -> subprocess.CompletedProcess[str]:
        (self.folder / "log").unlink(missing_ok=True)
        given = {"DOCKER_COMPOSE": "2.40.3", "DOCKER_LOG": str(self.folder / "log"), **environment}
        return subprocess.run(
            (str(self.programs / "sh"), "local/compose.sh"),
            cwd=self.folder,
            env={"PATH": str(self.programs), **given},
            capture_output=True,
            text=True,
            check=False,
        )

    def settings(self) -> dict[str, str]:
        return dict(re.findall(r"^([A-Z_]+)=(.*)$", self.env.read_text(), re.MULTILINE))

    def started(self) -> dict[str, str]:
        """What the one `docker compose up` finds: in its environment, else in .env."""
        calls = [line.split("|") for line in (self.folder / "log").read_text().splitlines()]
        ((profiles, sources, products, _),) = [call for call in calls if call[3].startswith("compose up")]
        kept = self.settings()
        return {
            "profiles": profiles or kept.get("COMPOSE_PROFILES", ""),
            "sources": sources or kept.get("NYC_TAXI_SOURCES", ""),
            "products": products or kept.get("NYC_TAXI_PRODUCTS_URL", ""),
        }


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path)


def test_the_first_start_makes_secrets_of_its_own(stack: Stack) -> None:
    done = stack.up()
    assert (done.returncode, done.stderr) == (0, "")
    made = stack.settings()
    assert stack.env.stat().st_mode & 0o777 == 0o600
    assert len({made[name] for name in SECRETS}) == len(SECRETS)
    assert min(len(made[name]) for name in SECRETS) >= 16
    assert re.fullmatch(r"[\w-]{43}=", made["AIRFLOW_FERNET_KEY"])
    assert "PGADMIN_PASSWORD" not in made
    assert not [path for path in stack.folder.iterdir() if path.name.startswith(".env.new")]


def test_two_stacks_have_different_secrets(tmp_path: Path) -> None:
    stacks = [Stack(tmp_path / name) for name in "ab"]
    assert [stack.up().returncode for stack in stacks] == [0, 0]
    one, other = (stack.settings() for stack in stacks)
    assert not {one[name] for name in SECRETS} & {other[name] for name in SECRETS}


def test_a_second_start_changes_nothing(stack: Stack) -> None:
    stack.up()
    before = stack.env.read_bytes()
    assert stack.up(DOCKER_VOLUMES=r"nyc-taxi_warehouse\n").returncode == 0
    assert stack.env.read_bytes() == before


def test_settings_of_an_own_file_are_kept_and_what_lacks_is_added(stack: Stack) -> None:
    stack.env.write_text("AIRFLOW_PASSWORD=mine\nMETADATA_PASSWORD=\nOTHER=kept & as it was\n")
    assert stack.up().returncode == 0
    made = stack.settings()
    assert (made["AIRFLOW_PASSWORD"], made["OTHER"]) == ("mine", "kept & as it was")
    assert all(made[name] for name in SECRETS)
    assert stack.env.stat().st_mode & 0o777 == 0o600


def test_a_secret_from_the_environment_is_not_made_up(stack: Stack) -> None:
    assert stack.up(WAREHOUSE_PASSWORD="from elsewhere").returncode == 0
    assert stack.settings()["WAREHOUSE_PASSWORD"] == ""


def test_data_without_its_settings_is_not_given_new_ones(stack: Stack) -> None:
    done = stack.up(DOCKER_VOLUMES=r"nyc-taxi_metadata\nnyc-taxi_warehouse\n")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("The stack nyc-taxi has data, but .env lacks its AIRFLOW_FERNET_KEY ")
    assert line.rstrip().endswith("docker volume rm nyc-taxi_metadata nyc-taxi_warehouse")
    assert not stack.env.exists()


def test_the_password_is_shown_once(stack: Stack) -> None:
    first, second = stack.up(), stack.up()
    made = stack.settings()
    assert first.stdout.count(made["AIRFLOW_PASSWORD"]) == 1
    assert "Airflow runs at http://localhost:8099" in first.stdout
    assert made["AIRFLOW_PASSWORD"] not in second.stdout
    for name in set(SECRETS) - {"AIRFLOW_PASSWORD"}:
        assert made[name] not in first.stdout + first.stderr


def test_no_docker_is_one_sentence(stack: Stack) -> None:
    stack.docker.unlink()
    done = stack.up()
    assert done.stderr.splitlines() == [
        "The program docker is not on the PATH. Install Docker, or use make demo, which does not need it."
    ]
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"DOCKER_COMPOSE": ""}, "Docker has no Compose here. "),
        ({"DOCKER_COMPOSE": "1.29.2"}, "This Compose is older than 2.20. "),
        ({"DOCKER_COMPOSE": "v2.19.1"}, "This Compose is older than 2.20. "),
        ({"DOCKER_DEAD": "1"}, "The Docker engine does not answer. "),
        ({"PROFILES": "pgadmin,miror"}, "There is no profile miror. Choose from: "),
    ],
)
def test_what_cannot_work_is_one_sentence_and_leaves_nothing(
    stack: Stack, given: dict[str, str], sentence: str
) -> None:
    done = stack.up(**given)
    (line,) = done.stderr.splitlines()
    assert line.startswith(sentence)
    assert done.returncode == 1
    assert not stack.env.exists()


@pytest.mark.parametrize("name", ["docker-compose.yaml", ".env.example"])
def test_what_no_container_reads_may_be_private(stack: Stack, name: str) -> None:
    (stack.folder / name).chmod(0o600)
    assert stack.up().returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere Docker lets its containers read every file")
@pytest.mark.parametrize(("name", "mode"), [("local/compose.sh", 0o640), ("compose/observability", 0o700)])
def test_a_checkout_that_containers_cannot_read_is_one_sentence(stack: Stack, name: str, mode: int) -> None:
    (stack.folder / name).chmod(mode)
    done = stack.up()
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"The containers cannot read {name}. Run chmod -R go=rX ")
    assert not stack.env.exists()


def test_a_stack_that_is_not_healthy_says_what_init_said(stack: Stack) -> None:
    done = stack.up(DOCKER_SICK="1")
    assert done.returncode == 1
    assert (
        "The last output of init:\nThe warehouse does not answer.\nThe stack is not healthy. " in done.stderr
    )
    assert stack.settings()["AIRFLOW_PASSWORD"] not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("error", "taken"),
    [
        ("Error starting userland proxy: listen tcp4 127.0.0.1:5432: bind: address already in use", ["5432"]),
        ("Bind for 127.0.0.1:8080 failed: port is already allocated", ["8080"]),
        ("failed to bind host port 127.0.0.1:5433/tcp: address already in use", ["5433"]),
        (
            "ports are not available: exposing port TCP 127.0.0.1:3000 -> 127.0.0.1:0: "
            "listen tcp4 127.0.0.1:3000: bind: address already in use",
            ["3000"],
        ),
        ("failed to create task for container: exec: no such file or directory", []),
        ("", []),
    ],
)
def test_a_port_that_is_taken_is_named(stack: Stack, error: str, taken: list[str]) -> None:
    done = stack.up(DOCKER_SICK="1", DOCKER_ERROR=error)
    assert re.findall(r"^Another program uses the port .*:(\d+)\.", done.stderr, re.M) == taken


def test_what_runs_of_a_profile_that_is_left_is_removed(stack: Stack) -> None:
    stack.up(PROFILES="pgadmin,gcp")
    for running, profiles, removed in (
        ("warehouse pgadmin gcs bigquery", "pgadmin,gcp", None),
        ("warehouse pgadmin gcs bigquery", "pgadmin", "gcs bigquery"),
        ("warehouse pgadmin of-another-file", "mirror", "pgadmin"),
        ("", "mirror", None),
    ):
        stack.up(PROFILES=profiles, DOCKER_CONTAINERS=running.replace(" ", "\\n"))
        calls = [line.split("|")[3] for line in (stack.folder / "log").read_text().splitlines()]
        before = calls[: calls.index("compose up --detach --build --wait")]
        removals = [call.strip() for call in before if call.startswith("compose rm ")]
        assert removals == ([f"compose rm --stop --force {removed}"] if removed else [])


def test_without_a_profile_the_sources_are_left_alone(stack: Stack) -> None:
    stack.up()
    assert stack.started() == {"profiles": "", "sources": "", "products": ""}


@pytest.mark.parametrize("given", ["mirror", "pgadmin,mirror", "pgadmin, mirror"])
def test_the_mirror_is_the_source_when_it_is_asked_for(stack: Stack, given: str) -> None:
    assert stack.up(PROFILES=given).returncode == 0
    assert stack.started() == {
        "profiles": given.replace(" ", ""),
        "sources": "http://mirror:8000",
        "products": "http://mirror:8000",
    }


def test_profiles_are_remembered_until_others_are_named(stack: Stack) -> None:
    stack.up(PROFILES="mirror,observability")
    assert stack.settings()["NYC_TAXI_METRICS"] == "True"
    stack.up()
    assert stack.started()["profiles"] == "mirror,observability"
    assert stack.started()["sources"] == "http://mirror:8000"
    stack.up(PROFILES="pgadmin")
    assert stack.started() == {"profiles": "pgadmin", "sources": "", "products": ""}
    assert stack.settings()["NYC_TAXI_METRICS"] == "False"
    assert stat.S_IMODE(stack.env.stat().st_mode) == 0o600


def test_profiles_can_be_settings(stack: Stack) -> None:
    stack.env.write_text("COMPOSE_PROFILES=mirror\n")
    stack.up()
    assert stack.started()["sources"] == "http://mirror:8000"


def test_a_source_that_is_set_stays(stack: Stack) -> None:
    stack.env.write_text("NYC_TAXI_SOURCES=tlc\n")
    stack.up(PROFILES="mirror")
    assert stack.started()["sources"] == "tlc"
    stack.up(PROFILES="mirror", NYC_TAXI_SOURCES="mirror")
    assert stack.started()["sources"] == "mirror"


def test_pgadmin_gets_a_password_which_is_shown_once(stack: Stack) -> None:
    assert stack.up().returncode == 0
    first = stack.up(PROFILES="pgadmin", DOCKER_VOLUMES=r"nyc-taxi_warehouse\n")
    assert first.returncode == 0
    made = stack.settings()
    assert first.stdout.count(made["PGADMIN_PASSWORD"]) == 1
    assert made["AIRFLOW_PASSWORD"] not in first.stdout
    assert "pgAdmin runs at http://localhost:8085\nLog in as admin@example.com with " in first.stdout
    assert made["PGADMIN_PASSWORD"] not in stack.up(PROFILES="pgadmin").stdout


def test_a_pgadmin_that_has_data_is_not_given_another_password(stack: Stack) -> None:
    stack.up()
    before = stack.env.read_bytes()
    done = stack.up(PROFILES="pgadmin", DOCKER_PGADMIN_VOLUME=r"nyc-taxi_pgadmin\n")
    assert done.returncode == 1
    assert done.stderr.startswith("The stack nyc-taxi has data, but .env lacks its PGADMIN_PASSWORD. ")
    assert stack.env.read_bytes() == before
