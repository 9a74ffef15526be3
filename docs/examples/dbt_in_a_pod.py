"""Runs dbt in a separate pod, from any image that has dbt, with the pod profile `dbt`.

The task itself waits without a worker, while the pod runs. Copy this file into `dags/` of a deployment on
Kubernetes whose chart has `worker.launchesPods: true`, and name your image, warehouse and Secret.
"""

from __future__ import annotations

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.secret import Secret
from airflow.sdk import DAG, Param

from nyc_taxi import settings
from nyc_taxi.pods.wiring import pod_manifest, pod_profile

PROJECT = "/opt/airflow/dbt_project"

with DAG(
    dag_id="dbt_in_a_pod",
    description="Run dbt in a separate pod",
    doc_md=__doc__,
    schedule=None,
    start_date=settings.START_DATE,
    max_active_runs=1,
    default_args=settings.default_args(),
    params={"select": Param("fct_trips+", type="string", title="Select", description="As dbt's --select.")},
    tags=settings.tags("dbt", "example"),
):
    KubernetesPodOperator(
        task_id="dbt",
        name="dbt",
        image="nyc-taxi-airflow:dev",
        arguments=["dbt", "build", "--target", "prod", "--select", "{{ params.select }}"],
        pod_template_dict=pod_manifest("dbt"),
        env_vars={
            "DBT_LOG_PATH": "/tmp/dbt/logs",  # noqa: S108  # in the pod
            "DBT_PROFILES_DIR": PROJECT,
            "DBT_PROJECT_DIR": PROJECT,
            "DBT_TARGET_PATH": "/tmp/dbt/target",  # noqa: S108
            "NYC_TAXI_WAREHOUSE_HOST": "nyc-taxi-warehouse",
        },
        secrets=[
            Secret("env", "NYC_TAXI_WAREHOUSE_PASSWORD", "nyc-taxi-warehouse-password", "warehouse_password")
        ],
        security_context={
            "runAsNonRoot": True,
            "runAsUser": 50000,
            "runAsGroup": 0,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        container_security_context={"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        deferrable=True,
        doc_md="Starts the pod, and waits for it.",
        executor_config=pod_profile("sensor"),
    )
