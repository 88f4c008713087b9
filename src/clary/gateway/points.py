"""The short way of points: the chain's steps for BatchPutMetrics, without a thread for each call.

Taken when the caller's own policies allow the call whatever its circumstances, and only for metrics that this
process has written to before, so that nothing is waited for but the disk: all else is handed back for the
chain to decide and to word. One signature check, one decision, one audit line either way; nobody is answered
before his points are on disk. A trial component carries no policy of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from functools import partial

from clary.core.errors import ApiError, TryAgain
from clary.gateway import chunked, sigv4
from clary.gateway.chain import call_of, session_token
from clary.gateway.exchange import Parts
from clary.gateway.objects import Errand, Told
from clary.operations.experiments.metrics import Taken, component_arn, familiar, take
from clary.operations.registry import Call
from clary.resources.experiments.trial_component import TRIAL_COMPONENT
from clary.store.objects.commit import Pending
from clary.wire import models
from clary.wire.message import HttpResponse
from clary.wire.parse import parse
from clary.wire.serialise import serialise
from clary.wire.validate import validate

SERVICE, OPERATION, URL = "sagemaker-metrics", "BatchPutMetrics", b"/BatchPutMetrics"
ACTION = "sagemaker:BatchPutMetrics"
MOST_BODY = 64 << 10
"""Bytes of a body; ten points, the most of a call, have a few thousand."""

_REMEMBERED = 100_000  # Trial components that are known to be there.
_log = logging.getLogger(__name__)


class Points:
    """The short way in one gateway process. All here happens on the event loop, and waits for nothing."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._plane = parts, parts.plane
        self._committed: deque[Callable[[], None]] = deque()
        self._generation = -1
        self._there: set[str] = set()

    def serve(self, errand: Errand, told: Told) -> None:
        """Answer one call once its points are on disk."""
        try:
            call = self._admit(errand)
            known = call is not None and self._is_there(call, errand.resource) and familiar(call)
            taken = take(call) if call is not None and known else None
        except (ApiError, TryAgain, OSError):
            taken = None  # the chain finds out again, and says it in full
        except Exception:
            _log.exception("request %s failed on the short way", errand.id)
            taken = None
        if taken is None:
            told(None)
        elif not taken.batch:
            told(self._answer(errand, taken))
        else:
            self._submit(errand, taken, told)

    def _admit(self, errand: Errand) -> Call | None:
        """Verify, parse, authorise and validate; None when more has to be asked than is asked here."""
        self._plane.look(errand.asked)
        request, service, token = errand.request, models.service(SERVICE), session_token(errand.request)
        signed = sigv4.verify(request, lambda key: self._plane.credentials.find(key, token), errand.at)
        if signed.service != "sagemaker" or chunked.is_chunked(signed, request):
            return None
        operation, document = parse(service, request)
        if operation.name != OPERATION:
            return None
        call = call_of(self._parts, signed, operation, document, request, errand.id)
        validate(operation.input_shape, document, service)
        resource = component_arn(call, document["TrialComponentName"])
        if not self._plane.authoriser.plainly(call.principal, ACTION, resource):
            return None
        errand.signed, errand.operation, errand.resource = signed, operation, resource
        return call

    def _is_there(self, call: Call, arn: str) -> bool:
        """Say whether a trial component is there; that it is holds until one of them is written."""
        generation = self._plane.changes.generation(TRIAL_COMPONENT)
        if generation != self._generation or len(self._there) >= _REMEMBERED:
            self._generation, self._there = generation, set()
        if arn not in self._there and call.records.by_arn(arn) is not None:
            self._there.add(arn)
        return arn in self._there

    def _submit(self, errand: Errand, taken: Taken, told: Told) -> None:
        loop = asyncio.get_running_loop()

        def committed(pending: Pending[None]) -> None:
            self._committed.append(partial(finish, pending))
            if len(self._committed) == 1:  # else the loop is awake already
                loop.call_soon_threadsafe(self._finish)

        def finish(pending: Pending[None]) -> None:
            response = None
            try:
                pending.result()
                response = self._answer(errand, taken)
            except (ApiError, TryAgain, OSError):
                response = None
            except Exception:
                _log.exception("request %s failed on the short way", errand.id)
            told(response)

        self._parts.metrics.submit(taken.batch, committed)

    def _finish(self) -> None:
        """Answer all whose points are on disk by now."""
        while self._committed:
            self._committed.popleft()()

    def _answer(self, errand: Errand, taken: Taken) -> HttpResponse:
        assert errand.operation is not None  # noqa: S101  # admitted
        service = models.service(SERVICE)
        return serialise(service, errand.operation, taken.answer(), errand.request, errand.id)


def may_be_some(method: bytes, url: bytes, fields: dict[bytes, bytes]) -> bool:
    """Say whether a request, by its head, may bring points."""
    if method != b"PUT" or url != URL or b"origin" in fields or b"x-amz-target" in fields:
        return False
    length = fields.get(b"content-length", b"")
    whole = length.isdigit() and int(length) <= MOST_BODY
    return whole and b"/sagemaker/aws4_request" in fields.get(b"authorization", b"")
