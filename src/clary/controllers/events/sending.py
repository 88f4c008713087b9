"""To a target: the call by which each kind is sent an event, as a role or by what its own policy allows.

Each call is made within the transaction that forgets the delivery, so that it is done once: what it writes
and that it was made are on disk together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from clary.controllers.means import Means, Trusts
from clary.core.arn import Arn
from clary.core.arn import parse as parse_arn
from clary.core.document import Document
from clary.core.errors import AccessDenied, ApiError
from clary.core.principal import Principal
from clary.engines.events import paths, targets
from clary.engines.scheduler import request
from clary.engines.scheduler import target as universal
from clary.engines.sqs.url import url_of
from clary.store.events.deliveries import Delivery

SERVICE = "events.amazonaws.com"
SCHEDULER = "scheduler.amazonaws.com"

LetsIn = Callable[[str, str, str, str], bool | None]
"""Whether a resource lets a service in: (resource ARN, action, service, ARN of who it acts for).

None says that the resource is not there."""


class Sender:
    """Sends what is on its way; a refusal is raised as the ApiError it is."""

    def __init__(self, means: Means, lets_in: LetsIn, trusts: Trusts) -> None:
        self._means, self._lets_in, self._trusts = means, lets_in, trusts

    def send(self, one: Delivery) -> None:
        """Hand one event to its target."""
        target = one.request["Target"]
        arn = parse_arn(target["Arn"])
        if (operation := universal.operation(target["Arn"])) is not None:
            self._call_as(one, target["RoleArn"], one.region, operation, _request(one, operation), {})
            return
        kind = targets.kind_of(target["Arn"])
        if arn is None or kind is None:
            raise ApiError(f"{target['Arn']} is no target.", code="NO_RESOURCE", status=400)
        _HOW[kind](self, one, target, arn)

    def dead_letter(self, one: Delivery, queue: str, error: ApiError, condition: str) -> None:
        """Put what could not be delivered into a queue that takes dead letters."""
        arn = parse_arn(queue)
        if arn is None:
            raise ApiError(f"{queue} is no queue.", code="NO_RESOURCE", status=400)
        told = {
            "SCHEDULE_ARN" if _is_schedule(one) else "RULE_ARN": one.source,
            "TARGET_ARN": one.request["Target"]["Arn"],
            "ERROR_CODE": error.code,
            "ERROR_MESSAGE": error.message,
            "RETRY_ATTEMPTS": str(one.tries),
            **({"EXHAUSTED_RETRY_CONDITION": condition} if condition else {}),
        }
        named = {name: {"DataType": "String", "StringValue": text or "-"} for name, text in told.items()}
        told_as = {"RoleArn": one.request["Target"]["RoleArn"]} if _is_schedule(one) else {}
        self._message(one, told_as, arn, _body(one), {"MessageAttributes": named})

    def _queue(self, one: Delivery, target: Document, arn: Arn) -> None:
        more: Document = {}
        if group := target.get("SqsParameters", {}).get("MessageGroupId"):
            more = {"MessageGroupId": group, "MessageDeduplicationId": one.token[:128]}
        self._message(one, target, arn, _body(one), more)

    def _message(self, one: Delivery, target: Document, arn: Arn, body: str, more: Document) -> None:
        url = url_of("sqs", arn.account, arn.resource)
        request = {"QueueUrl": url, "MessageBody": body, **more}
        self._call(one, target, arn, "sqs:SendMessage", request)

    def _topic(self, one: Delivery, target: Document, arn: Arn) -> None:
        request: Document = {"TopicArn": str(arn), "Message": _body(one)}
        if arn.resource.endswith(".fifo"):
            request |= {"MessageGroupId": one.source, "MessageDeduplicationId": one.token[:128]}
        self._call(one, target, arn, "sns:Publish", request)

    def _function(self, one: Delivery, target: Document, arn: Arn) -> None:
        function, _, qualifier = str(arn).partition(":function:")[2].partition(":")
        arn = Arn(arn.service, arn.region, arn.account, f"function:{function}")
        request: Document = {
            "FunctionName": str(arn),
            "InvocationType": "Event",
            "Payload": _body(one).encode(),
        }
        if qualifier:
            request["Qualifier"] = qualifier
        more = {"_Invocation": one.token}
        self._call(one, target, arn, "lambda:Invoke", request, more, action="lambda:InvokeFunction")

    def _pipeline(self, one: Delivery, target: Document, arn: Arn) -> None:
        given = target.get("SageMakerPipelineParameters", {}).get("PipelineParameterList", ())
        values = [{"Name": each["Name"], "Value": _dynamic(one, each["Value"])} for each in given]
        request: Document = {"PipelineName": str(arn), "ClientRequestToken": _request_token(one.token)}
        if values:
            request["PipelineParameters"] = values
        self._call(one, target, arn, "StartPipelineExecution", request)

    def _logs(self, one: Delivery, target: Document, arn: Arn) -> None:
        group = arn.resource.removeprefix("log-group:").removesuffix(":*")
        self._means.logs.group(arn.account, arn.region, group)  # an absent group raises
        at = int(one.due // 1000)
        stream = one.token[:36]
        place = {"logGroupName": group, "logStreamName": stream}
        try:
            self._call(one, target, arn, "logs:CreateLogStream", place)
        except ApiError as error:
            if error.code != "ResourceAlreadyExistsException":
                raise
        events = [{"timestamp": at, "message": _body(one)}]
        self._call(one, target, arn, "logs:PutLogEvents", {**place, "logEvents": events})

    def _bus(self, one: Delivery, target: Document, arn: Arn) -> None:
        if (own := target.get("EventBridgeParameters")) is not None:
            entry = {"EventBusName": str(arn), **own, "Detail": _body(one), "Resources": [one.source]}
            self._call(one, target, arn, "events:PutEvents", {"Entries": [entry]})
            return
        event = one.request["Event"]
        entry = {
            "EventBusName": str(arn),
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]),
            "Resources": event["resources"],
        }
        self._call(one, target, arn, "events:PutEvents", {"Entries": [entry]}, {"_Forwarded": event})

    def _call(
        self,
        one: Delivery,
        target: Document,
        arn: Arn,
        operation: str,
        request: Document,
        more: Document | None = None,
        *,
        action: str = "",
    ) -> None:
        if role := target.get("RoleArn"):
            self._call_as(one, role, arn.region, operation, request, more or {})
            return
        action = action or operation
        let = self._lets_in(str(arn), action, SERVICE, one.source)
        if let is None:
            raise ApiError(f"{arn} does not exist.", code="NO_RESOURCE", status=404)
        if not let:
            raise AccessDenied(
                f"The policy of {arn} does not allow {SERVICE} {action} for {one.source} (aws:SourceArn), "
                "and the target has no RoleArn.",
                code="NO_PERMISSIONS",
            )
        self._means.call(_bridge(one.account), arn.region, operation, request, more or {})

    def _call_as(
        self, one: Delivery, role: str, region: str, operation: str, request: Document, more: Document
    ) -> None:
        """Call as a role, if it still lets the service in that acts for a rule or schedule."""
        service = SCHEDULER if _is_schedule(one) else SERVICE
        if not self._trusts(role, service, _source(one)):
            words = f"The role {role} does not exist, or its trust policy does not let {service} in."
            raise AccessDenied(words, code="NO_PERMISSIONS")
        self._means.call_as(role, region, operation, request, more)


def _bridge(account: str) -> Principal:
    return Principal(account=account, arn=SERVICE, user_id=SERVICE, grants="")


def _is_schedule(one: Delivery) -> bool:
    return one.source.startswith("arn:aws:scheduler:")


def _source(one: Delivery) -> str:
    """Return the ARN that a role's trust policy may ask for: the rule's, or the group's of a schedule."""
    if not _is_schedule(one):
        return one.source
    group = one.source.rpartition(":schedule/")[2].partition("/")[0]
    return str(Arn("scheduler", one.region, one.account, f"schedule-group/{group}"))


