"""The CronJob that runs dbt without Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cluster.conftest import Loaded
    from tests.cluster.release import Release

MONTH = "2021-03"
STALE = "select to_char(file_month, 'YYYY-MM'), reason from ops.stale_months order by 1"


def test_it_builds_a_stale_month(release: Release, loaded: Loaded) -> None:
    release.airflow("dags", "pause", "transform_postgres")
    try:
        release.unload(MONTH, MONTH)
        release.start_backfill(MONTH, MONTH)
        release.wait_until_idle()
        assert release.query("warehouse", STALE) == [(MONTH, "replaced")]

        release.kubectl("create", "job", "build-now", f"--from=cronjob/{release.name}-dbt")
        release.kubectl("wait", "--for=condition=Complete", "job/build-now", "--timeout=10m")

        assert release.query("warehouse", STALE) == []
    finally:
        release.airflow("dags", "unpause", "transform_postgres")
