"""The script that starts the stack, local/compose.sh, with a program that stands for Docker."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.local.compose import CHECKOUT, EXAMPLE, SECRETS

if TYPE_CHECKING:
    from pathlib import Path

DOCKER = """#!/bin/sh
echo "$COMPOSE_PROFILES|$NYC_TAXI_SOURCES|$NYC_TAXI_PRODUCTS_URL|$*" >>"$DOCKER_LOG"
case "$*" in
    'compose version --short') [ -n "$DOCKER_COMPOSE" ] && echo "$DOCKER_COMPOSE" ;;
    version) [ -z "$DOCKER_DEAD" ] ;;
    'volume ls '*) printf "$DOCKER_VOLUMES" ;;
    'compose up '*)
        [ -z "$DOCKER_SICK" ] || { echo 'Error response from daemon: manifest unknown' >&2; false; } ;;
    'compose port api-server 8080') echo 127.0.0.1:8099 ;;
    'compose port pgadmin 8080') echo 127.0.0.1:8085 ;;
    'compose logs '*) echo "The last line of $6." ;;
    'compose config --services')
        echo warehouse
        case ",$COMPOSE_PROFILES," in *,pgadmin,*) echo pgadmin ;; esac
        case ",$COMPOSE_PROFILES," in *,gcp,*) printf 'gcs\\nbigquery\\n' ;; esac ;;
    'compose ps --all --services') printf "$DOCKER_CONTAINERS" ;;
    'compose ps --all --quiet') echo 1234 ;;
    'compose ps --all --format '*) printf "$DOCKER_STATES" ;;
    'inspect '*) echo "$DOCKER_ERROR" ;;
    'compose rm '*) ;;
    *) exit 64 ;;
esac
"""


class Stack:
    """A checkout of what local/compose.sh reads, and a program that stands for Docker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "check out"
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
            "chmod",
            "cp",
            "dirname",
            "find",
            "grep",
            "head",
            "mkdir",
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
        self.secrets_folder = self.folder / "secrets"

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

    def secrets(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in self.secrets_folder.iterdir()}

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


def test_the_first_start_makes_secrets_that_only_its_user_and_containers_can_read(stack: Stack) -> None:
    done = stack.up()
    assert (done.returncode, done.stderr) == (0, "")
    made = stack.secrets()
    assert made.keys() == SECRETS.keys()
    assert len(set(made.values())) == len(SECRETS)
    assert min(map(len, made.values())) >= 16
    assert re.fullmatch(r"[\w-]{43}=", made["fernet_key"])
    assert stat.S_IMODE(stack.secrets_folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in stack.secrets_folder.iterdir()} == {0o644}
    assert stack.env.read_text() == EXAMPLE


def test_a_second_start_changes_nothing(stack: Stack) -> None:
    stack.up()
    before = stack.env.read_bytes(), stack.secrets()
    assert stack.up(DOCKER_VOLUMES=r"nyc-taxi_warehouse\n").returncode == 0
    assert (stack.env.read_bytes(), stack.secrets()) == before


def test_own_secrets_and_settings_are_kept_and_what_lacks_is_added(stack: Stack) -> None:
    stack.env.write_text("OTHER=kept & as it was\n")
    stack.secrets_folder.mkdir()
    own = stack.secrets_folder / "airflow_password"
    own.write_text("p@/ # % $ ' \"ss\n")
    own.chmod(0o600)
    assert stack.up().returncode == 0
    assert stack.secrets()["airflow_password"] == "p@/ # % $ ' \"ss\n"
    assert stack.secrets().keys() == SECRETS.keys()
    assert stat.S_IMODE(own.stat().st_mode) == 0o644, "containers cannot read it"
    assert stack.env.read_text() == "OTHER=kept & as it was\n"


def test_data_without_its_secrets_is_not_given_new_ones(stack: Stack) -> None:
    done = stack.up(DOCKER_VOLUMES=r"nyc-taxi_metadata\nnyc-taxi_warehouse\n")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("The stack nyc-taxi has data, but the folder secrets lacks its fernet_key ")
    assert line.rstrip().endswith("docker volume rm nyc-taxi_metadata nyc-taxi_warehouse")
    assert not stack.secrets_folder.exists()


