"""Functions: created, told of, listed, changed, deleted. What is refused, and in which words: settings.py."""

from __future__ import annotations

import uuid
from datetime import datetime
from pathlib import Path

from clary.core import ids, wake
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations.awslambda import code as codes
from clary.operations.awslambda import settings
from clary.operations.awslambda.code import MOST_SENT, MOST_UNPACKED
from clary.operations.awslambda.functions import (
    ACCOUNT_CONCURRENCY,
    check_revision,
    described,
    environments_of,
    function_of,
    invalid,
)
from clary.operations.computed_list import cut
from clary.operations.permissions.awslambda import named
from clary.operations.registry import Call, operation
from clary.resources.awslambda.environments import LAMBDA_ENVIRONMENTS
from clary.resources.awslambda.function import FUNCTION
from clary.runtime.removal import remove_tree
from clary.store.record import Record

PAGE = 50
CODE_STORAGE = 80_530_636_800
LEFT_OVER = 100  # of an account's concurrency that no function may reserve


@operation("lambda", "CreateFunction")
def create(call: Call) -> Document:
    """Create a function; it can be called at once."""
    request = call.request
    if request.get("PackageType", "Zip") == "Zip" and not (request.get("Runtime") and request.get("Handler")):
        raise invalid(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    settings.check(call, request)
    arn = named(request["FunctionName"], call.records)[0]
    name = arn.rpartition(":")[2]
    if arn != call.records.arn(FUNCTION, {"FunctionName": name}):
        raise invalid(f"{arn} is of another account or region than the request; create it there.")
    if len(name) > 64:
        raise invalid(f"The name {name!r} has {len(name)} characters; a function's has at most 64.")
    if call.records.find(FUNCTION, name) is not None:
        raise _taken(name)
    code, place = codes.read(call, request["Code"]), ids.uid()
    code.keep(_folder(call, place))
    configured = {member: request[member] for member in settings.CONFIGURED if member in request}
    doc: Document = {
        **settings.DEFAULTS,
        **configured,
        **code.told(),
        **_changed(call.clock.now()),
        "FunctionName": name,
        "FunctionArn": call.records.arn(FUNCTION, {"FunctionName": name}),
        "Tags": dict(request.get("Tags") or {}),
        "_Environments": place,
    }
    environments: Document = {
        "EnvironmentsId": place,
        "FunctionName": name,
        "_Wanted": {**_wanted(doc, code.name), "Generation": 1, "MaxConcurrency": ACCOUNT_CONCURRENCY},
    }
    try:
        with call.records.database.write():
            record = call.records.create(FUNCTION, doc)
            call.records.create(LAMBDA_ENVIRONMENTS, environments, due=call.clock.now())
    except ApiError:
        remove_tree(_folder(call, place))
        raise
    return described(record)


@operation("lambda", "GetFunction")
def get(call: Call) -> Document:
    """Answer a function's configuration, tags and reserved concurrency."""
    function = function_of(call)
    found: Document = {"Configuration": described(function), "Code": {"RepositoryType": "S3"}}
    if tags := function.doc["Tags"]:
        found["Tags"] = tags
    if "_Reserved" in function.doc:
        found["Concurrency"] = {"ReservedConcurrentExecutions": function.doc["_Reserved"]}
    return found


@operation("lambda", "GetFunctionConfiguration")
def get_configuration(call: Call) -> Document:
    """Answer a function's configuration."""
    return described(function_of(call))


@operation("lambda", "ListFunctions")
def page(call: Call) -> Document:
    """Answer the account's functions by name."""
    request = call.request
    found = ((record.name, described(record)) for record in call.records.each(FUNCTION))
    limit = min(request.get("MaxItems") or PAGE, PAGE)
    functions, more = cut(call, found, limit, request.get("Marker"), refused="InvalidParameterValueException")
    return {"Functions": functions} | ({"NextMarker": more} if more else {})


@operation("lambda", "UpdateFunctionCode")
def update_code(call: Call) -> Document:
    """Let the next calls have other code."""
    settings.check(call, call.request)
    function = function_of(call)
    check_revision(call, function)
    code = codes.read(call, call.request)
    if call.request.get("DryRun"):
        return {**described(function), **code.told()}
    code.keep(_folder(call, function.doc["_Environments"]))
    return described(_update(call, code.told(), code.name))


@operation("lambda", "UpdateFunctionConfiguration")
def update_configuration(call: Call) -> Document:
    """Let the next calls have another configuration."""
    settings.check(call, call.request)
    changes = {member: call.request[member] for member in settings.CONFIGURED if member in call.request}
    return described(_update(call, changes))


@operation("lambda", "DeleteFunction")
def delete(call: Call) -> None:
    """Delete a function; what it works on is finished."""
    with call.records.database.write():
        function = function_of(call)
        place = environments_of(call, function)
        call.records.update(place, {"_Gone": True, "_Hosts": []}, due=call.clock.now())
        call.records.delete(function)
    wake.send(call.settings.home.run / "wake.sock", place.uid)


@operation("lambda", "GetAccountSettings")
def account(call: Call) -> Document:
    """Answer the limits, and what the account has of them."""
    functions = list(call.records.each(FUNCTION))
    reserved = sum(each.doc.get("_Reserved", 0) for each in functions)
    return {
        "AccountLimit": {
            "TotalCodeSize": CODE_STORAGE,
            "CodeSizeUnzipped": MOST_UNPACKED,
            "CodeSizeZipped": MOST_SENT,
            "ConcurrentExecutions": ACCOUNT_CONCURRENCY,
            "UnreservedConcurrentExecutions": ACCOUNT_CONCURRENCY - reserved,
        },
        "AccountUsage": {
            "TotalCodeSize": sum(each.doc["CodeSize"] for each in functions),
            "FunctionCount": len(functions),
        },
    }


@operation("lambda", "PutFunctionConcurrency")
def reserve(call: Call) -> Document:
    """Let so many calls of a function be under way, and no more."""
    wanted: int = call.request["ReservedConcurrentExecutions"]
    with call.records.database.write():
        function = function_of(call)
        others = [each for each in call.records.each(FUNCTION) if each.uid != function.uid]
        if wanted + sum(each.doc.get("_Reserved", 0) for each in others) > ACCOUNT_CONCURRENCY - LEFT_OVER:
            raise invalid(
                "Specified ReservedConcurrentExecutions for function decreases account's "
                f"UnreservedConcurrentExecution below its minimum value of [{LEFT_OVER}]."
            )
        call.records.update(function, {"_Reserved": wanted})
        _limit(call, function, wanted, reserved=True)
    return {"ReservedConcurrentExecutions": wanted}


@operation("lambda", "GetFunctionConcurrency")
def reserved(call: Call) -> Document:
    """Answer how many calls a function has reserved."""
    doc = function_of(call).doc
    return {"ReservedConcurrentExecutions": doc["_Reserved"]} if "_Reserved" in doc else {}


@operation("lambda", "DeleteFunctionConcurrency")
def release(call: Call) -> None:
    """Let a function share what nobody reserved."""
    with call.records.database.write():
        function = function_of(call)
        call.records.update(function, {}, remove=["_Reserved"])
        _limit(call, function, ACCOUNT_CONCURRENCY, reserved=False)


def _taken(name: str) -> ApiError:
    members: Document = {"Type": "User"}
    return ApiError(
        FUNCTION.conflict_text.format(name=name), code=FUNCTION.conflict, status=409, members=members
    )


def _update(call: Call, changes: Document, code: str = "") -> Record:
    """Write what changes; environments of before are called no more."""
    with call.records.database.write():
        function = function_of(call)
        check_revision(call, function)
        place = environments_of(call, function)
        function = call.records.update(function, {**changes, **_changed(call.clock.now())})
        before = place.doc["_Wanted"]
        wanted = {
            **before,
            **_wanted(function.doc, code or before["Code"]),
            "Generation": before["Generation"] + 1,
        }
        call.records.update(place, {"_Wanted": wanted, "_Hosts": []}, due=call.clock.now())
    wake.send(call.settings.home.run / "wake.sock", place.uid)
    return function


def _limit(call: Call, function: Record, most: int, *, reserved: bool) -> None:
    place = environments_of(call, function)
    wanted = {**place.doc["_Wanted"], "MaxConcurrency": most, "Reserved": reserved}
    call.records.update(place, {"_Wanted": wanted})


def _wanted(doc: Document, code: str) -> Document:
    """Return what an environment is made of."""
    return {
        "Code": code,
        "Handler": doc["Handler"],
        "Runtime": doc["Runtime"],
        "Role": doc["Role"],
        "MemorySize": doc["MemorySize"],
        "Timeout": doc["Timeout"],
        "Variables": (doc.get("Environment") or {}).get("Variables") or {},
    }


def _changed(now: datetime) -> Document:
    at = f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}+0000"
    return {"LastModified": at, "RevisionId": str(uuid.uuid4())}


def _folder(call: Call, place: str) -> Path:
    return call.settings.home.functions / place
