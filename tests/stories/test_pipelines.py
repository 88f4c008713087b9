"""Pipelines through both SDKs, unmodified, on real data; and what becomes of them when they run again."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.stories.server import CLIENTS, DEMO_LOCK, ROOT, Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
Environment = Callable[[Path], Path]
BUCKET = "sagemaker-us-east-1-000000000000"
STEPS = ["AbaloneProcess", "AbaloneTrain", "AbaloneEvaluate", "AbaloneDecide"]
ENDED = ("Succeeded", "Failed", "Stopped")


@pytest.fixture(scope="session")
def abalone(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """UCI's Abalone table: 4,177 rows."""
    (carried,) = environment(CLIENTS / "abalone.txt").parent.rglob("abalone/abalone.data.txt")
    path = tmp_path_factory.mktemp("abalone") / "abalone.csv"
    path.write_bytes(carried.read_bytes())
    return path


def steps(clary: Clary, arn: str) -> dict[str, Any]:
    told = clary.client("sagemaker").list_pipeline_execution_steps(
        PipelineExecutionArn=arn, SortOrder="Ascending"
    )
    return {step["StepName"]: step for step in told["PipelineExecutionSteps"]}


def told_arn(said: str, status: str) -> str:
    found = re.search(rf"^(arn:aws:sagemaker:\S+:pipeline/\S+) {status}$", said, re.M)
    assert found, said
    return found[1]


def read(clary: Clary, uri: str) -> str:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    text: str = clary.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    return text


def error_of(clary: Clary, arn: str) -> float:
    """Return the mean squared error that an execution's report tells."""
    job = steps(clary, arn)["AbaloneEvaluate"]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    told = clary.client("sagemaker").describe_processing_job(ProcessingJobName=job)
    output = told["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
    mse: float = json.loads(read(clary, f"{output}/evaluation.json"))["regression_metrics"]["mse"]["value"]
    return mse


def registered_and_predicted(clary: Clary, arn: str, folder: str, group: str) -> Any:
    """Hold what an execution left against what its steps say; return the model package."""
    found = steps(clary, arn)
    assert {step["StepStatus"] for step in found.values()} == {"Succeeded"}
    assert found["AbaloneDecide"]["Metadata"]["Condition"]["Outcome"] == "True"
    assert not [name for name in found if name.startswith("AbaloneFail")]
    assert 3 < error_of(clary, arn) < 6
    rings = [float(line) for line in read(clary, f"s3://{BUCKET}/{folder}/predicted/unseen.csv.out").split()]
    assert len(rings) == 2
    assert all(1 < each < 30 for each in rings)
    sagemaker = clary.client("sagemaker")
    (package,) = sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    made = sagemaker.describe_model_package(ModelPackageName=package["ModelPackageArn"])
    job = found["AbaloneTrain"]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    trained = sagemaker.describe_training_job(TrainingJobName=job)["ModelArtifacts"]["S3ModelArtifacts"]
    assert made["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] == trained
    return made


@pytest.fixture(scope="module")
def first(clary: Clary, environment: Environment, abalone: Path) -> str:
    """The first execution of SDK 2.x's pipeline."""
    python = environment(DEMO_LOCK) / "python"
    said = clary.run(str(python), str(ROOT / "examples" / "pipeline_v2.py"), str(abalone)).stdout
    return told_arn(said, "Succeeded")


def test_sdk_2_processes_trains_evaluates_registers_and_transforms(clary: Clary, first: str) -> None:
    package = registered_and_predicted(clary, first, "abalone", "AbaloneModels")
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    report = package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    assert json.loads(read(clary, report))["regression_metrics"]["mse"]["value"] == error_of(clary, first)


def test_sdk_3_processes_trains_evaluates_registers_and_transforms(
    clary: Clary, environment: Environment, abalone: Path
) -> None:
    python = environment(CLIENTS / "v3.txt") / "python"
    said = clary.run(str(python), str(ROOT / "examples" / "pipeline_v3.py"), str(abalone)).stdout
    arn = told_arn(said, "Succeeded")
    package = registered_and_predicted(clary, arn, "abalone3", "AbaloneModels3")
    assert package["ModelApprovalStatus"] == "Approved"


def run(clary: Clary, **request: Any) -> str:
    """Execute the pipeline of SDK 2.x once more and wait for its end."""
    sagemaker = clary.client("sagemaker")
    arn: str = sagemaker.start_pipeline_execution(PipelineName="Abalone", **request)["PipelineExecutionArn"]
    return ended(clary, arn)


def ended(clary: Clary, arn: str) -> str:
    """Wait for an execution's end."""
    sagemaker = clary.client("sagemaker")
    while status(sagemaker, arn) not in ENDED:
        time.sleep(0.1)
    return arn


def status(sagemaker: Any, arn: str) -> str:
    told: str = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"]
    return told


def given(**values: object) -> list[dict[str, str]]:
    return [{"Name": name, "Value": str(value)} for name, value in values.items()]


def cached(found: dict[str, Any]) -> dict[str, str]:
    return {
        name: step["CacheHitResult"]["SourcePipelineExecutionArn"]
        for name, step in found.items()
        if "CacheHitResult" in step
    }


def test_a_second_execution_takes_every_result_that_may_be_taken(clary: Clary, first: str) -> None:
    again = run(clary, PipelineParameters=given(MseThreshold=1))
    found = steps(clary, again)
    assert cached(found) == dict.fromkeys(STEPS[:3], first)
    assert found["AbaloneTrain"]["Metadata"] == steps(clary, first)["AbaloneTrain"]["Metadata"]
    assert found["AbaloneDecide"]["Metadata"]["Condition"]["Outcome"] == "False"
    assert found["AbaloneFail"]["Metadata"]["Fail"]["ErrorMessage"] == "The mean squared error is above 1.0"
    told = clary.client("sagemaker").describe_pipeline_execution(PipelineExecutionArn=again)
    assert told["PipelineExecutionStatus"] == "Failed"
    assert told["FailureReason"].startswith("Step failure: One or multiple steps failed.")


def test_a_selective_execution_runs_what_is_selected_on_what_was_made_before(
    clary: Clary, first: str
) -> None:
    selected = {"SourcePipelineExecutionArn": first, "SelectedSteps": [{"StepName": "AbaloneEvaluate"}]}
    arn = run(clary, SelectiveExecutionConfig=selected)
    found = steps(clary, arn)
    ran = [name for name, step in found.items() if "SelectiveExecutionResult" not in step]
    assert ran == ["AbaloneEvaluate"]
    assert found["AbaloneEvaluate"]["StepStatus"] == "Succeeded"
    assert error_of(clary, arn) == error_of(clary, first)
