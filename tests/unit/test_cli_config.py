"""What ``airflow taxi config`` finds in files and in the environment, and what it shows of connections."""

from __future__ import annotations

import json
from configparser import ConfigParser
from typing import TYPE_CHECKING, Any

import pytest
from airflow.configuration import AIRFLOW_CONFIG, conf

from nyc_taxi.cli.config_connections import connection, sources
from nyc_taxi.cli.config_values import forms, options, specs
from nyc_taxi.get_provider_info import get_provider_info
from nyc_taxi.options import DEFAULT, origin_of
from tests.faults.test_secrets import SECRET, WAREHOUSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from nyc_taxi.cli.config_values import Setting


@pytest.fixture(autouse=True)
def _nothing_in_the_file() -> Iterator[None]:
    """Let airflow.cfg say nothing of this package, as before Airflow wrote the defaults into it."""
    said = dict(ConfigParser.items(conf, "nyc_taxi")) if ConfigParser.has_section(conf, "nyc_taxi") else {}
    ConfigParser.remove_section(conf, "nyc_taxi")
    yield
    ConfigParser.remove_section(conf, "nyc_taxi")
    if said:
        conf.read_dict({"nyc_taxi": said})


def named(settings: Iterable[Setting]) -> dict[str, Setting]:
    """Return settings by their names, each of which is there once."""
    found = [*settings]
    by_name = {setting.name: setting for setting in found}
    assert len(by_name) == len(found)
    return by_name


def test_an_option_that_nobody_set_has_the_providers_default() -> None:
    found = named(options())

    assert found.keys() == get_provider_info()["config"]["nyc_taxi"]["options"].keys()
    assert {setting.origin for setting in found.values()} == {DEFAULT}
    assert (found["retries"].value, found["pool"].value) == (3, "postgres_load")


def test_the_file_wins_over_the_default_and_the_environment_over_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conf.read_dict({"nyc_taxi": {"retries": "5", "owner": "file", "pool": "postgres_load"}})
    monkeypatch.setenv("AIRFLOW__NYC_TAXI__RETRIES", "7")

    found = named(options())

    assert (found["retries"].value, found["retries"].origin) == (7, "AIRFLOW__NYC_TAXI__RETRIES")
    assert (found["owner"].value, found["owner"].origin) == ("file", AIRFLOW_CONFIG)
    assert found["pool"].origin == f"{AIRFLOW_CONFIG}, as the default is"
    assert [conf.get("nyc_taxi", name) for name in ("retries", "owner")] == ["7", "file"]


@pytest.mark.parametrize("way", ["_CMD", "_SECRET"])
def test_airflow_takes_commands_and_secrets_only_for_options_that_are_secret(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"AIRFLOW__API__SECRET_KEY{way}", "echo x")
    monkeypatch.setenv(f"AIRFLOW__NYC_TAXI__RETRIES{way}", "echo 7")

    assert origin_of("api", "secret_key") == f"AIRFLOW__API__SECRET_KEY{way}"
    found = named(options())
    assert (found["retries"].value, found["retries"].origin) == (3, DEFAULT)
    ignored = found[f"retries{way.lower()}"]
    assert (ignored.value, ignored.origin) == (None, f"AIRFLOW__NYC_TAXI__RETRIES{way}")
    assert ignored.problem == (
        f"retries{way.lower()} has no effect: Airflow takes {way.lower()} only for options that hold "
        "secrets. Set retries itself."
    )


def test_a_command_in_the_file_is_named_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    section = dict(ConfigParser.items(conf, "api")) if ConfigParser.has_section(conf, "api") else {}
    ConfigParser.remove_section(conf, "api")
    try:
        conf.read_dict({"api": {"secret_key_cmd": "echo x"}})
        assert origin_of("api", "secret_key") == f"{AIRFLOW_CONFIG}, secret_key_cmd"
        monkeypatch.setenv("AIRFLOW__API__SECRET_KEY", "x")
        assert origin_of("api", "secret_key") == "AIRFLOW__API__SECRET_KEY"
    finally:
        ConfigParser.remove_section(conf, "api")
        conf.read_dict({"api": section})


def test_a_name_that_no_option_has_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__NYC_TAXI__RETRYS", "7")
    conf.read_dict({"nyc_taxi": {"wait": "1"}})

    found = named(options())

    assert (found["retrys"].origin, found["wait"].origin) == ("AIRFLOW__NYC_TAXI__RETRYS", AIRFLOW_CONFIG)
    for name in ("retrys", "wait"):
        assert found[name].problem.startswith(
            f"{name} has no effect: the section [nyc_taxi] has no such option"
        )


