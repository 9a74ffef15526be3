"""What Airflow asks a provider at every start: the content of provider.yaml, without reading a file."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return the same as provider.yaml; a test compares the two."""
    return {
        "package-name": "airflow-provider-nyc-taxi",
        "name": "NYC taxi",
        "description": (
            "Brings the monthly trip files of the `NYC TLC "
            "<https://www.nyc.gov/site/tlc/about/tlc-trip-record-data.page>`__\n"
            "into a warehouse, by stage, audit and publish, and loses no row.\n"
        ),
        "integrations": [
            {
                "integration-name": "NYC taxi",
                "external-doc-url": ("https://www.nyc.gov/site/tlc/about/tlc-trip-record-data.page"),
                "tags": ["service"],
            },
        ],
        "hooks": [
            {
                "integration-name": "NYC taxi",
                "python-modules": [
                    "nyc_taxi.hooks.tlc",
                    "nyc_taxi.hooks.taxi_postgres",
                    "nyc_taxi.hooks.warehouse",
                    "nyc_taxi.hooks.products",
                    "nyc_taxi.hooks.dbt",
                    "nyc_taxi.hooks.missing",
                ],
            },
        ],
        "sensors": [
            {
                "integration-name": "NYC taxi",
                "python-modules": ["nyc_taxi.sensors.publication"],
            },
        ],
        "triggers": [
            {
                "integration-name": "NYC taxi",
                "python-modules": ["nyc_taxi.triggers.publication"],
            },
        ],
        "operators": [
            {
                "integration-name": "NYC taxi",
                "python-modules": [
                    "nyc_taxi.operators.stage",
                    "nyc_taxi.operators.audit",
                    "nyc_taxi.operators.publish",
                    "nyc_taxi.operators.load_again",
                    "nyc_taxi.operators.recheck",
                    "nyc_taxi.operators.zones",
                    "nyc_taxi.operators.dbt",
                    "nyc_taxi.operators.dbt_docs",
                ],
            },
        ],
        "connection-types": [
            {
                "connection-type": "nyc_tlc",
                "hook-class-name": "nyc_taxi.hooks.tlc.NycTlcHook",
                "hook-name": "NYC TLC trip files",
                "ui-field-behaviour": {
                    "hidden-fields": ["host", "schema", "login", "password", "port", "extra"],
                    "placeholders": {"sources": "mirror, tlc"},
                },
                "conn-fields": {
                    "sources": {
                        "label": "Sources",
                        "description": (
                            "Where the monthly files come from, in order and separated by "
                            "commas; the first that covers a month serves it. Each is mirror "
                            "(csv.gz, 2019-01 to 2021-07), tlc (parquet, TLC's own), an http "
                            "address or a folder in the mirror's layout, such as "
                            "http://127.0.0.1:8099 or /data/taxi. Empty means mirror, tlc."
                        ),
                        "schema": {"type": ["string", "null"]},
                    },
                },
            },
            {
                "connection-type": "nyc_taxi_postgres",
                "hook-class-name": "nyc_taxi.hooks.taxi_postgres.TaxiPostgresHook",
                "hook-name": "Taxi warehouse (Postgres)",
                "ui-field-behaviour": {"relabeling": {"schema": "Database"}},
            },
        ],
        "asset-uris": [{"schemes": ["nyctlc"], "handler": "nyc_taxi.assets.sanitize_uri"}],
        "extra-links": ["nyc_taxi.links.SourceFileLink", "nyc_taxi.links.StartedRunLink"],
        "cli": ["nyc_taxi.cli.definition.get_taxi_cli_commands"],
        "config": {
            "nyc_taxi": {
                "description": ("How the taxi DAGs ask, wait, retry and share the warehouse."),
                "options": {
                    "ask_interval": {
                        "description": (
                            "Seconds between two questions to the source about a month that is "
                            "not published yet.\n"
                            "Each wait is varied by up to a tenth, so that many waiting months "
                            "do not ask at once.\n"
                        ),
                        "version_added": "0.1.0",
                        "type": "integer",
                        "example": "3600",
                        "default": "21600",
                    },
                    "give_up_after": {
                        "description": (
                            "Seconds that a run waits for its month's file before it fails (120 days)."
                        ),
                        "version_added": "0.1.0",
                        "type": "integer",
                        "example": "5184000",
                        "default": "10368000",
                    },
                    "max_active_runs": {
                        "description": (
                            "Runs of one ingest DAG at a time. A run that waits for its file "
                            "counts, and up to five scheduled\n"
                            "runs can be waiting, so fewer than six would keep a run that has "
                            "its file from starting.\n"
                        ),
                        "version_added": "0.1.0",
                        "type": "integer",
                        "example": "16",
                        "default": "8",
                    },
                    "retries": {
                        "description": ("How often a task is tried again after a failure that may pass."),
                        "version_added": "0.1.0",
                        "type": "integer",
                        "example": "5",
                        "default": "3",
                    },
                    "retry_delay": {
                        "description": (
                            "Seconds before the first retry; every further wait is twice as "
                            "long, up to an hour."
                        ),
                        "version_added": "0.1.0",
                        "type": "integer",
                        "example": "60",
                        "default": "30",
                    },
                    "pool": {
                        "description": (
                            "The pool that limits how many months are written to the warehouse at once."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "default_pool",
                        "default": "postgres_load",
                    },
                    "owner": {
                        "description": "The owner shown for the taxi DAGs.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "data-platform",
                        "default": "taxi",
                    },
                    "dbt_program": {
                        "description": (
                            "The program dbt, of an environment in which dbt-core and its adapter "
                            "are installed."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "/opt/dbt/bin/dbt",
                        "default": "dbt",
                    },
                    "dbt_project": {
                        "description": (
                            "The folder of the dbt project; empty for dbt_project beside the DAGs' folder."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "/opt/airflow/dbt_project",
                        "default": "",
                    },
                    "dbt_target": {
                        "description": "The target of runs that nobody started by hand, prod or dev.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "dev",
                        "default": "prod",
                    },
                    "dbt_threads": {
                        "description": "How many models dbt builds at once.",
                        "version_added": "0.1.0",
                        "type": "integer",
                        "example": "8",
                        "default": "4",
                    },
                    "dbt_artifacts": {
                        "description": (
                            "The folder in which dbt's calls leave statements, results and logs.\n"
                            "A retry goes on with what failed only where it finds the last try's results.\n"
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "/var/lib/taxi/dbt",
                        "default": "{AIRFLOW_HOME}/dbt",
                    },
                    "dbt_docs": {
                        "description": (
                            "The URL of the folder where the models' documentation is published, "
                            "readable by workers and by the\n"
                            "API server.\n"
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "gs://my-bucket/dbt_docs",
                        "default": "file://{AIRFLOW_HOME}/dbt_docs",
                    },
                },
            },
        },
    }
