"""Each kind of step does what it says, once, and is told of as AWS tells of it."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from tests.conformance.iam.people import allow, role
from tests.operations.pipelines.life import ACCOUNT, REGION, ROLE
from tests.operations.pipelines.written import BUCKET, IMAGE, callback, fail, model, training

from clary.core.document import Document
from clary.resources.awslambda.invocation import LAMBDA_INVOCATION

if TYPE_CHECKING:
    from tests.operations.pipelines.life import Life


@pytest.fixture
def queue(life: Life) -> str:
    url: str = life.server.client("sqs").create_queue(QueueName=f"pipes-{uuid4().hex[:8]}")["QueueUrl"]
    return url


@pytest.fixture(scope="module")
def anything(life: Life) -> str:
    """A role that may do anything: the execution role may not send to queues, as on AWS."""
    return role(life.server, {"Service": "sagemaker.amazonaws.com"}, allow("*"))


def messages(life: Life, url: str) -> list[Document]:
    found = life.server.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [json.loads(each["Body"]) for each in found.get("Messages", [])]


def refused(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as refusal:
        call(**request)
    return str(refusal.value.response["Error"]["Code"])


def test_a_callback_sends_its_token_once_and_takes_the_first_answer(
    life: Life, queue: str, anything: str
) -> None:
    outputs = [
        {"OutputName": "rows", "OutputType": "Integer"},
        {"OutputName": "word", "OutputType": "String"},
    ]
    told = {
        "Std:Join": {
            "On": "-",
            "Values": [{"Get": f"Steps.Ask.OutputParameters['{n}']"} for n in ("rows", "word")],
        }
    }
    arn = life.run(
        callback("Ask", queue, {"file": "s3://a/b"}, OutputParameters=outputs),
        fail("End", told),
        role=anything,
    )
    [body] = messages(life, queue)
    assert (body["arguments"], body["pipelineExecutionArn"]) == ({"file": "s3://a/b"}, arn)
    step = life.steps(arn)["Ask"]
    assert step["StepStatus"] == "Executing"
    assert step["Metadata"]["Callback"] == {"CallbackToken": body["token"], "SqsQueueUrl": queue}
    life.wake(arn)
    life.go_on(arn)
    assert messages(life, queue) == []
    given = [{"Name": "rows", "Value": "3"}, {"Name": "word", "Value": "w"}]
    answer = {"CallbackToken": body["token"], "OutputParameters": given, "ClientRequestToken": uuid4().hex}
    succeed = life.sagemaker.send_pipeline_execution_step_success
    for _ in range(2):
        assert succeed(**answer)["PipelineExecutionArn"] == arn
    assert refused(succeed, **{**answer, "ClientRequestToken": uuid4().hex}) == "ConflictException"
    assert "End: 3-w" in life.go_on(arn)["FailureReason"]
    assert life.steps(arn)["Ask"]["Metadata"]["Callback"]["OutputParameters"] == given
    assert refused(succeed, CallbackToken="a" * 10) == "ResourceNotFound"


def test_a_callback_may_fail_its_step_with_a_reason(life: Life, queue: str, anything: str) -> None:
    arn = life.run(callback("Ask", queue, {}), role=anything)
    [body] = messages(life, queue)
    life.sagemaker.send_pipeline_execution_step_failure(
        CallbackToken=body["token"], FailureReason="nobody there"
    )
    assert "Ask: nobody there" in life.go_on(arn)["FailureReason"]


def test_a_stopping_execution_waits_for_its_callback(life: Life, queue: str, anything: str) -> None:
    arn = life.run(callback("Ask", queue, {}), training("Next", DependsOn=["Ask"]), role=anything)
    [body] = messages(life, queue)
    life.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert life.go_on(arn)["PipelineExecutionStatus"] == "Stopping"
    [stopping] = messages(life, queue)
    assert (stopping["token"], stopping["Status"]) == (body["token"], "Stopping")
    life.sagemaker.send_pipeline_execution_step_success(CallbackToken=body["token"])
    assert life.go_on(arn)["PipelineExecutionStatus"] == "Stopped"
    assert list(life.steps(arn)) == ["Ask"]


def test_a_queue_that_the_role_may_not_send_to_fails_the_step(life: Life) -> None:
    arn = life.run(callback("Ask", f"http://localhost/{ACCOUNT}/absent", {}))
    told = life.described(arn)
    assert told["PipelineExecutionStatus"] == "Failed"
    assert "Ask: ClientError:" in told["FailureReason"]


def test_a_model_is_registered_once_in_a_group_that_is_made(life: Life) -> None:
    group = f"group-{uuid4().hex[:8]}"
    life.server.client("s3").put_object(Bucket=BUCKET, Key=f"{group}/model.tar.gz", Body=b"x")
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/{group}/model.tar.gz"}
    formats = ["text/csv"]
    specification = {
        "Containers": [container],
        "SupportedContentTypes": formats,
        "SupportedResponseMIMETypes": formats,
    }
    register = {
        "Name": "Register",
        "Type": "RegisterModel",
        "Arguments": {"ModelPackageGroupName": group, "InferenceSpecification": specification},
    }
    named = {"Get": "Steps.Register.ModelPackageArn"}
    arn = life.run(register, fail("End", named))
    package = life.steps(arn)["Register"]["Metadata"]["RegisterModel"]["Arn"]
    assert package.endswith(f":model-package/{group}/1")
    assert f"End: {package}" in life.described(arn)["FailureReason"]
    listed = life.sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    assert [each["ModelPackageArn"] for each in listed] == [package]


def test_an_endpoint_is_made_of_a_model_and_waited_for(life: Life) -> None:
    mark = uuid4().hex[:8]
    life.server.client("s3").put_object(Bucket=BUCKET, Key=f"{mark}/model.tar.gz", Body=b"x")
    variant = {
        "VariantName": "v",
        "ModelName": {"Get": "Steps.Model.ModelName"},
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/{mark}/model.tar.gz"}
    arguments = {"PrimaryContainer": container, "ExecutionRoleArn": ROLE}
    config = {"Get": "Steps.Config.EndpointConfigName"}
    arn = life.run(
        {"Name": "Model", "Type": "Model", "Arguments": arguments},
        {"Name": "Config", "Type": "EndpointConfig", "Arguments": {"ProductionVariants": [variant]}},
        {
            "Name": "Serve",
            "Type": "Endpoint",
            "Arguments": {"EndpointName": f"serve-{mark}", "EndpointConfigName": config},
        },
    )
    assert life.statuses(arn) == {"Model": "Succeeded", "Config": "Succeeded", "Serve": "Executing"}
    assert life.end(arn, "Serve", "InService")["PipelineExecutionStatus"] == "Succeeded"
    assert life.steps(arn)["Serve"]["Metadata"]["Endpoint"]["Arn"].endswith(f":endpoint/serve-{mark}")


def test_a_tuning_step_knows_its_best_training_job(life: Life) -> None:
    ranges = {"ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.1", "MaxValue": "0.5"}]}
    job = training("x")["Arguments"]
    tuning = {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:rmse"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": ranges,
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": job["AlgorithmSpecification"],
            "StaticHyperParameters": {"objective": "reg:squarederror", "num_round": "2"},
            **{
                name: job[name]
                for name in ("RoleArn", "OutputDataConfig", "ResourceConfig", "StoppingCondition")
            },
        },
    }
    best = {"Get": "Steps.Tune.BestTrainingJob.TrainingJobName"}
    arn = life.run({"Name": "Tune", "Type": "Tuning", "Arguments": tuning}, fail("End", best))
    name = life.made(arn, "Tune").name
    assert len(name) <= 32
    assert name.startswith(f"{arn.rpartition('/')[2]}-Tune-")
    life.end(arn, "Tune", BestTrainingJob={"TrainingJobName": "the-best"})
    assert "End: the-best" in life.described(arn)["FailureReason"]


@pytest.fixture(scope="module")
def function(life: Life) -> str:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("app.py", "def handle(event, context):\n    return {}\n")
    made = life.server.client("lambda").create_function(
        FunctionName=f"pipes-{uuid4().hex[:8]}",
        Runtime="python3.12",
        Role=role(life.server, {"Service": "lambda.amazonaws.com"}),
        Handler="app.handle",
        Code={"ZipFile": archive.getvalue()},
    )
    return str(made["FunctionArn"])


def calling(function: str) -> dict[str, Any]:
    return {
        "Name": "Call",
        "Type": "Lambda",
        "FunctionArn": function,
        "Arguments": {"n": 3},
        "OutputParameters": [{"OutputName": "square", "OutputType": "Integer"}],
    }


def answered(life: Life, arn: str, answer: str) -> Document:
    """Let the function of a step answer, and return its invocation."""
    invocation = life.records.find(LAMBDA_INVOCATION, life.record(arn, "Call").doc["_Invocation"])
    assert invocation is not None
    life.records.update(invocation, {"Status": "Succeeded", "_Answer": answer})
    life.wake(arn)
    life.go_on(arn)
    return invocation.doc


def test_a_function_is_invoked_once_and_its_answer_gives_the_outputs(
    life: Life, anything: str, function: str
) -> None:
    ending = fail("End", {"Get": "Steps.Call.OutputParameters['square']"})
    arn = life.run(calling(function), ending, role=anything)
    invocation = answered(life, arn, json.dumps({"square": 9}))
    assert json.loads(invocation["_Payload"]) == {"n": 3}
    assert "End: 9" in life.described(arn)["FailureReason"]
    told = {"Arn": function, "OutputParameters": [{"Name": "square", "Value": "9"}]}
    assert life.steps(arn)["Call"]["Metadata"] == {"Lambda": told}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ('{"square": NaN}', "nan is no number of JSON"),
        ('{"square": "\\ud83d"}', "half of a surrogate pair"),
        ("[" * 100_000, "gives no outputs"),
        ('{"square": ' + "9" * 5000 + "}", "gives no outputs"),
        ("[]", "The answer has no square"),
    ],
)
def test_an_answer_that_cannot_be_kept_fails_the_step(
    life: Life, anything: str, function: str, answer: str, why: str
) -> None:
    arn = life.run(calling(function), role=anything)
    answered(life, arn, answer)
    assert why in life.steps(arn)["Call"]["FailureReason"]


def test_what_a_role_may_not_do_its_step_may_not_either(life: Life) -> None:
    iam, name = life.server.client("iam"), f"weak-{uuid4().hex[:8]}"
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "sagemaker.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    weak = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    arn = life.run(training("One"), role=weak)
    reason = life.described(arn)["FailureReason"]
    assert f"{name}/SageMaker is not authorized to perform: sagemaker:CreateTrainingJob" in reason


def test_an_experiment_is_made_where_the_definition_names_one(life: Life) -> None:
    named = {
        "ExperimentName": {"Get": "Execution.PipelineName"},
        "TrialName": {"Get": "Execution.PipelineExecutionId"},
    }
    name = f"life-{uuid4().hex[:10]}"
    text = life.definition(training("One"), PipelineExperimentConfig=named)
    life.sagemaker.create_pipeline(PipelineName=name, RoleArn=ROLE, PipelineDefinition=text)
    arn = life.start(name)
    life.go_on(arn)
    trial = arn.rpartition("/")[2]
    config = {"ExperimentName": name, "TrialName": trial}
    assert life.described(arn)["PipelineExperimentConfig"] == config
    listed = life.sagemaker.list_trials(ExperimentName=name)["TrialSummaries"]
    assert [each["TrialName"] for each in listed] == [trial]
    job = life.sagemaker.describe_training_job(TrainingJobName=life.made(arn, "One").name)
    assert job["ExperimentConfig"] == {**config, "TrialComponentDisplayName": "One"}
    again = life.start(name)
    assert life.go_on(again)["PipelineExecutionStatus"] == "Executing"


def test_a_model_of_a_job_that_made_none_is_not_made(life: Life) -> None:
    arn = life.run(training("One"), model("Keep", "One"))
    life.end(arn, "One")
    assert "Keep" in life.described(arn)["FailureReason"]
    assert REGION in arn


def test_a_job_tells_its_execution_though_the_role_may_not_tag(life: Life) -> None:
    actions = ["sagemaker:CreateTrainingJob", "sagemaker:DescribeTrainingJob", "iam:PassRole"]
    may = role(life.server, {"Service": "sagemaker.amazonaws.com"}, allow(actions))
    arn = life.run(training("One"), role=may)
    said = life.sagemaker.list_tags(ResourceArn=life.made(arn, "One").arn)["Tags"]
    assert said == [{"Key": "sagemaker:pipeline-execution-arn", "Value": arn}]
    own = {"Key": "team", "Value": "a"}
    step = training("Two")
    step["Arguments"]["Tags"] = [own]
    refused = life.run(step, role=may)
    assert "sagemaker:AddTags" in life.described(refused)["FailureReason"]
    tagged = life.sagemaker.list_tags(ResourceArn=life.made(life.run(step), "Two").arn)["Tags"]
    assert tagged[0] == own and tagged[1]["Key"] == "sagemaker:pipeline-execution-arn"
