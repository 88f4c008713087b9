"""Pipelines that run: their steps make what they say, in order, and each says how it ended."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.crash.pipelined import Pipelined, condition, fail, model, training
from tests.crash.site import Site
from tests.operations.pipelines.written import BUCKET, callback

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SERVICE = {"Service": "sagemaker.amazonaws.com"}
LOSS = {"Get": "Steps.Train.FinalMetricDataList[0].Value"}


@pytest.fixture(scope="module")
def pipelined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipelined]:
    site = Site(tmp_path_factory.mktemp("pipelines"))
    try:
        yield Pipelined(site)
    finally:
        site.down()


def test_a_model_is_made_of_what_was_trained_where_the_condition_holds(pipelined: Pipelined) -> None:
    parameters = [{"Name": "Most", "Type": "Float", "DefaultValue": 0.6}]
    steps = [
        training("Train"),
        condition(
            "Good",
            LOSS,
            {"Get": "Parameters.Most"},
            then=[model("Keep", "Train")],
            otherwise=[fail("Bad", {"Std:Join": {"On": " ", "Values": ["loss is", LOSS]}})],
        ),
    ]
    arn = pipelined.start("branches", *steps, parameters=parameters)
    told = pipelined.ended(arn)
    assert told["PipelineExecutionStatus"] == "Succeeded", told
    found = pipelined.steps(arn)
    assert {name: step["StepStatus"] for name, step in found.items()} == {
        "Train": "Succeeded",
        "Good": "Succeeded",
        "Keep": "Succeeded",
    }
    assert found["Good"]["Metadata"] == {"Condition": {"Outcome": "True"}}
    name = found["Keep"]["Metadata"]["Model"]["Arn"].rpartition("/")[2]
    made = pipelined.sagemaker.describe_model(ModelName=name)
    job = found["Train"]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    assert made["PrimaryContainer"]["ModelDataUrl"] == f"s3://{BUCKET}/out/{job}/output/model.tar.gz"

    started = pipelined.sagemaker.start_pipeline_execution(
        PipelineName="branches", PipelineParameters=[{"Name": "Most", "Value": "0.1"}]
    )["PipelineExecutionArn"]
    told = pipelined.ended(started)
    assert told["PipelineExecutionStatus"] == "Failed"
    assert "Bad: loss is 0.5" in told["FailureReason"]
    found = pipelined.steps(started)
    assert found["Bad"]["Metadata"] == {"Fail": {"ErrorMessage": "loss is 0.5"}}
    assert "Keep" not in found


def test_a_callback_waits_while_the_server_is_restarted(pipelined: Pipelined) -> None:
    site = pipelined.site
    iam, sqs = site.client("iam"), site.client("sqs")
    trust, allow = (
        json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each}]})
        for each in (
            {"Principal": SERVICE, "Action": "sts:AssumeRole"},
            {"Action": "sqs:SendMessage", "Resource": "*"},
        )
    )
    role = iam.create_role(RoleName="asker", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName="asker", PolicyName="send", PolicyDocument=allow)
    queue = sqs.create_queue(QueueName="waits")["QueueUrl"]
    output = [{"OutputName": "answer", "OutputType": "String"}]
    told = {"Get": "Steps.Ask.OutputParameters['answer']"}
    steps = [callback("Ask", queue, {}, OutputParameters=output), fail("End", told)]
    arn = pipelined.start("waits", *steps, RoleArn=role)
    pipelined.step(arn, "Ask", "Executing")
    [message] = sqs.receive_message(QueueUrl=queue)["Messages"]
    for name in ("controller", "gateway"):
        site.kill(name)
    site.up()
    pipelined.sagemaker.send_pipeline_execution_step_success(
        CallbackToken=json.loads(message["Body"])["token"],
        OutputParameters=[{"Name": "answer", "Value": "42"}],
    )
    assert "End: 42" in pipelined.ended(arn)["FailureReason"]
