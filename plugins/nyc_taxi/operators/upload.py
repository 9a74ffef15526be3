"""The first step of a load into a warehouse that loads from a bucket."""

from __future__ import annotations

from typing import ClassVar

from nyc_taxi.operators.stage import StageMonthOperator


class UploadMonthOperator(StageMonthOperator):
    """Downloads a month's file, and puts it and its typed rows into the bucket.

    Rejected rows go to the warehouse. :class:`~nyc_taxi.operators.stage_uploaded.StageUploadedOperator` loads
    the others. Parameters and everything else are those of
    :class:`~nyc_taxi.operators.stage.StageMonthOperator`.
    """

    ui_color = "#eef6e0"
    upload_only: ClassVar[bool] = True
