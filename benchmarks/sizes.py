"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the files are, and how often each thing is done.

    :param name: by which runs of the same sizes are told from others
    :param large: rows of a large month, one of yellow taxis in 2021
    :param small: rows of a small month, one of green taxis in 2020
    :param rounds: rounds of loads whose median ratio is reported
    :param course_rounds: the same against the SQL of the Zoomcamp, which takes four times as long
    :param months: months that are loaded one after another, and that are backfilled
    :param month: rows of each of those
    :param ends: how many of the first and of the last months are compared
    :param months_rounds: how often they are loaded
    :param long: rows of a short and a long file whose staging's memory is measured
    :param app_services: rows of a short and a long month of the app services
    :param app_rounds: rounds of loads of the long one
    :param small_runs: runs of small months through the scheduler
    :param large_runs: runs of large months through the scheduler
    :param imports: how often each DAG file is imported
    :param idle: seconds for which an idle stack is watched
    """

    name: str
    large: int
    small: int
    rounds: int
    course_rounds: int
    months: int
    month: int
    ends: int
    months_rounds: int
    long: tuple[int, int]
    app_services: tuple[int, int]
    app_rounds: int
    small_runs: int
    large_runs: int
    imports: int
    idle: float


USUAL = Sizes(
    name="usual",
    large=1_370_000,
    small=35_000,
    rounds=5,
    course_rounds=3,
    months=24,
    month=50_000,
    ends=4,
    months_rounds=5,
    long=(1_000_000, 4_000_000),
    app_services=(1_000_000, 5_000_000),
    app_rounds=3,
    small_runs=8,
    large_runs=3,
    imports=3,
    idle=10,
)

TINY = Sizes(
    name="tiny",
    large=3_000,
    small=500,
    rounds=1,
    course_rounds=1,
    months=2,
    month=300,
    ends=1,
    months_rounds=1,
    long=(1_000, 3_000),
    app_services=(1_000, 2_000),
    app_rounds=1,
    small_runs=1,
    large_runs=1,
    imports=1,
    idle=0.5,
)
"""Enough to see that everything runs; the figures say nothing."""
