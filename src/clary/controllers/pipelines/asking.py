"""Steps that ask somebody and wait for the answer: callbacks by a queue, and functions."""

from __future__ import annotations

import json
import math

from clary.controllers.means import Means
from clary.controllers.pipelines.naming import mark, token
from clary.controllers.pipelines.step import Begin, End
from clary.core.document import Document
from clary.engines.pipelines.declared import StepDefinition
from clary.engines.pipelines.faults import Unresolved
from clary.engines.pipelines.sizes import checked
from clary.resources.awslambda.invocation import LAMBDA_INVOCATION
from clary.resources.pipelines.pipeline_callback import PIPELINE_CALLBACK
from clary.store.records import Record

_LONGEST = 8 << 20  # characters; a function answers 6 MiB at most


def begin(means: Means, step: Record, role: str, definition: StepDefinition, asked: Begin) -> Document:
    """Ask; return what the step remembers of it, in the same transaction."""
    if definition.type == "Lambda":
        begun = _invoke(means, step, role, asked)
    else:
        begun = _call_back(means, step, role, asked)
    return {**begun, "_Returns": list(definition.outputs)}


def standing(means: Means, step: Record) -> End | None:
    """Return how the attempt ended by what was answered; None while nothing was."""
    if step.doc["_Type"] == "Lambda":
        return _invoked(means, step)
    answer = step.doc.get("_Answered")
    if answer is None:
        return None
    if answer["Status"] == "Failed":
        reason = answer.get("FailureReason") or "The callback step failed, and nobody said why."
        return End(status="Failed", reason=reason, final=True)
    given = {each["Name"]: each["Value"] for each in answer.get("OutputParameters", ())}
    return _succeeded(step, "Callback", given)


def stop(means: Means, step: Record, role: str) -> None:
    """Tell whoever is asked, once, that the execution stops; the step waits for an answer all the same."""
    callback = step.doc["Metadata"]["Callback"]
    with means.records.database.write():
        _send(means, step, role, callback["SqsQueueUrl"], callback["CallbackToken"], {}, "Stopping")
        means.records.update(step, {"_Told": True})


def _call_back(means: Means, step: Record, role: str, asked: Begin) -> Document:
    """Send the message and remember whose token it has."""
    letters = mark(step.uid, step.doc["AttemptCount"])
    url = asked.more["SqsQueueUrl"]
    named = {name: step.doc[name] for name in ("PipelineName", "PipelineExecutionId")}
    records = means.records.scoped(step.account, step.region)
    records.create(PIPELINE_CALLBACK, {**named, "CallbackToken": letters, "_Step": step.uid})
    _send(means, step, role, url, letters, asked.arguments, "Executing")
    callback = {"CallbackToken": letters, "SqsQueueUrl": url}
    return {"Metadata": {"Callback": callback}}


def _send(
    means: Means, step: Record, role: str, url: str, letters: str, arguments: Document, status: str
) -> None:
    """Send a message in the form that pipelines send: evidence/pipeline-executions.md"""
    body = {
        "token": letters,
        "pipelineExecutionArn": step.doc["PipelineExecutionArn"],
        "stepName": step.doc["StepName"],
        "arguments": arguments,
        "status": status,
        "Status": status,
    }
    request = {"QueueUrl": url, "MessageBody": json.dumps(body)}
    means.call_as(role, step.region, "sqs:SendMessage", request, {})


def _invoke(means: Means, step: Record, role: str, asked: Begin) -> Document:
    letters, function = token(step.uid, step.doc["AttemptCount"]), asked.more["FunctionArn"]
    payload = json.dumps(asked.arguments).encode()
    request = {"FunctionName": function, "InvocationType": "Event", "Payload": payload}
    more = {"_Parent": step.uid, "_Invocation": letters}
    means.call_as(role, step.region, "lambda:Invoke", request, more)
    return {"_Invocation": letters, "Metadata": {"Lambda": {"Arn": function}}}


def _invoked(means: Means, step: Record) -> End | None:
    records = means.records.scoped(step.account, step.region)
    found = records.find(LAMBDA_INVOCATION, step.doc["_Invocation"])
    if found is None:
        return End(status="Failed", reason="The invocation of the function is gone.")
    if found.status == "Failed":
        return End(status="Failed", reason=str(found.doc.get("FailureReason", found.doc.get("_Answer"))))
    if found.status != "Succeeded":
        return None
    wanted = bool(step.doc.get("_Returns"))
    try:
        answer = checked(json.loads(found.doc.get("_Answer") or "null"), "The function's answer", _LONGEST)
    except (ValueError, RecursionError, Unresolved) as fault:
        if wanted:
            reason = f"ClientError: The function's answer gives no outputs: {fault}"
            return End(status="Failed", reason=reason, final=True)
        answer = None
    return _succeeded(step, "Lambda", answer if isinstance(answer, dict) else {})


def _succeeded(step: Record, kind: str, given: Document) -> End:
    """Return the end of a step that was told its outputs; one that was not told fails it."""
    wanted = [each["OutputName"] for each in step.doc.get("_Returns", ())]
    if absent := [name for name in wanted if name not in given]:
        reason = f"ClientError: The answer has no {', '.join(absent)}, which the step declares as an output."
        return End(status="Failed", reason=reason, final=True)
    told = {**step.doc["Metadata"][kind], "OutputParameters": [_pair(name, given[name]) for name in wanted]}
    outputs = {each["OutputName"]: _typed(given[each["OutputName"]], each) for each in step.doc["_Returns"]}
    return End(status="Succeeded", members={"Metadata": {kind: told}, "_Outputs": outputs})


def _pair(name: str, value: object) -> Document:
    return {"Name": name, "Value": _text(value)[:1024]}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _typed(value: object, output: Document) -> object:
    """Return an output in the type that the step declares; what does not have it stays as it is."""
    form, text = output.get("OutputType", "String"), _text(value)
    try:
        if form == "Integer":
            return int(text)
        if form == "Float":
            number = float(text)
            return number if math.isfinite(number) else text
    except ValueError:
        return text
    return text == "true" if form == "Boolean" and text in ("true", "false") else text
