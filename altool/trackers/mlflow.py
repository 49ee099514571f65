"""MLflow: the server that MLFLOW_TRACKING_URI names, else a file store in outputs/.trackers/mlruns."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from altool.trackers.tracked import TrackedRun, flat, numbers

STATUS = {"done": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}
MOST_PARAMETERS = 100  # that MLflow takes at a time
LONGEST_VALUE = 6000  # characters


class MLflow:
    def __init__(self, outputs: Path):
        # a store in files needs no server and no database; MLflow asks to be told that this is meant
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        from mlflow.tracking import MlflowClient  # type: ignore[import-not-found]  # an extra

        store = outputs / ".trackers" / "mlruns"
        uri = os.environ.get("MLFLOW_TRACKING_URI") or store.absolute().as_uri()
        self._client = MlflowClient(tracking_uri=uri)
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "altool"
        experiment = self._client.get_experiment_by_name(name)
        self._experiment = experiment.experiment_id if experiment else self._client.create_experiment(name)
        self._run = ""

    def begin(self, run: TrackedRun) -> None:
        from mlflow.entities import Param  # type: ignore[import-not-found]

        known = self._client.search_runs(
            [self._experiment], f"tags.`altool.key` = '{run.key}'", max_results=1
        )
        if known:
            self._run = known[0].info.run_id
            self._client.update_run(self._run, status="RUNNING")
            return
        tags = {
            f"altool.{key}": value for key, value in {**run.tags, "key": run.key, "cell": run.group}.items()
        }
        self._run = self._client.create_run(self._experiment, run_name=run.name, tags=tags).info.run_id
        params = [Param(key, value[:LONGEST_VALUE]) for key, value in flat(run.config).items()]
        for first in range(0, len(params), MOST_PARAMETERS):
            self._client.log_batch(self._run, params=params[first : first + MOST_PARAMETERS])
        for row in run.rows:
            self.log(numbers(row), int(row["n_labelled"]))

    def log(self, metrics: Mapping[str, float], n_labelled: int) -> None:
        for name, value in metrics.items():
            self._client.log_metric(self._run, name, value, step=n_labelled)

    def end(self, status: str, files: Sequence[Path], figures: Sequence[Path]) -> None:
        for path in files:
            self._client.log_artifact(self._run, str(path))
        for path in figures:
            self._client.log_artifact(self._run, str(path), "figures")
        self._client.set_terminated(self._run, STATUS.get(status, "FINISHED"))
