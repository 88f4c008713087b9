"""SQS: requests name queues by URL, of any account; only lists are of no queue in particular."""

from __future__ import annotations

from clary.core.arn import Arn
from clary.core.document import Document
from clary.engines.sqs.url import named
from clary.operations.permissions.need import Need
from clary.operations.permissions.table import actions_of
from clary.store.records import Records


def needs(operation: str, request: Document, records: Records) -> list[Need]:
    """Return every permission a call needs."""
    if operation == "ListQueues":
        return [Need("sqs:ListQueues", "*")]
    queue = _queue(request, records)
    wanted = [Need(f"sqs:{action}", queue) for action in actions_of("sqs", operation)]
    if operation == "CreateQueue" and request.get("tags"):
        wanted.append(Need("sqs:TagQueue", queue))
    return wanted


def _queue(request: Document, records: Records) -> str:
    """Return the ARN of the queue a request is about; what it does not say is `*`."""
    if isinstance(arn := request.get("SourceArn"), str):
        return arn
    account, name = records.account, request.get("QueueName") or "*"
    if "QueueUrl" in request:
        account, name = named(str(request["QueueUrl"])) or (account, "*")
    return str(Arn("sqs", records.region, request.get("QueueOwnerAWSAccountId") or account, str(name)))
