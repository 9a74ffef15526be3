"""A real month, built with every test, and why the Data Engineering Zoomcamp counts other trips in it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local.environment import CHECKOUT

if TYPE_CHECKING:
    from tests.dbt.mart import Mart, Run

PROJECT = CHECKOUT / "dbt_project"

# The Zoomcamp's rules: 2025 keeps any one row per vendor and second, 2026 the one per vendor, second and
# pickup zone that ends first, where a trip and its reversal tie. A group's extremes bound any choice.
GROUPS = """
with
trips as (
    select
        vendorid,
        lpep_pickup_datetime,
        pulocationid,
        total_amount,
        lpep_dropoff_datetime = min(lpep_dropoff_datetime) over (partition by {grain}) as ends_first,
        greatest(pulocationid, dolocationid) < 264 as is_known,
        coalesce(fare_amount > 0 and trip_distance > 0 and payment_type in (1, 2), false) as is_asked_for
    from raw.green_tripdata
    where vendorid is not null
)
select
    count(*) as rows,
    bool_and(is_known) as surely_known,
    bool_or(is_known) as maybe_known,
    bool_and(is_known and is_asked_for) as surely_asked_for,
    bool_or(is_known and is_asked_for) as maybe_asked_for,
    min(total_amount) filter (where ends_first) as least,
    max(total_amount) filter (where ends_first) as most
from trips
group by {grain}
"""

GRAINS = {2025: "vendorid, lpep_pickup_datetime", 2026: "vendorid, lpep_pickup_datetime, pulocationid"}

# Question 6 of the fourth homework of 2025, under that project's rules and a choice of survivor.
PERCENTILES = """
with
numbered as (
    select
        *,
        row_number() over (
            partition by vendorid, lpep_pickup_datetime
            order by {survivor}
        ) as place
    from raw.green_tripdata
    where vendorid is not null
)
select percentile_cont(array[0.97, 0.95, 0.90]) within group (order by fare_amount)
from numbered
where
    place = 1
    and pulocationid < 264
    and dolocationid < 264
    and fare_amount > 0
    and trip_distance > 0
    and payment_type in (1, 2)
"""


@dataclass(frozen=True)
class RealMonth:
    mart: Mart
    run: Run
    manifest: dict[str, Any]

    def nodes(self, *kinds: str) -> list[dict[str, Any]]:
        return [node for node in self.manifest["nodes"].values() if node["resource_type"] in kinds]


@pytest.fixture(scope="module")
def month(mart: Mart, real_data: Path) -> RealMonth:
    mart.load(real_data / "real" / "green_tripdata_2020-04.csv.gz", "green", "2020-04")
    run = mart.dbt("build")
    manifest = json.loads((mart.folder / "target" / "manifest.json").read_text())
    return RealMonth(mart, run, manifest)


@pytest.fixture(scope="module")
def counted(month: RealMonth) -> dict[str, str]:
    """The rows of the page's table, measured."""
    one = month.mart.one
    of = "from marts.fct_trips where"
    blank = one(f"select count(*) {of} is_vendor_blank")
    metered = one(f"select count(*) {of} not is_vendor_blank")
    groups = {
        year: month.mart.all(f"with groups as ({GROUPS.format(grain=grain)}) select * from groups")
        for year, grain in GRAINS.items()
    }
    lost = {year: sum(group[0] - 1 for group in found) for year, found in groups.items()}
    pairs = one(f"select count(*) / 2 {of} is_reversal_pair and not is_vendor_blank")
    surely, maybe = (sum(1 for group in groups[2025] if group[place]) for place in (1, 2))
    asked = [sum(1 for group in groups[2025] if group[place]) for place in (3, 4)]
    cents = [sum(round(group[place] * 100) for group in groups[2026]) for place in (5, 6)]
    net = one(f"select round(100 * sum(total_amount)) {of} not is_vendor_blank")
    return {
        "rows in the file": f"{one('select count(*) from raw.green_tripdata'):,}",
        "trips in our `fct_trips`": f"{one('select count(*) from marts.fct_trips'):,}",
        "exact copies that we skip": f"{one('select sum(copies - 1) from intermediate.int_trips'):,}",
        "trips without vendor": f"{blank:,}",
        "trips with a vendor": f"{metered:,}",
        "2025: lost to one row per vendor and second": f"{lost[2025]:,}",
        "… of them one row of each reversal pair": f"{pairs:,}",
        "… of them other trips": f"{lost[2025] - pairs:,}",
        "2025: rows in staging": f"{len(groups[2025]):,}",
        "2025: lost to unknown zones": f"{len(groups[2025]) - maybe:,} to {len(groups[2025]) - surely:,}",
        "2025: rows in `fact_trips`": f"{surely:,} to {maybe:,}",
        "2025: rows of question 6": f"{asked[0]:,} to {asked[1]:,}",
        "2026: lost to one row per vendor, second and pickup zone": f"{lost[2026]:,}",
        "…… of them one row of each reversal pair": f"{pairs:,}",
        "…… of them other trips": f"{lost[2026] - pairs:,}",
        "2026: rows in `int_trips` and `fct_trips`": f"{len(groups[2026]):,}",
        "2026: dollars of these": f"{cents[0] / 100:,.2f} to {cents[1] / 100:,.2f}",
        "dollars of trips with a vendor, net of reversals": f"{net / 100:,.2f}",
        "dollars of trips without vendor": f"{one(f'select sum(total_amount) {of} is_vendor_blank'):,.2f}",
    }


def test_a_real_month_passes_every_test(month: RealMonth) -> None:
    assert month.run.code == 0, month.run.said
    assert month.run.statuses("fail", "error", "skipped", "warn") == set()
    assert month.run.statuses("pass") >= {"a_reversal_and_its_trip_are_a_pair", "no_check_finds_an_error"}
    assert month.mart.months() == {"green 2020-04": 35_612}


