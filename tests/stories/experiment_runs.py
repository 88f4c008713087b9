"""SageMaker SDK 2.x: experiment runs, a job within one, and what led to its model: python … TRAIN.csv."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import sagemaker
from sagemaker.analytics import ExperimentAnalytics
from sagemaker.estimator import Estimator
from sagemaker.experiments import Run, load_run
from sagemaker.inputs import TrainingInput
from sagemaker.lineage.artifact import Artifact, ModelArtifact
from sagemaker.lineage.visualizer import LineageTableVisualizer

EXPERIMENT = "Story"


def main(train: Path) -> None:
    """Log two runs, train in the second, and print what can be found of them afterwards."""
    session = sagemaker.Session()
    data = session.upload_data(str(train), session.default_bucket(), "stories/runs")
    for name, rate in (("first", 0.1), ("second", 0.3)):
        with Run(experiment_name=EXPERIMENT, run_name=name, sagemaker_session=session) as run:
            run.log_parameters({"rate": rate, "net": "small"})
            run.log_artifact("table", data, is_output=False)
            run.log_file(str(train), name="copy")
            for step in range(30):
                run.log_metric("loss", rate / (step + 1), step=step)
            if name == "second":
                model = fit(session, data)
    with load_run(run_name="first", experiment_name=EXPERIMENT, sagemaker_session=session) as run:
        run.log_parameter("again", 1)
    table = ExperimentAnalytics(experiment_name=EXPERIMENT.lower(), sagemaker_session=session).dataframe()
    shown = table[["TrialComponentName", "rate", "loss - Min", "loss - Last", "loss - Count"]]
    print("RUNS", json.dumps(shown.where(shown.notna(), None).to_dict("records")))
    [found] = Artifact.list(source_uri=model, sagemaker_session=session)
    loaded = ModelArtifact.load(found.artifact_arn, sagemaker_session=session)
    sources = [each.source.source_uri for each in loaded.dataset_artifacts()]
    print("DATASETS", json.dumps([data, sources]))
    [component] = session.sagemaker_client.list_trial_components(ExperimentName="story", SortBy="Name")[
        "TrialComponentSummaries"
    ][-1:]
    drawn = LineageTableVisualizer(session).show(trial_component_name=component["TrialComponentName"])
    print("TABLE", json.dumps(drawn.to_dict("records")))


def fit(session: sagemaker.Session, data: str) -> str:
    """Train within the run, which the SDK tells the job of; return where the model is."""
    estimator = Estimator(
        sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
        sagemaker.get_execution_role(),
        instance_count=1,
        instance_type="ml.m5.large",
        hyperparameters={"num_round": 3, "objective": "binary:logistic"},
        sagemaker_session=session,
    )
    estimator.fit({"train": TrainingInput(data, content_type="text/csv")}, job_name="Story-Job", logs=False)
    return str(estimator.model_data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
