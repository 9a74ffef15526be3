"""The CronJob that runs dbt without Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cluster.conftest import Loaded
    from tests.cluster.release import Release

BUILT = """
    select to_char(file_month, 'YYYY-MM'), count(*) from marts.fct_trips
    where dataset = 'green' group by 1 order by 1
"""


def test_it_builds_a_stale_month(release: Release, loaded: Loaded) -> None:
    release.airflow("dags", "pause", "transform_postgres")
    try:
        release.start_backfill("2021-04", "2021-04")
        release.wait_until_idle()
        before = release.query("warehouse", BUILT)
        assert "2021-04" not in [row[0] for row in before]

        release.kubectl("create", "job", "build-now", f"--from=cronjob/{release.name}-dbt")
        release.kubectl("wait", "--for=condition=Complete", "job/build-now", "--timeout=10m")

        after = release.query("warehouse", BUILT)
        assert after[:-1] == before
        assert after[-1][0] == "2021-04"
    finally:
        release.unload("2021-04", "2021-04")
        release.airflow("dags", "unpause", "transform_postgres")
