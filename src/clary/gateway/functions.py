"""Calls functions for those who wait for the answer: no thread is held meanwhile."""

from __future__ import annotations

import base64

from clary.core.document import Document
from clary.gateway.exchange import Exchange, Parts
from clary.operations.awslambda.invoke import ASKED
from clary.serving.awslambda.functions import invocation


async def answer(exchange: Exchange, parts: Parts) -> None:
    """Have the function called that an operation said is to be called, if it did."""
    asked: Document | None = exchange.result.pop(ASKED, None)
    if asked is None:
        return
    told = await parts.plane.functions.invoke(invocation(asked, asked["Payload"]))
    exchange.result["Payload"] = told.body
    if told.error:
        exchange.result["FunctionError"] = told.error
    if asked["Tail"]:
        exchange.result["LogResult"] = base64.b64encode(told.log).decode()
