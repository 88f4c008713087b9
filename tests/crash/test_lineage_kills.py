"""kill -9 of the controller while a job runs: its lineage is whole in the end, and outlives the job."""

from __future__ import annotations

import secrets

import pytest
from tests.crash.site import Site
from tests.crash.test_training_kills import BUCKET, create, describe, meet, settle


@pytest.mark.parametrize("phase", ["created", "running", "exited"])
@pytest.mark.slow
def test_the_lineage_of_a_job_does_not_notice_that_the_controller_was_killed(site: Site, phase: str) -> None:
    name, sagemaker = f"lineage-{phase}", site.client("sagemaker")
    sagemaker.create_experiment(ExperimentName=name)
    sagemaker.create_trial(TrialName=name, ExperimentName=name)
    create(site, name, secrets.token_hex(8), config={"TrialName": name}, HELD="1")
    meet(site, name, phase)
    site.kill("controller")
    assert settle(site, name)["TrainingJobStatus"] == "Completed"
    arn, component = describe(site, name)["TrainingJobArn"], f"{name}-aws-training-job"
    sagemaker.delete_training_job(TrainingJobName=name)

    def finished() -> bool:
        found = sagemaker.list_trial_components(TrialName=name)["TrialComponentSummaries"]
        return [each["Status"]["PrimaryStatus"] for each in found] == ["Completed"]

    site.until(finished, f"{component} has completed")
    told = sagemaker.describe_trial_component(TrialComponentName=component)
    assert told["Source"]["SourceArn"] == arn
    graph = sagemaker.query_lineage(StartArns=[told["TrialComponentArn"]], MaxDepth=1)
    uris = {}
    for vertex in graph["Vertices"]:
        if vertex["LineageType"] == "Artifact":
            source = sagemaker.describe_artifact(ArtifactArn=vertex["Arn"])["Source"]
            uris[vertex["Type"]] = source["SourceUri"]
    assert uris == {
        "DataSet": f"s3://{BUCKET}/{name}/",
        "Image": "held",
        "Model": told["OutputArtifacts"]["SageMaker.ModelArtifact"]["Value"],
    }
    assert len(graph["Edges"]) == 3
