"""Resources that nobody edited follow the files; a person's edits stay and are reported."""

from __future__ import annotations

from typing import Any

import pytest

from nyc_taxi.deploy.last_applied import VARIABLE, LastApplied, Resource
from nyc_taxi.deploy.plan import make_plan
from nyc_taxi.errors import BootstrapFailed

ONE = Resource(VARIABLE, "one")
FILES, EARLIER, EDITED = ({"value": value} for value in ("files-5ecret", "earlier-5ecret", "edited-5ecret"))
NEVER = LastApplied.none()
BEFORE = NEVER.plus(ONE, EARLIER)
OVERWRITE = "Set BOOTSTRAP_OVERWRITE=1 to apply the files."


@pytest.mark.parametrize(
    ("current", "last_applied", "report", "report_of_overwrite"),
    [
        ({}, NEVER, "Created variable one.", "Created variable one."),
        ({ONE: FILES}, NEVER, "", ""),
        ({ONE: FILES}, BEFORE, "", ""),
        ({ONE: EARLIER}, BEFORE, "Updated variable one.", "Overwrote variable one."),
        (
            {ONE: EDITED},
            BEFORE,
            f"Kept variable one: it was edited in Airflow. {OVERWRITE}",
            "Overwrote variable one.",
        ),
        (
            {},
            BEFORE,
            f"Kept variable one: it was deleted in Airflow. {OVERWRITE}",
            "Created variable one.",
        ),
        (
            {ONE: EDITED},
            NEVER,
            f"Kept variable one: it was in Airflow before the first init. {OVERWRITE}",
            "Overwrote variable one.",
        ),
    ],
)
def test_files_lead_where_nobody_edited(
    current: dict[Resource, Any], last_applied: LastApplied, report: str, report_of_overwrite: str
) -> None:
    for overwrite, expected in ((False, report), (True, report_of_overwrite)):
        plan = make_plan({ONE: FILES}, current, last_applied, overwrite=overwrite)
        assert "\n".join(plan.report) == expected
        applied = bool(expected) and not expected.startswith("Kept")
        assert plan.apply == ({ONE: FILES} if applied else {})
        assert "5ecret" not in expected
        follows = applied or current.get(ONE) == FILES
        assert plan.last_applied.matches(ONE, FILES) == follows


def test_an_edit_that_was_taken_back_is_not_an_edit() -> None:
    edited = make_plan({ONE: FILES}, {ONE: EDITED}, BEFORE, overwrite=False)
    plan = make_plan({ONE: FILES}, {ONE: EARLIER}, edited.last_applied, overwrite=False)
    assert plan.report == ["Updated variable one."]


def test_a_resource_that_left_the_files_is_reported_until_it_is_deleted() -> None:
    for overwrite in (False, True):
        plan = make_plan({}, {ONE: EARLIER}, BEFORE, overwrite=overwrite)
        assert plan.report == ["Kept variable one: it is no longer in the files. Delete it in Airflow."]
        assert plan.last_applied == BEFORE
    gone = make_plan({}, {}, BEFORE, overwrite=False)
    assert (gone.report, gone.last_applied) == ([], NEVER)


def test_a_resource_that_cannot_be_decrypted_is_only_overwritten() -> None:
    with pytest.raises(BootstrapFailed, match="Cannot decrypt variable one: its Fernet key is not in"):
        make_plan({ONE: FILES}, {ONE: None}, BEFORE, overwrite=False)
    assert make_plan({ONE: FILES}, {ONE: None}, BEFORE, overwrite=True).apply == {ONE: FILES}


def test_hashes_reveal_no_value_and_differ_between_deployments() -> None:
    text = BEFORE.to_json()
    assert "5ecret" not in text
    assert LastApplied.from_json(text) == BEFORE
    assert not BEFORE.matches(ONE, FILES)
    assert LastApplied.none().plus(ONE, EARLIER).hashes != BEFORE.hashes


@pytest.mark.parametrize("text", ["mine", "[]", "{}", '{"salt": "a", "applied": {"one": "b"}}'])
def test_a_variable_that_somebody_overwrote_is_an_error_with_a_remedy(text: str) -> None:
    with pytest.raises(
        BootstrapFailed, match=r"nyc_taxi_bootstrap does not hold what init wrote\. Delete it"
    ):
        LastApplied.from_json(text)
