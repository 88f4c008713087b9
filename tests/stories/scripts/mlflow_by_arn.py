"""What a user of managed MLflow writes: nothing of it knows Clary. Arguments: an ARN, a word."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from mlflow.entities import Metric, Param
from sklearn.linear_model import LogisticRegression

import mlflow
from mlflow import MlflowClient

arn, word = sys.argv[1:3]
mlflow.set_tracking_uri(arn)
mlflow.set_experiment(f"story-{word}")
model = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
with mlflow.start_run(run_name="first") as run:
    mlflow.log_params({"rate": 0.1, "net": "small"})
    for step in range(3):
        mlflow.log_metric("loss", 1.0 / (step + 1), step=step)
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder) / "note.txt"
        note.write_text("kept in S3")
        mlflow.log_artifact(str(note))
    told = mlflow.sklearn.log_model(model, name="model", registered_model_name=f"model-{word}")
client = MlflowClient()
points = [Metric("batched", float(number), 0, number) for number in range(1000)]
client.log_batch(run.info.run_id, metrics=points, params=[Param("late", "yes")])
found = mlflow.search_runs(experiment_names=[f"story-{word}"])
version = client.get_model_version(f"model-{word}", "1")
loaded = mlflow.sklearn.load_model(f"models:/model-{word}/1")
text = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/note.txt")
print(
    "TOLD",
    json.dumps(
        {
            "runs": len(found),
            "rate": found["params.rate"][0],
            "loss": found["metrics.loss"][0],
            "points": len(client.get_metric_history(run.info.run_id, "batched")),
            "artifacts": run.info.artifact_uri,
            "text": text,
            "version": version.status,
            "predicted": [int(each) for each in loaded.predict([[0.0], [3.0]])],
        }
    ),
)
