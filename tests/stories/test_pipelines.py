"""Pipelines through both SDKs, unmodified, on real data; and what becomes of them when they run again."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.stories import approving
from tests.stories.server import CLIENTS, DEMO_LOCK, ROOT, SCRIPTS, Clary
from tests.stories.server import run as cli

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
Environment = Callable[[Path], Path]
BUCKET = "sagemaker-us-east-1-000000000000"
TRAINED = [("Process", "Processing"), ("Train", "Training")]
STEPS = ["AbaloneProcess", "AbaloneTrain", "AbaloneEvaluate", "AbaloneDecide"]
ENDED = ("Succeeded", "Failed", "Stopped")
GUIDE = (ROOT / "docs" / "guide-pipelines.md").read_text()


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


SCRIPT = (
    "import pathlib, sys; here = pathlib.Path('/opt/ml/processing'); "
    "word = ''.join(path.read_text() for path in here.glob('input/*')); "
    "(here / 'output/word.txt').write_text(word + sys.argv[1]); sys.exit('bad' in word)"
)
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"


def processing(name: str, source: object) -> dict[str, Any]:
    """Return a step that adds a letter to what it reads, and fails where it reads of something bad."""
    values = [f"s3://{BUCKET}/letters", {"Get": "Execution.PipelineExecutionId"}, name]
    target = {"S3Uri": {"Std:Join": {"On": "/", "Values": values}}, "LocalPath": "/opt/ml/processing/output"}
    given = {"S3Uri": source, "S3DataType": "S3Prefix", "LocalPath": "/opt/ml/processing/input"}
    program = ["python3", "-c", SCRIPT]
    return {
        "Name": name,
        "Type": "Processing",
        "CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"},
        "Arguments": {
            "AppSpecification": {
                "ImageUri": IMAGE, "ContainerEntrypoint": program, "ContainerArguments": [name],
            },
            "ProcessingInputs": [{"InputName": "read", "S3Input": given}],
            "ProcessingOutputConfig": {
                "Outputs": [{"OutputName": "word", "S3Output": {**target, "S3UploadMode": "EndOfJob"}}]
            },
            "ProcessingResources": {
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
            },
            "RoleArn": ROLE,
        },
    }  # fmt: skip


def after(name: str) -> dict[str, str]:
    return {"Get": f"Steps.{name}.ProcessingOutputConfig.Outputs['word'].S3Output.S3Uri"}


def make(clary: Clary, name: str, *steps: dict[str, Any]) -> None:
    definition = json.dumps({"Version": "2020-12-01", "Steps": steps})
    clary.client("sagemaker").create_pipeline(PipelineName=name, RoleArn=ROLE, PipelineDefinition=definition)


def put(clary: Clary, key: str, text: str) -> str:
    clary.client("s3").put_object(Bucket=BUCKET, Key=key, Body=text.encode())
    return f"s3://{BUCKET}/{key}"


def test_a_failed_execution_goes_on_where_it_failed(clary: Clary, first: str) -> None:
    sagemaker = clary.client("sagemaker")
    start, fragile = put(clary, "retry/a.txt", "x"), put(clary, "retry/b.txt", "bad")
    waits = {**processing("B", fragile), "DependsOn": ["A"]}
    make(clary, "Retried", processing("A", start), waits, processing("C", after("B")))
    arn = sagemaker.start_pipeline_execution(PipelineName="Retried")["PipelineExecutionArn"]
    assert status(sagemaker, ended(clary, arn)) == "Failed"
    before = steps(clary, arn)
    assert {name: step["StepStatus"] for name, step in before.items()} == {"A": "Succeeded", "B": "Failed"}
    put(clary, "retry/b.txt", "good")
    sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken="again" * 8)
    assert status(sagemaker, ended(clary, arn)) == "Succeeded"
    found = steps(clary, arn)
    assert list(found) == ["A", "B", "C"]
    assert found["A"]["Metadata"] == before["A"]["Metadata"]
    assert found["B"]["Metadata"] != before["B"]["Metadata"]
    execution = arn.rpartition("/")[2]
    assert read(clary, f"s3://{BUCKET}/letters/{execution}/C/word.txt") == "goodBC"


def test_a_changed_byte_runs_what_depends_on_it_and_nothing_else(clary: Clary, first: str) -> None:
    sagemaker = clary.client("sagemaker")
    one, two = put(clary, "bytes/one/a.txt", "1"), put(clary, "bytes/two/a.txt", "2")
    make(
        clary,
        "Bytes",
        processing("A", one),
        processing("B", after("A")),
        processing("C", two),
        processing("D", after("C")),
    )
    arn = sagemaker.start_pipeline_execution(PipelineName="Bytes")["PipelineExecutionArn"]
    assert status(sagemaker, ended(clary, arn)) == "Succeeded"
    put(clary, "bytes/two/a.txt", "3")
    again = sagemaker.start_pipeline_execution(PipelineName="Bytes")["PipelineExecutionArn"]
    assert status(sagemaker, ended(clary, again)) == "Succeeded"
    assert cached(steps(clary, again)) == {"A": arn, "B": arn}
    stream = f"Bytes/{again.rpartition('/')[2]}"
    logs = clary.client("logs")
    events = logs.get_log_events(logGroupName="/aws/sagemaker/Pipelines", logStreamName=stream)["events"]
    (why,) = [event["message"] for event in events if event["message"].startswith("C ")]
    assert why == f"C runs: not the same as in {arn}: ProcessingInputs.read content"
    word = f"s3://{BUCKET}/letters/{again.rpartition('/')[2]}/D/word.txt"
    assert read(clary, word) == "3CD"
    told = json.loads(clary.command("pipeline", "Bytes", "--json").stdout)
    reused = f"from the cache: the result of {arn.rpartition('/')[2]}"
    whys = {step["StepName"]: step["Why"] for step in told["Steps"]}
    assert (whys["A"], whys["B"]) == (reused, reused)
    assert whys["C"] == "ran: " + why.removeprefix("C runs: ")


def test_an_approval_deploys_the_model_and_lineage_tells_the_whole_way(
    clary: Clary, environment: Environment, first: str
) -> None:
    sagemaker = clary.client("sagemaker")
    versions = sagemaker.list_model_packages(ModelPackageGroupName="AbaloneModels")
    (package,) = [each["ModelPackageArn"] for each in versions["ModelPackageSummaryList"]]
    pipeline = approving.deploys_what_is_approved(clary, "AbaloneModels", "Rings")
    reviewer = approving.reviewer(clary, package)
    reviewer.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
    arn = ended(clary, approving.started(clary, pipeline))
    done = {name: step["StepStatus"] for name, step in steps(clary, arn).items()}
    assert done == dict.fromkeys(("Create", "Configure", "Serve"), "Succeeded")
    answer = clary.client("sagemaker-runtime").invoke_endpoint(
        EndpointName="Rings", ContentType="text/csv", Body="0,0,0,0,0,0,0,0,0,1"
    )
    assert 1 < float(answer["Body"].read()) < 30
    assert approving.audited(clary, "UpdateModelPackage", package) == [
        "arn:aws:iam::000000000000:user/reviewer"
    ]
    (starter,) = approving.audited(clary, "StartPipelineExecution", pipeline)
    assert ":assumed-role/deploys/" in starter
    made = steps(clary, first)
    table, prepared = f"s3://{BUCKET}/abalone/data/abalone.csv", "Abalone/code/"
    jobs = [made[f"Abalone{step}"]["Metadata"][f"{job}Job"]["Arn"] for step, job in TRAINED]
    endpoint = sagemaker.describe_endpoint(EndpointName="Rings")["EndpointArn"]
    way = [table, *jobs, package, steps(clary, arn)["Create"]["Metadata"]["Model"]["Arn"]]
    up = approving.came_from(clary, endpoint, {*way})
    assert prepared in " ".join(up)
    down = approving.led_to(clary, table, {*way[1:], endpoint})
    assert down[endpoint] == "Endpoint"
    assert [up[each] for each in way] == ["DataSet", "ProcessingJob", "TrainingJob", "Model", "Model"]
    archive = sagemaker.describe_training_job(TrainingJobName=jobs[1].rpartition("/")[2])
    assert up[archive["ModelArtifacts"]["S3ModelArtifacts"]] == "Model"
    only = approving.came_from(clary, endpoint, {table}, LineageTypes=["Artifact"], Types=["DataSet"])
    assert table in only and set(only.values()) == {"DataSet"}
    python = environment(DEMO_LOCK) / "python"
    said = clary.run(str(python), str(SCRIPTS / "v2_lineage.py"), endpoint, table).stdout
    told = json.loads(said.splitlines()[-1])
    assert table in told["data"] and jobs[0] in told["processing"]
    assert (told["training"], told["execution"]) == ([jobs[1]], first)
    assert told["by model"] == [first, jobs[1]]
    assert told["of model"] == told["of data"] == [endpoint]
    tagged = [{"Key": "sagemaker:pipeline-execution-arn", "Value": first}]
    assert [sagemaker.list_tags(ResourceArn=job)["Tags"] for job in jobs] == [tagged, tagged]
    (group,) = sagemaker.list_contexts(SourceUri=package)["ContextSummaries"]
    context = sagemaker.describe_context(ContextName=group["ContextName"])
    assert context["Properties"] == {"PipelineExecutionArn": first}
    tree = clary.command("lineage", endpoint, "--direction", "up").stdout
    assert "└── ModelPackage AbaloneModels/1" in tree
    assert "Approval Approved  by reviewer, 20" in tree
    sagemaker.delete_endpoint(EndpointName="Rings")


def test_a_callback_waits_across_a_restart_and_goes_on_with_its_answer(clary: Clary, first: str) -> None:
    url = clary.client("sqs").create_queue(QueueName="approvals")["QueueUrl"]
    send = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:*:*:approvals"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [send]})
    role = ROLE.rpartition("/")[2]
    clary.client("iam").put_role_policy(RoleName=role, PolicyName="ask", PolicyDocument=policy)
    outputs = [{"OutputName": "verdict", "OutputType": "String"}]
    answer = {"Get": "Steps.Ask.OutputParameters['verdict']"}
    says = {"Type": "In", "QueryValue": answer, "Values": ["yes", "certainly"]}
    ask = {
        "Name": "Ask",
        "Type": "Callback",
        "SqsQueueUrl": url,
        "OutputParameters": outputs,
        "Arguments": {"model": "m", "pipeline": {"Get": "Execution.PipelineName"}},
    }
    no = {"Name": "No", "Type": "Fail", "Arguments": {"ErrorMessage": answer}}
    decide = {
        "Name": "Decide",
        "Type": "Condition",
        "Arguments": {"Conditions": [says], "IfSteps": [], "ElseSteps": [no]},
    }
    make(clary, "Approved", ask, decide)
    arn = clary.client("sagemaker").start_pipeline_execution(PipelineName="Approved")["PipelineExecutionArn"]
    received: list[Any] = []
    while not received:  # the test's own time ends a wait in vain
        received = clary.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=20).get("Messages", [])
    body = json.loads(received[0]["Body"])
    assert body["arguments"] == {"model": "m", "pipeline": "Approved"}
    clary.command("down", "--yes", "--now")
    clary.command("up", "--port", "0", "--detach")
    sagemaker = clary.client("sagemaker")
    assert steps(clary, arn)["Ask"]["StepStatus"] == "Executing"
    sagemaker.send_pipeline_execution_step_success(
        CallbackToken=body["token"], OutputParameters=[{"Name": "verdict", "Value": "certainly"}]
    )
    assert status(sagemaker, ended(clary, arn)) == "Succeeded"
    found = steps(clary, arn)
    answered = found["Ask"]["Metadata"]["Callback"]["OutputParameters"]
    assert answered == [{"Name": "verdict", "Value": "certainly"}]
    assert list(found) == ["Ask", "Decide"]


def test_every_kind_of_step_that_is_run_runs_in_one_pipeline(
    clary: Clary, environment: Environment, table: Path
) -> None:
    python = environment(DEMO_LOCK) / "python"
    said = clary.run(str(python), str(SCRIPTS / "v2_every_step.py"), str(table)).stdout
    assert 'asked {"rounds": 3, "words": ["is", {"it": "o-k"}]}' in said
    ended = dict(re.findall(r"^([\w-]+) Succeeded (\w+)$", said, re.M))
    assert ended == {
        "Process": "ProcessingJob",
        "Train": "TrainingJob",
        "Tune": "TuningJob",
        "Best-CreateModel": "Model",
        "Ask": "Callback",
        "Call": "Lambda",
        "Decide": "Condition",
        "Inner": "Condition",
        "Transform": "TransformJob",
        "Register-RegisterModel": "RegisterModel",
        "Configure": "EndpointConfig",
        "Serve": "Endpoint",
    }
    predicted = re.search(r"^predicts ([\d.]+)$", said, re.M)
    assert predicted, said
    assert 0 < float(predicted[1]) < 1
    (group,) = clary.client("sagemaker").list_model_packages(ModelPackageGroupName="Everything")[
        "ModelPackageSummaryList"
    ]
    assert group["ModelPackageVersion"] == 1
    clary.client("sagemaker").delete_endpoint(EndpointName="Everything")


def test_decorated_functions_are_steps_whose_answers_others_use(
    clary: Clary, environment: Environment, tmp_path: Path
) -> None:
    block = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)[-1]
    (tmp_path / "image.toml").write_text(block)
    (tmp_path / "requirements.txt").write_bytes(DEMO_LOCK.read_bytes())
    cli(
        [sys.executable, "-m", "clary.cli.main", "image", "build", str(tmp_path), "--home", str(clary.home)],
        check=True,
    )
    python = environment(DEMO_LOCK) / "python"
    said = clary.run(str(python), str(SCRIPTS / "v2_step_functions.py"), "steps").stdout
    assert "report: the largest is 50" in said
    assert "largest: 50" in said
