"""kill -9 with asynchronous requests in flight: each that was accepted has one answer and one message."""

from __future__ import annotations

import contextlib
import json
import secrets
from typing import Any

import pytest
from tests.crash.sending import Send, Sender, storm
from tests.crash.site import Site
from tests.crash.test_endpoint_kills import archive, finish, settle
from tests.crash.test_publishing import emptied, subscribed
from tests.crash.test_training_kills import BUCKET, ROLE
from tests.crash.test_updates import until_in_service

pytestmark = pytest.mark.slow
AT_ONCE = 3
KILLS = 4
LEAST = 15  # requests that are accepted between two kills, however slow the machine


def create(site: Site, name: str, nonce: str, topic: str, **environment: str) -> None:
    site.client("s3").put_object(Bucket=BUCKET, Key=f"{name}/model.tar.gz", Body=archive(nonce))
    sagemaker = site.client("sagemaker")
    data = f"s3://{BUCKET}/{name}/model.tar.gz"
    container = {"Image": "held", "ModelDataUrl": data, "Environment": environment}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {
        "VariantName": "v",
        "ModelName": name,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    told = {"SuccessTopic": topic, "ErrorTopic": topic}
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[variant],
        AsyncInferenceConfig={
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": AT_ONCE},
            "OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/{name}/out", "NotificationConfig": told},
        },
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert settle(site, name)["EndpointStatus"] == "InService"


def heard(site: Site, name: str) -> tuple[str, str]:
    """Make a topic, and a queue that hears of it."""
    topic: str = site.client("sns").create_topic(Name=f"sagemaker-{name}")["TopicArn"]
    return topic, subscribed(site, topic, f"sagemaker-{name}")


def asked(site: Site) -> int:
    """Return how many requests the servers that there are now were asked."""
    return sum(asked_of(site, uid) for uid in site.runs("*"))


def asked_of(site: Site, uid: str) -> int:
    """Return how many requests one server was asked; none where it has yet to begin, or is gone."""
    with contextlib.suppress(FileNotFoundError):
        return site.job(uid).log.read_text().count("asked")
    return 0


def answers(site: Site, name: str) -> set[str]:
    """Return the keys of all answers that there are."""
    pages = site.client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{name}/out/")
    return {each["Key"] for page in pages for each in page.get("Contents", [])}


def checked(site: Site, name: str, nonce: str, sent: dict[str, Any], url: str) -> None:
    """Wait for the answer of every request, and check that there is one, and one message, for each."""
    wanted = {each["OutputLocation"].removeprefix(f"s3://{BUCKET}/") for each in sent.values()}

    def done() -> bool:
        site.open_gates()
        site.open_answers()
        return wanted <= answers(site, name)

    site.until(done, "every request is answered")
    s3 = site.client("s3")
    for body, told in sent.items():
        key = told["OutputLocation"].removeprefix(f"s3://{BUCKET}/")
        assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == f"{nonce} {body}".encode()
    messages = [json.loads(body) for body in emptied(site.client("sqs"), url)]
    heard_of = [each["inferenceId"] for each in messages]
    assert len(heard_of) == len(set(heard_of))
    assert {each["InferenceId"] for each in sent.values()} <= set(heard_of)
    assert {each["invocationStatus"] for each in messages} == {"Completed"}


@pytest.mark.parametrize("victim", ["gateway", "controller", "shim", "container"])
def test_every_request_has_one_answer_whichever_process_is_killed_over_it(site: Site, victim: str) -> None:
    name, nonce = f"async-{victim}", secrets.token_hex(8)
    topic, url = heard(site, name)
    create(site, name, nonce, topic, HELD_ANSWERS="1")
    runtime, sent = site.client("sagemaker-runtime"), {}
    for number in range(8):
        sent[f"r{number}"] = runtime.invoke_endpoint_async(EndpointName=name, Body=f"r{number}".encode())
    site.until(lambda: asked(site) >= AT_ONCE, "the host is asked")
    if victim in ("gateway", "controller"):
        site.kill(victim)
        site.up()
    else:
        (uid,) = site.runs("*")
        site.kill_run(uid, victim)
    checked(site, name, nonce, sent, url)
    finish(site, name)


def test_what_old_hosts_work_on_while_an_endpoint_is_updated_is_finished_by_them(site: Site) -> None:
    name, nonce = "async-update", secrets.token_hex(8)
    topic, url = heard(site, name)
    create(site, name, nonce, topic, HELD_ANSWERS="1")
    sagemaker, runtime, sent = site.client("sagemaker"), site.client("sagemaker-runtime"), {}
    for number in range(5):
        sent[f"r{number}"] = runtime.invoke_endpoint_async(EndpointName=name, Body=f"r{number}".encode())
    site.until(lambda: asked(site) >= AT_ONCE, "the host is asked")
    (old,) = site.runs("*")
    config = sagemaker.describe_endpoint_config(EndpointConfigName=name)
    sagemaker.create_endpoint_config(
        EndpointConfigName=f"{name}-2",
        ProductionVariants=config["ProductionVariants"],
        AsyncInferenceConfig=config["AsyncInferenceConfig"],
    )
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-2")

    def both_work() -> bool:
        site.open_gates()
        return asked(site) == len(sent)

    site.until(both_work, "the new host has what the old one has not")
    (new,) = {*site.runs("*")} - {old}
    assert asked_of(site, old) == AT_ONCE
    checked(site, name, nonce, sent, url)
    assert asked_of(site, new) == len(sent) - AT_ONCE
    site.until(lambda: old not in site.runs("*"), "the old host is removed")
    finish(site, name)


def test_an_endpoint_without_hosts_is_brought_back_by_its_backlog(site: Site) -> None:
    name, nonce = "async-zero", secrets.token_hex(8)
    topic, url = heard(site, name)
    create(site, name, nonce, topic)
    resource = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{name}/variant/v",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    site.client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "v", "DesiredInstanceCount": 0}]
    )
    site.until(lambda: not site.runs("*"), "there is no host")
    runtime, sent = site.client("sagemaker-runtime"), {}
    for number in range(5):
        sent[f"r{number}"] = runtime.invoke_endpoint_async(EndpointName=name, Body=f"r{number}".encode())
    site.kill("controller")
    site.up()
    assert not answers(site, name)
    site.client("application-autoscaling").register_scalable_target(**resource, MinCapacity=0, MaxCapacity=1)
    checked(site, name, nonce, sent, url)
    site.client("application-autoscaling").deregister_scalable_target(**resource)
    until_in_service(site, name)  # while it is scaled it cannot be deleted
    finish(site, name)


def test_what_is_accepted_while_both_processes_are_killed_again_and_again_is_answered(site: Site) -> None:
    name, nonce = "async-storm", secrets.token_hex(8)
    topic, url = heard(site, name)
    create(site, name, nonce, topic)

    def connect() -> Send:
        runtime = site.client("sagemaker-runtime", attempts=1)
        return lambda text: runtime.invoke_endpoint_async(EndpointName=name, Body=text.encode())

    victims = ["controller" if turn % 2 else "gateway" for turn in range(KILLS)]
    sent = storm(site, [Sender(f"c{number}", connect, 0.02) for number in range(3)], victims, LEAST)
    checked(site, name, nonce, sent, url)
    finish(site, name)
