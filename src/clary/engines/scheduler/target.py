"""What a schedule may call: the targets of rules but logs, and operations of some services by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from clary.core.arn import parse as parse_arn
from clary.core.document import Document
from clary.engines.events import targets
from clary.engines.events.targets import BUS, FUNCTION, PIPELINE, QUEUE, TOPIC, dead_letter_fault
from clary.engines.scheduler import request

_TEMPLATED = (BUS, FUNCTION, PIPELINE, QUEUE, TOPIC)
_CALLED = ("sagemaker", "sqs", "sns", "lambda", "events")
_UNIVERSAL = re.compile(r"arn:aws:scheduler:::aws-sdk:([a-z0-9]+):([a-z]\w*)")
_READS = re.compile(
    r"(get|describe|list|poll|receive|search|scan|query|select|read|lookup|discover|validate)"
)
_SAMPLE = {
    "schedule-arn": "arn:aws:scheduler:us-east-1:000000000000:schedule/default/sample",
    "scheduled-time": "2026-01-01T00:00:00Z",
    "execution-id": "00000000-0000-0000-0000-000000000000",
    "attempt-number": "1",
}
_OWN = {
    "SqsParameters": QUEUE,
    "SageMakerPipelineParameters": PIPELINE,
    "EventBridgeParameters": BUS,
}
_ABSENT = (
    *("EcsParameters", "KinesisParameters"),
    *("EventBridgePutEventsV2Parameters", "EventBridgePutRawEventsParameters"),
)


def operation(text: str) -> str | None:
    """Return the operation that a universal target names, as policies spell it; None where it is none."""
    match = _UNIVERSAL.fullmatch(text)
    return None if match is None else f"{match[1]}:{match[2][0].upper()}{match[2][1:]}"


def fault(target: Document, account: str, region: str) -> str:
    """Return why a schedule of an account cannot have a target; "" where it can."""
    text = target["Arn"]
    if (match := _UNIVERSAL.fullmatch(text)) is not None:
        return _universal_fault(target, match[1], match[2]) or _dead(target, region)
    arn, kind = parse_arn(text), targets.kind_of(text)
    if arn is None or kind not in _TEMPLATED:
        known = "SageMaker pipelines, Lambda functions, SNS topics, SQS queues and event buses"
        return (
            f"Targets like {text} are not served here; there are {known}, and "
            f"arn:aws:scheduler:::aws-sdk:<service>:<operation> for {', '.join(_CALLED)}."
        )
    if arn.account != account:
        return f"{text} is another account's; a schedule calls what is in its own here."
    for member in target:
        if member in _ABSENT or _OWN.get(member, kind) != kind:
            return f"{member} is not for a target like {text}; leave it out."
    if kind == BUS and "EventBridgeParameters" not in target:
        return f"EventBridgeParameters are needed for the target {text}."
    if kind == QUEUE and arn.resource.endswith(".fifo") != bool(target.get("SqsParameters")):
        return f"SqsParameters with a MessageGroupId are for FIFO queues, and needed there: {text}."
    return _dead(target, region)


def body(text: str, said: Mapping[str, str]) -> str:
    """Return a target's Input with what it asks: `<aws.scheduler.scheduled-time>` and others."""
    return re.sub(r"<aws\.scheduler\.([a-z-]+)>", lambda match: said.get(match[1], match[0]), text)


def _universal_fault(target: Document, service: str, action: str) -> str:
    if service not in _CALLED:
        return f"Operations of {service} cannot be called from here; those of {', '.join(_CALLED)} can."
    if _READS.match(action):
        return f"{action} only reads; a schedule calls what does something."
    try:
        request.read(f"{service}:{action[0].upper()}{action[1:]}", body(target.get("Input", "{}"), _SAMPLE))
    except request.RequestFault as fault:
        return f"Invalid RequestJson provided for {target['Arn']}. Reason: {fault}."
    return ""


def _dead(target: Document, region: str) -> str:
    queue = target.get("DeadLetterConfig", {}).get("Arn")
    return dead_letter_fault(queue, region) if queue else ""
