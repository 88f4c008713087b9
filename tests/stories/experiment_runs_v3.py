"""SageMaker SDK 3.x: an experiment's run, loaded again, and its artifacts' lineage: python … TRAIN.csv."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sagemaker.core.experiments.run import Run, list_runs, load_run
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.lineage.artifact import Artifact
from sagemaker.core.lineage.query import LineageQuery, LineageQueryDirectionEnum

EXPERIMENT = "Story-V3"


def main(train: Path) -> None:
    """Log a run, load it, log more, and print what the server has of it."""
    session = Session()
    with Run(experiment_name=EXPERIMENT, run_name="only", sagemaker_session=session) as run:
        run.log_parameters({"rate": 0.1, "net": "small"})
        run.log_file(str(train), name="copy")
        for step in range(30):
            run.log_metric("loss", 1 / (step + 1), step=step)
        truth, scores = [0, 1, 1, 0], [0.1, 0.9, 0.8, 0.3]
        run.log_precision_recall(truth, scores, title="pr")
        run.log_roc_curve(truth, scores, title="roc", is_output=False)
        run.log_confusion_matrix(truth, [0, 1, 0, 0], title="cm")
    with load_run(run_name="only", experiment_name=EXPERIMENT, sagemaker_session=session) as run:
        run.log_parameter("again", 1)
        name = run._trial_component.trial_component_name
    client = session.sagemaker_client
    told = client.describe_trial_component(TrialComponentName=name)
    metrics = {each["MetricName"]: each["Count"] for each in told["Metrics"]}
    print("RUN", json.dumps([name, told["Parameters"], sorted(told["OutputArtifacts"]), metrics]))
    component = told["TrialComponentArn"]
    into = client.list_associations(DestinationArn=component)["AssociationSummaries"]
    out = client.list_associations(SourceArn=component)["AssociationSummaries"]
    drawn = [[each["SourceType"] for each in into], sorted(each["DestinationType"] for each in out)]
    runs = [each.run_name for each in list_runs(EXPERIMENT, sagemaker_session=session)]
    print("CURVES", json.dumps([*drawn, runs]))
    made = [
        Artifact.create(
            artifact_name=each,
            source_uri=f"s3://story-v3/{each}",
            artifact_type=each,
            sagemaker_session=session,
        ).artifact_arn
        for each in ("DataSet", "Model")
    ]
    client.add_association(SourceArn=made[0], DestinationArn=component, AssociationType="ContributedTo")
    client.add_association(SourceArn=component, DestinationArn=made[1], AssociationType="Produced")
    found = LineageQuery(session).query(
        start_arns=[made[1]], direction=LineageQueryDirectionEnum.ASCENDANTS, include_edges=True
    )
    kinds = [vertex.lineage_entity for vertex in found.vertices]
    print("LINEAGE", json.dumps([kinds, len(found.edges)]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
