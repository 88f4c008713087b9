"""The request chain: what happens to every call, in order.

Steps that wait for the network are async; all others are plain functions, and each run of them goes to a
thread in one trip. An upload's body is taken in only once its caller is known and allowed to send it.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from itertools import groupby
from urllib.parse import unquote

from botocore.model import OperationModel

from clary.core import wake
from clary.core.document import Document
from clary.core.errors import ApiError, NotBuilt
from clary.gateway import body, chunked, cors, intact, post_object, routing, sigv2, sigv4
from clary.gateway.anonymous import is_unsigned, nobody
from clary.gateway.exchange import Exchange, Parts
from clary.gateway.linger import awaits_function, awaits_messages, linger, patience
from clary.gateway.sigv4 import Signed
from clary.gateway.upload import receive_upload, settle_upload, without_chunks
from clary.operations.authorise import needs
from clary.operations.registry import Call
from clary.wire import models
from clary.wire import route as wire_route
from clary.wire.message import HttpRequest
from clary.wire.parse import parse as parse_request
from clary.wire.serialise import serialise as serialise_result
from clary.wire.validate import validate as validate_document

_READING = ("Describe", "List", "Get", "Search", "Query")
Step = Callable[[Exchange, Parts], None] | Callable[[Exchange, Parts], Awaitable[None]]


def route(exchange: Exchange, parts: Parts) -> None:
    """Find out which service is meant, and whether the call is an upload."""
    request = exchange.request
    service = exchange.service = models.service(routing.service_name(request))
    if request.method == "PUT" and service.service_name == "s3":
        exchange.uploads = wire_route.find(service, request).operation.has_streaming_input


async def receive(exchange: Exchange, parts: Parts) -> None:
    """Take the body into memory, unless it is an upload's."""
    exchange.request.body = await body.in_memory(exchange.receive, exchange.request.headers)
    exchange.received = True


def authenticate(exchange: Exchange, parts: Parts) -> None:
    """Verify the signature; from here on the caller is known."""
    request, token = exchange.request, session_token(exchange.request)
    if exchange.service is models.service("s3") and sigv2.presigned(request):
        request.headers = sigv2.hoist(request)
        region, now = parts.settings.region, parts.clock.now()
        exchange.signed = sigv2.verify(request, parts.credentials.find, now, region)
        return
    if exchange.service is models.service("s3") and sigv4.peek(request) is None and is_unsigned(request):
        exchange.signed = nobody(parts.settings.region, request)
        return
    if exchange.service is models.service("sts") and sigv4.peek(request) is None:
        refuse_outsiders(exchange)
    signed = exchange.signed = sigv4.verify(
        request,
        lambda key: parts.credentials.find(key, token),
        parts.clock.now(),
        body_follows=exchange.uploads,
    )
    if isinstance(request.body, bytes) and not exchange.uploads and chunked.is_chunked(signed, request):
        request.body, trailer = chunked.decode(signed, request, request.body)
        request.headers = without_chunks(request.headers, trailer, len(request.body))


def parse(exchange: Exchange, parts: Parts) -> None:
    """Read the operation and its input."""
    service, signed = exchange.service, exchange.signed
    assert service is not None and signed is not None  # noqa: S101  # the steps before this one
    exchange.operation, document = parse_request(service, exchange.request)
    exchange.call = call_of(parts, signed, exchange.operation, document, exchange.request, exchange.id)


def authorise(exchange: Exchange, parts: Parts) -> None:
    """Ask the caller's policies."""
    call = _call(exchange)
    exchange.resource = next((need.resource for need in needs(call)), "")
    parts.authoriser.check(call, request_context(exchange))


async def upload(exchange: Exchange, parts: Parts) -> None:
    """Take an upload to disk."""
    await receive_upload(exchange, parts)


def settle(exchange: Exchange, parts: Parts) -> None:
    """Hold an upload against what was signed, and parse the call again with its body and trailer in place."""
    settle_upload(exchange)
    parse(exchange, parts)


def validate(exchange: Exchange, parts: Parts) -> None:
    """Hold the input against the service model."""
    operation, call = exchange.operation, _call(exchange)
    if operation is not None and call.service == "s3" and not exchange.uploads:
        intact.check(operation, exchange.request)
    if operation is not None and operation.input_shape is not None:
        validate_document(operation.input_shape, call.request, exchange.service)


def dispatch(exchange: Exchange, parts: Parts) -> None:
    """Do what the call asks."""
    call = _call(exchange)
    exchange.result = parts.dispatcher.dispatch(call)
    if call.service == "sagemaker" and not call.operation.startswith(_READING):
        wake.send(parts.wake)