def test_the_zoomcamps_numbers_come_out_under_its_rules(counted: dict[str, str]) -> None:
    assert counted["2025: rows in staging"] == "24,245"
    assert counted["2025: rows in `fact_trips`"] == "23,982 to 23,985"
    assert counted["2026: rows in `int_trips` and `fct_trips`"] == "24,364"
    least, most = (
        int(number.replace(",", "")) for number in counted["2025: rows of question 6"].split(" to ")
    )
    assert least <= 22_382 <= most


@pytest.mark.parametrize("survivor", ["row_number", "row_number desc", "total_amount", "total_amount desc"])
def test_question_6_is_answered_as_in_the_zoomcamp_whichever_row_survives(
    month: RealMonth, survivor: str
) -> None:
    assert month.mart.one(PERCENTILES.format(survivor=survivor)) == pytest.approx([55.0, 45.0, 26.5])


def test_the_comparison_on_the_page_is_what_is_measured(counted: dict[str, str]) -> None:
    page = (CHECKOUT / "docs" / "dbt.md").read_text()
    table = dict(re.findall(r"^\| ([^|]+?) \| ([0-9][^|]*?) \|$", page, re.MULTILINE))
    assert {label: table.get(label) for label in counted} == counted


def test_reversal_pairs_add_up_to_nothing(month: RealMonth) -> None:
    pairs = "from marts.fct_trips where is_reversal_pair"
    assert month.mart.one(f"select count(*) {pairs}") == 240
    assert month.mart.one(f"select sum(total_amount) {pairs}") == 0
    assert month.mart.one("select count(*) from marts.fct_trips where is_reversal") == 122
    assert month.mart.one("select sum(total_monthly_reversals) from marts.fct_monthly_zone_revenue") == 122


def test_revenue_is_that_of_the_file(month: RealMonth) -> None:
    dollars = month.mart.one("select sum(total_amount::numeric) from raw.green_tripdata")
    assert (
        month.mart.one("select sum(revenue_monthly_total_amount) from marts.fct_monthly_zone_revenue")
        == dollars
    )


def test_the_zoomcamps_row_ids_are_there(month: RealMonth) -> None:
    staging = "select unique_row_id from staging.stg_green_tripdata where row_number = %s"
    ids = [(number, month.mart.one(staging, number)) for number in (1, 3)]
    assert ids == [(1, "aa76dd91ed8fccdbdfa9c5416d2dcd2c"), (3, "9993d6c8b0fc0207a1b141886739fc5f")]
    everything = (
        "select md5(string_agg(unique_row_id, '' order by unique_row_id)) from staging.stg_green_tripdata"
    )
    assert month.mart.one(everything) == "feb83b1b090bd26060c2f5adc6766154"
    collisions = "select count(*) - count(distinct unique_row_id_bigquery) from staging.stg_green_tripdata"
    assert month.mart.one(collisions) == 121


def test_every_model_and_column_is_described_and_typed_beside_its_model(month: RealMonth) -> None:
    models = month.nodes("model", "seed")
    assert len(models) >= 20
    for model in models:
        path = Path(model["original_file_path"])
        assert model["patch_path"].partition("://")[2] == str(path.with_suffix(".yml"))
        assert model["description"]
        assert model["resource_type"] == "seed" or model["contract"]["enforced"], model["name"]
        undescribed = [name for name, column in model["columns"].items() if not column["description"]]
        assert undescribed == [], model["name"]
    for source in month.manifest["sources"].values():
        assert source["description"]


def test_each_data_test_says_whether_it_stops_or_warns(month: RealMonth) -> None:
    severities = {node["name"]: node["unrendered_config"].get("severity") for node in month.nodes("test")}
    assert set(severities.values()) == {"error", "warn"}, severities


def test_the_descriptions_are_in_the_warehouse(month: RealMonth) -> None:
    bare = month.mart.all(
        """
        select attrelid::regclass::text, attname
        from pg_attribute
        inner join pg_class on pg_class.oid = attrelid and relkind in ('r', 'v')
        where (relnamespace in ('staging'::regnamespace, 'intermediate'::regnamespace, 'marts'::regnamespace)
                or relname in ('built_months', 'stale_months'))
            and attnum > 0 and not attisdropped and col_description(attrelid, attnum) is null
        """
    )
    assert bare == []


def test_warehouses_differ_in_dispatched_macros_only() -> None:
    for path in (*PROJECT.glob("models/**/*.sql"), *PROJECT.glob("data-tests/**/*.sql")):
        assert "target." not in path.read_text(), path
    assert not [name for name in ("packages.yml", "dependencies.yml") if (PROJECT / name).exists()]


def test_the_documentation_is_one_page_that_needs_no_network(month: RealMonth) -> None:
    run = month.mart.dbt("docs", "generate", "--static")
    assert run.code == 0, run.said
    page = (month.mart.folder / "target" / "static_index.html").read_text()
    assert "fct_monthly_zone_revenue" in page


def test_freshness_is_that_of_the_ledger(month: RealMonth) -> None:
    run = month.mart.dbt("source", "freshness", "--select", "source:raw.green_tripdata")
    assert run.code == 0, run.said
    (result,) = json.loads((month.mart.folder / "target" / "sources.json").read_text())["results"]
    finished = month.mart.one("select finished from ops.file_ledger")
    assert result["status"] == "pass"
    assert result["max_loaded_at"][:19] == f"{finished:%Y-%m-%dT%H:%M:%S}"


def test_nothing_is_written_into_the_checkout(month: RealMonth) -> None:
    assert not [name for name in ("target", "logs", ".user.yml") if (PROJECT / name).exists()]
