"""Starting the DAG that loads a month."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import DagRunTriggerException

from nyc_taxi.errors import ContractError
from nyc_taxi.links import StartedRunLink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context


class LoadAgainOperator(BaseOperator):
    """Starts a run of another DAG and does not wait for it; skipped when the run exists already.

    It does what the standard provider's TriggerDagRunOperator does. That operator's module imports Airflow's
    database models, which takes longer than reading a whole DAG file may take.

    :param load_dag_id: the DAG to start (templated)
    :param load_run_id: id of the run (templated)
    :param conf: parameters of the run (templated)
    """

    template_fields: Sequence[str] = ("load_dag_id", "load_run_id", "conf")
    operator_extra_links = (StartedRunLink(),)
    ui_color = "#ffefeb"

    def __init__(self, *, load_dag_id: str, load_run_id: str, conf: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.load_dag_id = load_dag_id
        self.load_run_id = load_run_id
        self.conf = conf

    def execute(self, context: Context) -> None:
        """Ask Airflow to start the run.

        :raises DagRunTriggerException: it is how a task asks for a run
        :raises ContractError: when the DAG is paused: its run would wait, and every later recheck skip it
        """
        if context["ti"].get_dag(self.load_dag_id).is_paused:
            raise ContractError(
                f"{self.load_dag_id} is paused, so {self.conf.get('month')} was not loaded again. Unpause it "
                f"(airflow dags unpause {self.load_dag_id}) and clear this task, or wait for the next one."
            )
        raise DagRunTriggerException(
            trigger_dag_id=self.load_dag_id,
            dag_run_id=self.load_run_id,
            conf=self.conf,
            logical_date=None,
            reset_dag_run=False,
            skip_when_already_exists=True,
            wait_for_completion=False,
            allowed_states=[],
            failed_states=[],
            poke_interval=60,
            deferrable=False,
            note=f"Started by {context['ti'].dag_id}, which found a republished file.",
        )
