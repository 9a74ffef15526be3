"""What the options of ``[nyc_taxi]`` may be."""

from __future__ import annotations

import pytest

from nyc_taxi import options
from nyc_taxi.errors import ContractError
from nyc_taxi.get_provider_info import get_provider_info
from nyc_taxi.targets import get_target

DESCRIBED = get_provider_info()["config"]["nyc_taxi"]["options"]


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("retries", "many", "a whole number from 0 to 2,147,483,647"),
        ("retries", "-1", "a whole number from 0 to 2,147,483,647"),
        ("retries", "", "a whole number from 0 to 2,147,483,647"),
        ("ask_interval", "0", "a whole number from 1 to 2,147,483,647"),
        ("retry_delay", "2147483648", "a whole number from 0 to 2,147,483,647"),
        ("dbt_threads", "2.5", "a whole number from 1 to 2,147,483,647"),
        ("dbt_target", "staging", "prod or dev"),
        ("owner", "", "a text that is not empty"),
        ("warehouses", " , ", "one or more of postgres, bigquery, separated by commas"),
        ("warehouses", "postgres, oracle", "one or more of postgres, bigquery, separated by commas"),
    ],
)
def test_a_value_that_an_option_may_not_have_is_named_with_what_it_may_be_and_its_place(
    name: str, value: str, allowed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"AIRFLOW__NYC_TAXI__{name.upper()}"
    monkeypatch.setenv(variable, value)
    with pytest.raises(ContractError) as caught:
        options.text(name)
    assert str(caught.value) == (
        f"[nyc_taxi] {name} must be {allowed}, not {value!r}. "
        f"Correct it in {variable}; no DAG can be read until then."
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("retries", "0"), ("max_active_runs", "1"), ("dbt_target", "dev"), ("dbt_project", "")],
)
def test_a_value_at_a_bound_is_taken(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"AIRFLOW__NYC_TAXI__{name.upper()}", value)
    assert options.text(name) == value


def test_every_option_may_have_its_default() -> None:
    for name, option in DESCRIBED.items():
        assert options.fault(name, option["default"]) == ""


def test_the_options_that_are_numbers_are_those_that_the_provider_says() -> None:
    assert options.LEAST.keys() == {name for name, option in DESCRIBED.items() if option["type"] == "integer"}


def test_the_configured_warehouses_are_each_there_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__NYC_TAXI__WAREHOUSES", " postgres,postgres ,")

    assert options.configured_targets() == (get_target("postgres"),)