def test_a_value_of_the_wrong_type_is_shown_and_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__NYC_TAXI__RETRIES", "often")

    setting = named(options())["retries"]

    assert setting.value == "often"
    assert "[nyc_taxi] retries has to be a whole number" in setting.problem


def test_every_policy_is_shown_with_the_file_that_states_it() -> None:
    found = named(specs())

    assert len(found) == 3 * 7
    assert found["green.on_unknown"].value == "keep"
    assert found["fhv.required"].value == ["pickup_datetime", "dispatching_base_num"]
    assert found["yellow.rejects.share"].value == 0.01
    assert found["yellow.rejects.share"].origin.endswith("/nyc_taxi/core/datasets/yellow.yaml")


def test_the_forms_of_the_dags_that_use_the_package_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path))
    dag = "from airflow.sdk import DAG\ndag = DAG({!r}, params={{'months': ['2021-01'], 'again': False}})\n"
    (tmp_path / "mine.py").write_text(f"import nyc_taxi\n{dag.format('mine')}")
    (tmp_path / "other.py").write_text(f"{dag.format('other')}\nraise RuntimeError\n")
    (tmp_path / "broken.py").write_text("import nyc_taxi, airflow\nDAG = 1 / 0\n")

    found = named(forms())

    assert {name: setting.value for name, setting in found.items()} == {
        "mine.months": ["2021-01"],
        "mine.again": False,
        "broken": None,
    }
    assert found["mine.again"].origin == str(tmp_path / "mine.py")
    assert found["broken"].problem.endswith("broken.py cannot be read: ZeroDivisionError: division by zero")


def connect(monkeypatch: pytest.MonkeyPatch, conn_id: str, **values: Any) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(values))


def test_of_a_connection_the_place_is_shown_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"sslmode": "require", "sslpassword": SECRET}
    connect(
        monkeypatch, "w", conn_type="postgres", host="h", port=5433, login="u", password=SECRET, extra=extra
    )

    found = named(connection("w"))

    assert {name: setting.value for name, setting in found.items()} == {
        "w.type": "postgres",
        "w.host": "h",
        "w.port": 5433,
        "w.login": "u",
        "w.password": "< hidden >",
        "w.extra": "sslmode, sslpassword",
    }
    assert {setting.origin for setting in found.values()} == {"AIRFLOW_CONN_W"}


@pytest.mark.parametrize(
    "uri",
    [
        *WAREHOUSES.values(),
        "postgresql://taxi:1/hunter2@127.0.0.1/taxi",
        "postgresql://taxi:1?hunter2@127.0.0.1/taxi",
        "https://me:hunter2@api.invalid",
    ],
)
def test_no_part_of_a_password_is_shown_however_it_is_written(
    uri: str, airflow_database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_W", uri)

    assert SECRET[1:] not in repr([*connection("w"), *sources("w")])


@pytest.mark.parametrize("host", ["https://me:hunter2@api.invalid", "https://api.invalid/?key=hunter2"])
def test_a_url_with_a_secret_as_the_host_is_not_shown(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "api", conn_type="generic", host=host)

    (setting,) = connection("api", otherwise="something else")

    assert (setting.value, setting.origin) == (None, "AIRFLOW_CONN_API")
    assert "Percent-encode" in setting.problem


def test_the_sources_are_named_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "s", conn_type="nyc_tlc", extra={"sources": "/data, tlc"})
    found = named(sources("s"))
    assert (found["s.sources"].value, found["s.sources"].origin) == ("/data, tlc", "AIRFLOW_CONN_S")

    connect(monkeypatch, "s", conn_type="nyc_tlc")
    setting = named(sources("s"))["s.sources"]
    assert (setting.value, setting.origin) == ("mirror, tlc", "AIRFLOW_CONN_S, which names none")


@pytest.mark.parametrize("listed", ["ftp://me:hunter2@host", "http://me:hunter2@host", 7])
def test_a_list_that_names_no_source_is_a_problem_and_is_not_quoted(
    listed: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, "s", conn_type="nyc_tlc", extra={"sources": listed})

    setting = named(sources("s"))["s.sources"]

    assert setting.value is None
    assert setting.problem
    assert SECRET not in setting.problem


def test_a_connection_that_does_not_exist_says_what_is_used_instead(airflow_database: None) -> None:
    (setting,) = sources("nyc_tlc_default")
    assert (setting.value, setting.origin) == (None, "not found; mirror, tlc is used")
    (setting,) = sources("nobody_made_it")
    assert (setting.value, setting.origin) == (None, "not found")
    assert not setting.problem