def _body(one: Delivery) -> str:
    """Return what is sent; a schedule's target may ask how often it was tried."""
    text: str = one.request["Body"]
    return universal.body(text, {"attempt-number": str(one.tries + 1)}) if _is_schedule(one) else text


def _request(one: Delivery, operation: str) -> Document:
    """Return the request that a schedule makes by an operation's name."""
    try:
        return request.read(operation, _body(one))
    except request.RequestFault as fault:
        words = f"The request of {operation} is not valid: {fault}."
        raise ApiError(words, code="ValidationException", status=400) from fault


def _dynamic(one: Delivery, value: str) -> str:
    """Return a parameter's value, what it points to in the event where it is a path."""
    if _is_schedule(one):
        said = {"attempt-number": str(one.tries + 1), **one.request.get("Said", {})}
        return universal.body(value, said)
    if not value.startswith("$."):
        return value
    found = paths.find(value, one.request["Event"])
    if found is paths.NOTHING:
        return ""
    return found if isinstance(found, str) else json.dumps(found)


def _request_token(token: str) -> str:
    return token.ljust(32, "-")[:128]


_HOW: Mapping[str, Callable[[Sender, Delivery, Document, Arn], None]] = {
    targets.QUEUE: Sender._queue,
    targets.TOPIC: Sender._topic,
    targets.FUNCTION: Sender._function,
    targets.PIPELINE: Sender._pipeline,
    targets.LOGS: Sender._logs,
    targets.BUS: Sender._bus,
}
