"""Both SDK generations and the AWS CLI, unmodified, in environments of their own, against one server."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.stories.server import CLIENTS, DEMO_LOCK, ROOT, SCRIPTS, Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
Environment = Callable[[Path], Path]


def test_sdk_2_trains_deploys_predicts_and_deletes(
    clary: Clary, environment: Environment, table: Path
) -> None:
    python = environment(DEMO_LOCK) / "python"
    told = clary.run(str(python), str(ROOT / "examples" / "sdk_v2.py"), str(table)).stdout
    assert "account 000000000000 bucket sagemaker-us-east-1-000000000000" in told
    assert "role arn:aws:iam::000000000000:role/SageMakerExecutionRole" in told
    for estimator in ("Estimator", "SKLearn", "PyTorch"):
        line = re.search(rf"{estimator} predicts (.*)$", told, re.M)
        assert line, told
        scores = [float(number) for number in re.findall(r"\d+\.\d+(?:e-?\d+)?|\d+", line[1])]
        assert len(scores) == 5
        assert all(0 <= score <= 1 for score in scores)
    sagemaker = clary.client("sagemaker")
    assert sagemaker.list_endpoints()["Endpoints"] == []
    assert sagemaker.list_models()["Models"] == []


def test_sdk_3_trains_deploys_predicts_and_deletes(
    clary: Clary, environment: Environment, table: Path
) -> None:
    python = environment(CLIENTS / "v3.txt") / "python"
    told = clary.run(str(python), str(ROOT / "examples" / "sdk_v3.py"), str(table)).stdout
    assert "account 000000000000 bucket sagemaker-us-east-1-000000000000" in told
    assert re.search(r"^script model s3://.*/model.tar.gz$", told, re.M), told
    line = re.search(r"ModelBuilder predicts \[(.*)\]$", told, re.M)
    assert line, told
    assert len(line[1].split(",")) == 5


def test_sdk_2_trains_and_serves_xgboost_by_a_script_and_runs_a_shell_script(
    clary: Clary, environment: Environment, table: Path
) -> None:
    python = environment(DEMO_LOCK) / "python"
    told = clary.run(str(python), str(SCRIPTS / "v2_script_mode.py"), str(table)).stdout
    assert 'hosts ["algo-1"] rounds 12' in told
    assert "shell --epochs 3 on algo-1 with 1 file" in told
    found = re.search(r"^PREDICTS (.*)$", told, re.M)
    assert found, told
    scores = [float(number) for number in re.findall(r"\d+\.\d+(?:e-?\d+)?", found[1])]
    assert len(scores) == 3
    assert all(0 <= score <= 1 for score in scores)


@pytest.mark.parametrize(
    "name",
    [
        "linear-learner",
        "kmeans",
        "pca",
        "knn",
        "randomcutforest",
        "lda",
        "xgboost",
    ],
)
def test_sdk_3_trains_deploys_and_predicts_by_a_built_in_algorithm(
    clary: Clary, environment: Environment, name: str
) -> None:
    python = environment(CLIENTS / "v3.txt") / "python"
    told = clary.run(str(python), str(SCRIPTS / "v3_algorithms.py"), name).stdout
    line = re.search(rf"{name} predicts (.*)$", told, re.M)  # after the SDK's panel, on its line
    assert line, told
    ((first, second),) = json.loads(line[1]).values()
    if name in ("linear-learner", "knn"):
        assert (first["predicted_label"], second["predicted_label"]) == (0, 1)
    elif name == "lda":
        assert (first["topic_mixture"][0] > 0.5) != (second["topic_mixture"][0] > 0.5)
    elif name == "kmeans":
        assert first["closest_cluster"] != second["closest_cluster"]
    elif name == "xgboost":
        assert first["score"] < 0.5 < second["score"]
    elif name == "pca":
        assert first["projection"][-1] * second["projection"][-1] < 0
    else:
        assert 0 < first["score"] < 3


def test_the_cli_copies_syncs_and_lists(clary: Clary, environment: Environment, tmp_path: Path) -> None:
    aws = str(environment(CLIENTS / "cli.txt") / "aws")
    bucket = "s3://sagemaker-us-east-1-000000000000/cli"
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "deep" / "b ü.bin").write_bytes(bytes(range(256)) * 40_000)
    clary.run(aws, "s3", "sync", str(folder), bucket)
    listed = clary.run(aws, "s3", "ls", "--recursive", bucket).stdout
    assert [line.split(maxsplit=3)[2:] for line in listed.splitlines()] == [
        ["1", "cli/a.txt"],
        ["10240000", "cli/deep/b ü.bin"],
    ]
    clary.run(aws, "s3", "cp", "--recursive", bucket, str(tmp_path / "back"))
    assert (tmp_path / "back" / "deep" / "b ü.bin").read_bytes() == bytes(range(256)) * 40_000


def test_the_cli_waits_for_jobs_and_tells_success_from_failure(
    clary: Clary, environment: Environment, table: Path
) -> None:
    aws = str(environment(CLIENTS / "cli.txt") / "aws")
    start(clary, "cli-good", table, rounds="5")
    start(clary, "cli-bad", table, rounds="5", objective="no:such")
    clary.run(
        aws, "sagemaker", "wait", "training-job-completed-or-stopped", "--training-job-name", "cli-good"
    )
    bad = clary.run(
        aws,
        "sagemaker",
        "wait",
        "training-job-completed-or-stopped",
        "--training-job-name",
        "cli-bad",
        check=False,
    )
    assert bad.returncode == 255
    listed = clary.run(
        aws, "sagemaker", "list-training-jobs", "--name-contains", "cli-", "--output", "text"
    ).stdout
    assert "Completed" in listed and "Failed" in listed


def test_version_2_of_the_cli_follows_a_log(clary: Clary, aws2: Path, table: Path) -> None:
    start(clary, "cli-first", table, rounds="1")  # the log group is there once a job has printed something
    waiter = clary.client("sagemaker").get_waiter("training_job_completed_or_stopped")
    waiter.wait(TrainingJobName="cli-first")
    start(clary, "cli-tail", table, rounds="7")
    line = [sys.executable, "-m", "clary.cli.main", "run", "--home", str(clary.home), "--"]
    tail = ["logs", "tail", "/aws/sagemaker/TrainingJobs", "--follow", "--log-stream-name-prefix", "cli-tail"]
    lines: list[str] = []
    with subprocess.Popen([*line, str(aws2), *tail], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        deadline = time.monotonic() + 120
        for told in process.stdout or ():
            lines.append(told)
            if "[6]" in told or time.monotonic() > deadline:
                break
        process.kill()  # it follows for ever, and what it printed is all that is asked
    assert any("[0]" in told for told in lines), lines
    assert any("[6]" in told for told in lines), lines


def start(clary: Clary, name: str, table: Path, *, rounds: str, objective: str = "binary:logistic") -> None:
    """Start a training job of the built-in XGBoost."""
    bucket = "sagemaker-us-east-1-000000000000"
    clary.client("s3").upload_file(str(table), bucket, "cli/train/train.csv")
    clary.client("sagemaker").create_training_job(
        TrainingJobName=name,
        RoleArn="arn:aws:iam::000000000000:role/SageMakerExecutionRole",
        AlgorithmSpecification={
            "TrainingImage": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
            "TrainingInputMode": "File",
        },
        HyperParameters={"num_round": rounds, "objective": objective},
        InputDataConfig=[
            {
                "ChannelName": "train",
                "ContentType": "text/csv",
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/cli/train/"}
                },
            }
        ],
        OutputDataConfig={"S3OutputPath": f"s3://{bucket}/cli/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
