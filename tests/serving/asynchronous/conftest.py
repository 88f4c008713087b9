"""Asynchronous endpoints over model servers of the test's own, and the driver that works their queues off."""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from tests.serving.test_router import Model

from clary.app import allowed_by
from clary.core.clock import Clock
from clary.core.document import Document
from clary.gateway.audit import Audit
from clary.gateway.inside import Inside
from clary.resources.inference.endpoint import ENDPOINT
from clary.runtime.attendance import Attendance
from clary.serving.asynchronous.doors import Doors
from clary.serving.asynchronous.driver import Driver
from clary.serving.asynchronous.measures import Measures
from clary.serving.asynchronous.publishing import publishing
from clary.store.invocations.queue import Invocations

if TYPE_CHECKING:
    from tests.conftest import Server

BUCKET = "sagemaker-us-east-1-000000000000"
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
Seen = TypeVar("Seen")


class Site:
    """A gateway, and a driver that runs while the test says so."""

    def __init__(self, server: Server, directory: Path) -> None:
        self.server, self.directory = server, directory
        self.s3, self.runtime = server.client("s3"), server.client("sagemaker-runtime")

    def serve(
        self, name: str, *hosts: Model | Path, role: str = ROLE, most: int = 4, **output: object
    ) -> None:
        """Make an endpoint in service whose hosts are these."""
        config: Document = {
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": most},
            "OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/{name}/out/", **output},
        }
        serving = {"AsyncInferenceConfig": config, "Variants": [{"VariantName": "v", "Role": role}]}
        doc = {"EndpointName": name, "EndpointStatus": "InService", "_Wanted": serving, "_Serving": serving}
        self.server.stores.records.scoped("000000000000", "us-east-1").create(ENDPOINT, doc)
        self.host(name, *hosts)

    def host(self, name: str, *hosts: Model | Path) -> None:
        """Give an endpoint other hosts."""
        records = self.server.stores.records.scoped("000000000000", "us-east-1")
        record = records.find(ENDPOINT, name)
        assert record is not None
        paths = [each.path if isinstance(each, Model) else each for each in hosts]
        told = [
            {"Variant": "v", "Weight": 1.0, "Socket": str(path), "Uid": f"{name}-{path.stem}"}
            for path in paths
        ]
        records.update(record, {"_Hosts": told})

    def send(self, name: str, body: bytes = b"1,2", **members: object) -> Any:
        """Put an input and ask for it to be worked off."""
        key = f"{name}/in/{time.monotonic_ns()}"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body, ContentType="text/csv")
        return self.runtime.invoke_endpoint_async(
            EndpointName=name, InputLocation=f"s3://{BUCKET}/{key}", **members
        )

    def read(self, uri: str) -> bytes | None:
        """Return an object, if it is there."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        found = self.server.stores.objects.find(bucket, key)
        return found.path.read_bytes() if found else None

    def answer(self, sent: Any, member: str = "OutputLocation") -> bytes:
        """Wait for the answer of a request, or for what is kept of its failure."""
        return until(lambda: self.read(sent[member]), f"there is {sent[member]}")

    def doors(self, owner: str, clock: Clock | None = None) -> Doors:
        """Return what a driver needs."""
        stores, parts = self.server.stores, self.server.parts
        inside = Inside(
            settings=parts.settings,
            clock=parts.clock,
            records=stores.records,
            objects=stores.objects,
            logs=stores.logs,
            metrics=stores.metrics,
            audit=Audit(self.directory / "audit.jsonl"),
            credentials=stores.credentials,
            authoriser=stores.authoriser,
        )

        def call(role: str, region: str, operation: str, request: Document) -> Document:
            principal = stores.credentials.role_principal(role, "SageMaker")
            return inside.call(principal, region, operation, request, {})

        return Doors(
            records=stores.records,
            objects=stores.objects,
            logs=stores.logs,
            invocations=Invocations(stores.database, owner),
            measures=Measures(stores.metrics),
            clock=clock or parts.clock,
            allowed=allowed_by(stores),
            attendance=Attendance(self.server.home),
            publish=publishing(call),
        )

    @contextmanager
    def driven(self, owner: str = "driver", clock: Clock | None = None) -> Iterator[None]:
        """Let a driver work meanwhile."""
        stop = threading.Event()
        driver = Driver(self.doors(owner, clock))
        thread = threading.Thread(target=driver.run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(30)

    def topic(self, name: str) -> tuple[str, Callable[[], list[Any]]]:
        """Make a topic; return its ARN, and what tells the messages that came since the last time."""
        sns, sqs = self.server.client("sns"), self.server.client("sqs")
        name = f"sagemaker-{name}"  # what AmazonSageMakerFullAccess lets a role publish to
        topic = sns.create_topic(Name=name)["TopicArn"]
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})

        def messages() -> list[Any]:
            found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            for each in found:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
            return [json.loads(each["Body"]) for each in found]

        return topic, messages


def until(look: Callable[[], Seen | None], what: str, patience: float = 90) -> Seen:
    """Look until there is something to see."""
    end = time.monotonic() + patience
    while (seen := look()) is None:
        assert time.monotonic() < end, what
        select.select([], [], [], 0.005)
    return seen


@pytest.fixture
def site(server: Server, tmp_path: Path) -> Site:
    return Site(server, tmp_path)


def unused(path: Path) -> Path:
    """Return the path of a socket at which nobody listens."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.close()
    return path
