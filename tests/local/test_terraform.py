"""Terraform makes what setup_gcp makes."""

from __future__ import annotations

import re

from local.environment import CHECKOUT
from nyc_taxi.bigquery.place import Place
from nyc_taxi.bigquery.setup import FORGOTTEN

FOLDER = CHECKOUT / "include" / "terraform" / "gcp"


def test_terraform_and_setup_gcp_make_the_same() -> None:
    main = (FOLDER / "main.tf").read_text("utf-8")
    place = Place("my-project", "my-bucket")
    listed = re.search(r"datasets = \[(.*)\]", main)
    assert listed
    assert tuple(re.findall(r'"(\w+)"', listed[1])) == place.datasets
    assert 'labels   = { application = "nyc-taxi" }' in main
    assert dict(place.labels) == {"application": "nyc-taxi"}
    assert re.search(rf"age\s+= {FORGOTTEN.days}\s+matches_prefix = \[\"staged/\"\]", main)
    assert f"{FORGOTTEN.days} * 24 * 3600 * 1000" in main
    assert 'storage_class               = "STANDARD"' in main


def test_the_account_has_the_least_roles() -> None:
    main = (FOLDER / "main.tf").read_text("utf-8")
    assert set(re.findall(r'"(roles/[\w.]+)"', main)) == {
        "roles/bigquery.jobUser",
        "roles/bigquery.dataEditor",
        "roles/storage.objectAdmin",
        "roles/storage.legacyBucketReader",
    }
    assert "google_project_iam_binding" not in main


def test_what_terraform_tells_is_what_init_reads() -> None:
    connections = (CHECKOUT / "include" / "bootstrap" / "connections.yaml").read_text("utf-8")
    named = re.findall(r"(NYC_TAXI_\w+)", (FOLDER / "outputs.tf").read_text("utf-8"))
    assert named
    assert all(f"${{{name}" in connections for name in named)
