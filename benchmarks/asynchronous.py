"""Asynchronous inference: requests of 200 bytes from 8 callers until each has its answer and its message.

Beside it, what one that comes alone takes from the call to its answer in S3.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.endpoint_create import train
from benchmarks.harness import BUCKET, IMAGE, ROLE, Clary, Figure, percentile, server, wait_for

REQUESTS, CALLERS, ALONE = 1_200, 8, 40
NAME, TOPIC = "bench-async", "sagemaker-bench"
BODY = (b"0.0,0.5,1.0,0.0,1.0,0.5,1.0,1,1\n" * 7)[:-1]
PATIENCE = 300  # seconds


def run() -> list[Figure]:
    """Measure what comes alone, then many together."""
    with server() as clary:
        topic, url = _topic(clary)
        _deploy(clary, topic)
        alone = [_alone(clary) for _ in range(ALONE)]
        _emptied(clary, url, ALONE)
        begun = time.perf_counter()
        with ThreadPoolExecutor(CALLERS) as pool:
            list(pool.map(lambda count: _send(clary, count), [REQUESTS // CALLERS] * CALLERS))
        accepted = time.perf_counter() - begun
        _emptied(clary, url, REQUESTS)
        answered = time.perf_counter() - begun
    return [
        Figure(
            name="asynchronous request alone to its answer, p50", value=percentile(alone, 50) * 1e3, unit="ms"
        ),
        Figure(name="  accepted from 8 callers", value=REQUESTS / accepted, unit="/s"),
        Figure(name="  answered, each with a message to a topic", value=REQUESTS / answered, unit="/s"),
    ]


def _deploy(clary: Clary, topic: str) -> None:
    sagemaker = clary.client("sagemaker")
    container = {"Image": IMAGE, "ModelDataUrl": train(clary)}
    sagemaker.create_model(ModelName=NAME, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    sagemaker.create_endpoint_config(
        EndpointConfigName=NAME,
        ProductionVariants=[
            {
                "VariantName": "v",
                "ModelName": NAME,
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
            }
        ],
        AsyncInferenceConfig={
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 8},
            "OutputConfig": {
                "S3OutputPath": f"s3://{BUCKET}/bench/answers",
                "NotificationConfig": {"SuccessTopic": topic},
            },
        },
    )
    sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
    wait_for(lambda: sagemaker.describe_endpoint(EndpointName=NAME)["EndpointStatus"] == "InService")


def _topic(clary: Clary) -> tuple[str, str]:
    """Make a topic and the queue that hears of it; return the topic's ARN and the queue's URL."""
    sns, sqs = clary.client("sns"), clary.client("sqs")
    topic = sns.create_topic(Name=TOPIC)["TopicArn"]
    arn = topic.replace(":sns:", ":sqs:")
    allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    url = sqs.create_queue(QueueName=TOPIC, Attributes={"Policy": policy})["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return topic, url


def _send(clary: Clary, count: int) -> None:
    runtime = clary.client("sagemaker-runtime")
    for _ in range(count):
        runtime.invoke_endpoint_async(EndpointName=NAME, Body=BODY, ContentType="text/csv")


def _alone(clary: Clary) -> float:
    """Return the seconds from a call to its answer in S3."""
    runtime, s3 = clary.client("sagemaker-runtime"), clary.client("s3")
    begun = time.perf_counter()
    told = runtime.invoke_endpoint_async(EndpointName=NAME, Body=BODY, ContentType="text/csv")
    bucket, _, key = told["OutputLocation"].removeprefix("s3://").partition("/")

    def there() -> bool:
        found: list[Any] = s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", [])
        return bool(found)

    wait_for(there)
    return time.perf_counter() - begun


def _emptied(clary: Clary, url: str, count: int) -> None:
    """Receive as many messages, and no more of them."""
    sqs, had, end = clary.client("sqs"), 0, time.monotonic() + PATIENCE
    while had < count:
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get(
            "Messages", []
        )
        had += len(found)
        if found:
            entries = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(found)]
            sqs.delete_message_batch(QueueUrl=url, Entries=entries)
        if time.monotonic() > end:
            raise RuntimeError(f"{had} of {count} messages")