def test_the_password_is_shown_once(stack: Stack) -> None:
    first, second = stack.up(PROFILES="pgadmin"), stack.up()
    made = stack.secrets()
    assert first.stdout.count(made.pop("airflow_password")) == 1
    assert "Airflow runs at http://localhost:8099" in first.stdout
    assert second.stdout.endswith(
        "Log in as admin with the password in secrets/airflow_password.\n"
        "pgAdmin runs at http://localhost:8085\n"
        "Log in as admin@example.com with the password in secrets/pgadmin_password.\n"
    )
    for secret in made.values():
        assert secret not in first.stdout + first.stderr


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
    assert not stack.secrets_folder.exists()


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


def test_a_stack_that_is_not_healthy_shows_the_services_that_failed(stack: Stack) -> None:
    states = (
        "init exited 1 ",
        "metadata running 0 healthy",
        "triggerer running 0 unhealthy",
        "api created 0 ",
    )
    done = stack.up(DOCKER_SICK="1", DOCKER_STATES="\\n".join((*states, "")))
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == [
        "The last output of init:",
        "The last line of init.",
        "The last output of triggerer:",
        "The last line of triggerer.",
        "The stack is not healthy. docker compose logs NAME shows more of a service.",
    ]
    assert stack.secrets()["airflow_password"] not in done.stdout + done.stderr


def test_a_pull_that_fails_is_not_buried_under_an_init_that_succeeded(stack: Stack) -> None:
    done = stack.up(DOCKER_SICK="1", DOCKER_STATES=r"init exited 0 \nmetadata running 0 healthy\n")
    assert done.stderr.splitlines() == [
        "Error response from daemon: manifest unknown",
        "The stack was not started. The error is the last one above.",
    ]


ERRORS = r"""
Error starting userland proxy: listen tcp4 127.0.0.1:5432: bind: address already in use
Bind for 127.0.0.1:8080 failed: port is already allocated
failed to bind host port 127.0.0.1:5433/tcp: address already in use
ports are not available: exposing port TCP 127.0.0.1:3000 -> 127.0.0.1:0: bind: address already in use
failed to create task for container: exec: no such file or directory
"""


def test_each_port_that_is_taken_is_named(stack: Stack) -> None:
    done = stack.up(DOCKER_SICK="1", DOCKER_ERROR=ERRORS)
    taken = re.findall(r"^Another program uses the port .*:(\d+)\.", done.stderr, re.M)
    assert taken == ["3000", "5432", "5433", "8080"]


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


EMULATED = {
    "NYC_TAXI_WAREHOUSES": "postgres,bigquery",
    "NYC_TAXI_BIGQUERY_PROJECT": "nyc-taxi",
    "NYC_TAXI_BIGQUERY_BUCKET": "taxi",
    "NYC_TAXI_BIGQUERY_STORAGE_ENDPOINT": "http://gcs:4443",
    "NYC_TAXI_BIGQUERY_ENDPOINT": "http://bigquery:9050",
}


def test_the_emulators_are_a_warehouse_until_the_profile_is_left(stack: Stack) -> None:
    stack.up(PROFILES="gcp")
    assert stack.settings().items() >= EMULATED.items()
    stack.up()
    assert stack.settings().items() >= EMULATED.items()
    stack.up(PROFILES="mirror")
    assert stack.settings().items() >= dict.fromkeys(EMULATED, "").items()


@pytest.mark.parametrize("profiles", ["gcp", "mirror"])
def test_a_project_that_is_set_stays(stack: Stack, profiles: str) -> None:
    own = "NYC_TAXI_WAREHOUSES=bigquery\nNYC_TAXI_BIGQUERY_PROJECT=my-project\n"
    stack.env.write_text(own)
    assert stack.up(PROFILES=profiles).returncode == 0
    assert stack.env.read_text().startswith(own)
    assert "ENDPOINT" not in stack.env.read_text()


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