def serialise(exchange: Exchange, parts: Parts) -> None:
    """Write the answer in the caller's protocol."""
    service, operation = exchange.service, exchange.operation
    assert service is not None and operation is not None  # noqa: S101  # the steps before this one
    exchange.response = serialise_result(service, operation, exchange.result, exchange.request, exchange.id)


CHAIN: tuple[Step, ...] = (
    route,
    receive,
    authenticate,
    parse,
    authorise,
    upload,
    settle,
    validate,
    dispatch,
    linger,
    serialise,
)


async def run(exchange: Exchange, parts: Parts) -> None:
    """Lead one request through the chain. An ApiError on the way is its answer."""
    route(exchange, parts)
    if exchange.request.method == "OPTIONS" and exchange.service is models.service("s3"):
        exchange.response = cors.preflight(exchange, parts)
        return
    if is_form(exchange.request) and exchange.service is models.service("s3"):
        await _run_form(exchange, parts)
        return
    loop = asyncio.get_running_loop()
    agent = exchange.request.headers.get("user-agent") or ""
    lingers = bool(patience(agent)) or awaits_messages(exchange) or awaits_function(exchange)
    for steps in _UPLOAD if exchange.uploads else _POLL if lingers else _PLAIN:
        if inspect.iscoroutinefunction(steps[0]):
            await steps[0](exchange, parts)
        else:
            await loop.run_in_executor(parts.pool, _in_turn, steps, exchange, parts)


def call_of(
    parts: Parts,
    signed: Signed,
    operation: OperationModel,
    document: Document,
    request: HttpRequest,
    request_id: str,
) -> Call:
    """Return what an operation is given."""
    principal = signed.credential.principal
    return Call(
        service=operation.service_model.service_name,
        operation=operation.name,
        request=document,
        principal=principal,
        region=signed.region,
        request_id=request_id,
        clock=parts.clock,
        settings=parts.settings,
        records=parts.records.scoped(principal.account, signed.region),
        objects=parts.objects,
        logs=parts.logs,
        metrics=parts.metrics,
        headers=dict(request.headers),
    )


async def _run_form(exchange: Exchange, parts: Parts) -> None:
    """Lead an upload by HTML form through the chain: its file is taken once its fields are allowed."""
    loop = asyncio.get_running_loop()
    base = f"http://{exchange.request.headers.get('host') or ''}"
    form, sizes, reader = await post_object.receive_form(exchange, parts)
    await loop.run_in_executor(parts.pool, _in_turn, (parse, authorise), exchange, parts)
    exchange.request.body = await post_object.receive_file(exchange, parts, sizes, reader)
    await loop.run_in_executor(parts.pool, _in_turn, (parse, validate, dispatch), exchange, parts)
    exchange.response = post_object.answer(exchange, form, exchange.result, base)


def refuse_outsiders(exchange: Exchange) -> None:
    """Raise NotBuilt for the calls of STS that come unsigned, with a token of somebody else's instead."""
    try:
        name = wire_route.find(models.service("sts"), exchange.request).operation.name
    except ApiError:
        return  # that it is not signed is said first
    if name.startswith("AssumeRoleWith"):
        raise NotBuilt(f"{name}: no identity provider is asked")


def is_form(request: HttpRequest) -> bool:
    """Say whether a request is what a browser makes of a form with a file in it."""
    content_type = request.headers.get("content-type") or ""
    return request.method == "POST" and content_type.startswith("multipart/form-data")


def session_token(request: HttpRequest) -> str | None:
    """Return the session token that came with the request, in a header or in a presigned query."""
    if (token := request.headers.get("x-amz-security-token")) is not None:
        return token
    _, found, rest = request.query.partition("X-Amz-Security-Token=")
    return unquote(rest.partition("&")[0]) if found else None


def request_context(exchange: Exchange) -> dict[str, tuple[str, ...]]:
    """Return what conditions may ask about the connection."""
    context: dict[str, tuple[str, ...]] = {
        "aws:sourceip": (exchange.source,),
        "aws:securetransport": ("false",),
    }
    if agent := exchange.request.headers.get("user-agent"):
        context["aws:useragent"] = (agent,)
    return context


def _call(exchange: Exchange) -> Call:
    if exchange.call is None:
        raise RuntimeError("a step of the chain came before the call was parsed")
    return exchange.call


def _in_turn(steps: tuple[Step, ...], exchange: Exchange, parts: Parts) -> None:
    for step in steps:
        step(exchange, parts)


def _trips(left_out: tuple[Step, ...]) -> tuple[tuple[Step, ...], ...]:
    """Cut the chain behind `route` into runs that need one trip to a thread each."""
    steps = [step for step in CHAIN[1:] if step not in left_out]
    return tuple(tuple(run) for _, run in groupby(steps, inspect.iscoroutinefunction))


_PLAIN = _trips((upload, settle, linger))
_POLL = _trips((upload, settle))
_UPLOAD = _trips((receive, linger))
