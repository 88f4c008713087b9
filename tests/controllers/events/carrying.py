"""A courier of the session's server, and queues that events may go to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.controllers.doubles import StagedRuntime

from clary.app import allowed_by
from clary.controllers.events.courier import Courier
from clary.controllers.events.sending import Sender
from clary.controllers.means import Means
from clary.gateway.inside import Inside
from clary.operations.permissions.by_service import letting_in
from clary.operations.sts.trust import trusting

if TYPE_CHECKING:
    from tests.conftest import Server

ACCOUNT, REGION = "000000000000", "us-east-1"


def means(server: Server) -> Means:
    """Return what controllers of the session's server have at hand."""
    stores, parts = server.stores, server.parts
    inside = Inside(
        settings=parts.settings,
        clock=parts.clock,
        records=stores.records,
        objects=stores.objects,
        logs=stores.logs,
        metrics=stores.metrics,
        audit=parts.audit,
        credentials=stores.credentials,
        authoriser=stores.authoriser,
    )
    return Means(
        runtime=StagedRuntime(server.home.root / "staged"),
        records=stores.records,
        objects=stores.objects,
        logs=stores.logs,
        metrics=stores.metrics,
        settings=parts.settings,
        token=stores.credentials.run_token,
        allowed=allowed_by(stores),
        call=inside.call,
        call_as=inside.call_as,
    )


def courier(server: Server) -> Courier:
    """Return a courier that has seen nothing yet."""
    records = server.stores.records
    sender = Sender(means(server), letting_in(records), trusting(records))
    return Courier(records, server.stores.metrics, server.parts.clock, sender)


def queue(server: Server, name: str = "", *, source: str = "*", **attributes: str) -> tuple[str, str]:
    """Make a queue that takes the events of a rule; return its ARN and its URL."""
    name = name or f"events-{uuid4().hex}"
    sqs = server.client("sqs")
    url: str = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnLike": {"aws:SourceArn": source}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return arn, url


def received(server: Server, url: str) -> list[Any]:
    """Take everything out of a queue and return it as JSON."""
    sqs, found = server.client("sqs"), []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def rule(server: Server, pattern: object, *targets: dict[str, Any], **more: Any) -> str:
    """Put a rule with targets; return its name."""
    name = more.pop("Name", f"rule-{uuid4().hex}")
    events = server.client("events")
    events.put_rule(Name=name, EventPattern=json.dumps(pattern), **more)
    if targets:
        listed = [{"Id": str(number), **target} for number, target in enumerate(targets)]
        bus = {"EventBusName": more["EventBusName"]} if "EventBusName" in more else {}
        events.put_targets(Rule=name, Targets=listed, **bus)
    return str(name)
