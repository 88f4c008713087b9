"""Holds a poll's answer until there is something to tell.

SDKs and waiters look, sleep for 5 to 120 seconds, and look again: made for jobs that take minutes. Here most
take a second, and the sleep would be nearly all that a user waits for. So a Describe that such a client polls
with is answered when the resource leaves its passing state, or after a while. Others are answered at once.
"""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

from clary.gateway import functions
from clary.gateway.exchange import Disconnected, Exchange, Parts
from clary.operations.registry import Call
from clary.operations.sqs.receive import waits

# Botocore marks a waiter's calls with the feature id B; version 2 of the AWS CLI names the command.
_WAITER = re.compile(r"(?:^| )m/(?:[^ ]*,)?B(?:[, ]|$)|command/sagemaker\.wait\.")
_SDK = re.compile(r"(?:^| )lib/AWS-SageMaker(?:-Python-SDK|Core)#")

WAITER_PATIENCE = timedelta(seconds=25)  # well below the 60 s after which botocore gives a read up
SDK_PATIENCE = timedelta(seconds=4)  # an SDK prints a running job's log between two looks at it
_RECEIVE = "AmazonSQS.ReceiveMessage"
_FIRST_LOOK, _LONGEST_LOOK = 0.02, 0.25  # seconds between looks at the record


def patience(user_agent: str, operation: str = "") -> timedelta:
    """Return how long the caller's poll may be held."""
    if _WAITER.search(user_agent):
        return WAITER_PATIENCE
    if _SDK.search(user_agent):
        return SDK_PATIENCE if operation.endswith("Job") else WAITER_PATIENCE
    return timedelta(0)


async def linger(exchange: Exchange, parts: Parts) -> None:
    """Look again until the resource is in a lasting state, or the caller's patience is over."""
    call = exchange.call
    if call is None:
        return
    if call.service == "lambda":
        await functions.answer(exchange, parts)
        return
    if call.service == "sqs":
        await _wait_for_messages(exchange, call, parts)
        return
    loop = asyncio.get_running_loop()
    agent = exchange.request.headers.get("user-agent") or ""
    until = loop.time() + patience(agent, call.operation).total_seconds()
    pause = _FIRST_LOOK
    while parts.dispatcher.passing(call, exchange.result) and loop.time() + pause < until:
        await asyncio.sleep(pause)
        pause = min(pause * 1.2, _LONGEST_LOOK)
        exchange.result = await loop.run_in_executor(parts.pool, parts.dispatcher.dispatch, call)


def awaits_function(exchange: Exchange) -> bool:
    """Say whether a request may be one that waits for a function's answer."""
    service, path = exchange.service, exchange.request.path.rstrip("/")
    return service is not None and service.service_name == "lambda" and path.endswith("/invocations")


def awaits_messages(exchange: Exchange) -> bool:
    """Say whether a request may be one that waits for messages; a form does not say before it is read."""
    service, target = exchange.service, exchange.request.headers.get("x-amz-target") or ""
    return service is not None and service.service_name == "sqs" and target in ("", _RECEIVE)


async def _wait_for_messages(exchange: Exchange, call: Call, parts: Parts) -> None:
    """Receive again whenever there may be something, until there is or the caller waited long enough."""
    if call.operation != "ReceiveMessage" or exchange.result or exchange.waiting is None:
        return
    loop = asyncio.get_running_loop()
    queue, patience = await loop.run_in_executor(parts.pool, waits, call)
    until = loop.time() + patience.total_seconds()
    gone = asyncio.ensure_future(exchange.receive())
    try:
        while not exchange.result and (left := until - loop.time()) > 0:
            await exchange.waiting.stirs(queue, left, gone)
            if gone.done():  # what is received now would be hidden from others for nobody
                raise Disconnected
            exchange.result = await loop.run_in_executor(parts.pool, parts.dispatcher.dispatch, call)
    finally:
        gone.cancel()
