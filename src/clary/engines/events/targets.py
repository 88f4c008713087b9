"""Targets: what kinds there are, and what is wrong with one that cannot be served."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from clary.core.arn import Arn
from clary.core.arn import parse as parse_arn
from clary.core.document import Document
from clary.engines.events import paths, transform

QUEUE, TOPIC, FUNCTION, LOGS, PIPELINE, BUS = "queue", "topic", "function", "log group", "pipeline", "bus"
KINDS = (
    "SageMaker pipelines, Lambda functions, SNS topics, SQS queues, log groups under /aws/events/ "
    "and event buses"
)
NEED_ROLE = (PIPELINE, BUS)
_INPUTS = ("Input", "InputPath", "InputTransformer")
_OWN = {
    "SqsParameters": QUEUE,
    "SageMakerPipelineParameters": PIPELINE,
}
_ELSEWHERE = (
    *("KinesisParameters", "RunCommandParameters", "EcsParameters", "BatchParameters", "HttpParameters"),
    *("RedshiftDataParameters", "AppSyncParameters"),
)
_FORMS: Mapping[str, tuple[str, re.Pattern[str]]] = {
    "sqs": (QUEUE, re.compile(r"[\w-]+(\.fifo)?")),
    "sns": (TOPIC, re.compile(r"[\w-]+(\.fifo)?")),
    "lambda": (FUNCTION, re.compile(r"function:[\w-]+(:[\w$-]+)?")),
    "logs": (LOGS, re.compile(r"log-group:/aws/events/[^:*]+(:\*)?")),
    "sagemaker": (PIPELINE, re.compile(r"pipeline/[\w-]+")),
    "events": (BUS, re.compile(r"event-bus/[\w./-]+")),
}


def kind_of(text: str) -> str | None:
    """Return what kind of target an ARN is, None where it is none that is served."""
    arn = parse_arn(text)
    if arn is None or arn.service not in _FORMS:
        return None
    kind, form = _FORMS[arn.service]
    return kind if form.fullmatch(arn.resource) else None


def fault(target: Document, account: str, region: str) -> str:
    """Return why a rule of an account cannot have a target; "" where it can."""
    arn, kind = parse_arn(target["Arn"]), kind_of(target["Arn"])
    if arn is None:
        return f"Provided Arn is not in correct format: {target['Arn']}."
    if kind is None:
        return f"Targets like {target['Arn']} are not served here; there are {KINDS}."
    if why := _elsewhere(arn, kind, account, region):
        return why
    dead = target.get("DeadLetterConfig", {}).get("Arn")
    return (
        _parameters_fault(target, arn, kind)
        or _input_fault(target)
        or (dead_letter_fault(dead, region) if dead else "")
    )


def dead_letter_fault(text: str, region: str) -> str:
    """Return why something cannot take dead letters; "" where it can."""
    arn = parse_arn(text)
    if arn is None or arn.service != "sqs" or kind_of(text) != QUEUE or arn.resource.endswith(".fifo"):
        return f"DeadLetterConfig must name a standard SQS queue by its ARN, not {text}."
    return "" if arn.region == region else f"The dead-letter queue {text} is of another region."


def _parameters_fault(target: Document, arn: Arn, kind: str) -> str:
    if kind in NEED_ROLE and not target.get("RoleArn"):
        return f"RoleArn is required for target {target['Arn']}."
    if kind == QUEUE and arn.resource.endswith(".fifo") != bool(target.get("SqsParameters")):
        return f"SqsParameters with a MessageGroupId are for FIFO queues, and needed there: {target['Arn']}."
    for member in target:
        if member in _ELSEWHERE or _OWN.get(member, kind) != kind:
            return f"{member} is not for a target like {target['Arn']}; leave it out."
    return ""


def _input_fault(target: Document) -> str:
    if len(given := [member for member in _INPUTS if member in target]) > 1:
        return f"Only one of {', '.join(_INPUTS)} must be provided for a target, not {' and '.join(given)}."
    if "Input" in target and not _is_json(target["Input"]):
        return f"JSON syntax error in input for target {target.get('Id', target['Arn'])}."
    if "InputPath" in target and (why := paths.fault(target["InputPath"])):
        return f"InputPath for target {target.get('Id', target['Arn'])} is not a path: {why}."
    if "InputTransformer" in target and (why := transform.fault(target["InputTransformer"])):
        return why
    return ""


def _elsewhere(arn: Arn, kind: str, account: str, region: str) -> str:
    if arn.account != account:
        return f"The {kind} {arn} is another account's; targets are in the account of their rule here."
    if arn.region != region and kind != BUS:
        return f"The {kind} {arn} is of another region than the rule."
    return ""


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
