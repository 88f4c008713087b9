"""Invoke: what is asked is checked and an event is kept; who waits for an answer is served by the gateway."""

from __future__ import annotations

import base64
import json
import uuid

from clary.core import wake
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations.awslambda.functions import LATEST, environments_of, function_of, invalid
from clary.operations.registry import Call, operation
from clary.resources.awslambda.invocation import LAMBDA_INVOCATION
from clary.store.record import Record

MOST, MOST_EVENT, MOST_CONTEXT = 6_291_456, 1_048_576, 3583
RETRIES = 2
ASKED = "_Asked"
"""The member of an answer that says whom to call, for the gateway to do it."""


@operation("lambda", "Invoke")
def invoke(call: Call) -> Document:
    """Check an invocation; keep an event, and let whoever waits for the answer call the function."""
    request = call.request
    how = request.get("InvocationType") or "RequestResponse"
    function = function_of(call)
    payload = _payload(request, MOST_EVENT if how == "Event" else MOST)
    if how == "DryRun":
        return {"StatusCode": 204}
    for member in ("DurableExecutionName", "TenantId"):
        if request.get(member):
            raise invalid(f"{member} is not supported by Clary. Leave it out.")
    asked = _asked(call, function, payload)
    if how == "Event":
        _keep(call, function, asked)
        return {"StatusCode": 202}
    if not call.headers:
        raise invalid(
            "A controller asks for an answer by InvocationType Event, and is woken when it is there."
        )
    tail = (request.get("LogType") or "None") == "Tail"
    return {ASKED: {**asked, "Tail": tail}, "StatusCode": 200, "ExecutedVersion": LATEST}


@operation("lambda", "InvokeAsync")
def invoke_async(call: Call) -> Document:
    """Keep an event, as Invoke does with InvocationType Event."""
    function = function_of(call)
    payload = _payload({"Payload": call.request["InvokeArgs"]}, MOST_EVENT)
    _keep(call, function, _asked(call, function, payload))
    return {"Status": 202}


def _asked(call: Call, function: Record, payload: str) -> Document:
    return {
        "Environments": _place(call, function),
        "Function": function.name,
        "Arn": function.arn,
        "Request": call.request_id,
        "Payload": payload,
        "ClientContext": _context(call.request.get("ClientContext") or ""),
    }


def _context(text: str) -> str:
    """Return what is said of the client as its one form in base64: it goes into a head of HTTP."""
    if len(text) > MOST_CONTEXT:
        raise invalid(f"ClientContext has {len(text)} characters; at most {MOST_CONTEXT} are taken.")
    if not text:
        return ""
    try:
        data = base64.b64decode(text, validate=True)
        whole = isinstance(json.loads(data.decode()), dict)
    except (ValueError, RecursionError):
        whole = False
    if not whole:
        raise _unfit("Client context must be a valid Base64-encoded JSON object.")
    return base64.b64encode(data).decode()


def _unfit(words: str) -> ApiError:
    """Return the refusal of what a request carries."""
    return ApiError(words, code="InvalidRequestContentException", status=400, members={"Type": "User"})


def _keep(call: Call, function: Record, asked: Document) -> None:
    """Write down an event, once for each token of whoever asks."""
    token = str(call.request.get("_Invocation") or uuid.uuid4())
    doc: Document = {
        "InvocationId": token,
        "FunctionArn": function.arn,
        "_Asked": {key: value for key, value in asked.items() if key != "Payload"},
        "_Payload": asked["Payload"],
        "_Retries": RETRIES,
    }
    if parent := call.request.get("_Parent"):
        doc |= {"_Parent": parent, "_Retries": 0}  # it is told of an error, and decides
    with call.records.database.write():
        if call.records.find(LAMBDA_INVOCATION, token) is not None:
            return
        record = call.records.create(LAMBDA_INVOCATION, doc, due=call.clock.now())
    wake.send(call.settings.home.run / "wake.sock", record.uid)


def _place(call: Call, function: Record) -> str:
    """Return the uid of the record of a function's environments."""
    return environments_of(call, function).uid


def _payload(request: Document, most: int) -> str:
    """Return the event as the text that it is; none is an empty object."""
    data = bytes(request.get("Payload") or b"")
    if len(data) > most:
        raise ApiError(
            f"Request must be smaller than {most} bytes for the InvokeFunction operation",
            code="RequestTooLargeException",
            status=413,
            members={"Type": "User"},
        )
    if not data:
        return "{}"
    try:
        text = data.decode()
        json.loads(text)
    except (ValueError, RecursionError) as error:
        words = f"Could not parse request body into json: Could not parse payload into json: {error}"
        raise _unfit(words) from error
    return text
