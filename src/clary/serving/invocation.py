"""One call to an endpoint, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from clary.serving.connection import Answer
from clary.serving.head import CUSTOM
from clary.serving.sessions import CLOSED_SESSION, NEW_SESSION
from clary.serving.stream import Stream
from clary.serving.tally import Tally

KEPT = frozenset({CUSTOM, NEW_SESSION, CLOSED_SESSION})
"""Headers of a model server's answer that the caller gets as well."""


@dataclass(kw_only=True, slots=True)  # not frozen: that would cost every call a microsecond
class Invocation:
    """One call. Header names are in lower case."""

    account: str
    region: str
    endpoint: str
    headers: Mapping[bytes, bytes]
    body: bytes
    began: float  # time.perf_counter() when the request arrived
    variant: str = ""  # this and what follows is known once a host was asked
    host: str = ""
    model_seconds: float = 0.0


@dataclass(slots=True)
class Prediction:
    """The answer, and the seconds the model server took for it."""

    variant: str
    answer: Answer
    model_seconds: float
    tally: Tally

    def done(self, began: float) -> None:
        """Count the call once it is answered; what is not the model's time is ours."""
        whole = time.perf_counter() - began
        self.tally.add(whole - self.model_seconds, self.model_seconds, self.answer.status)


def response_headers(prediction: Prediction) -> list[tuple[bytes, bytes]]:
    """Return the headers of the API's answer."""
    headers = prediction.answer.headers
    found = [
        (b"content-type", headers.get(b"content-type", b"application/octet-stream")),
        (b"x-amzn-invoked-production-variant", prediction.variant.encode("latin-1")),
    ]
    found.extend((name, headers[name]) for name in sorted(KEPT) if name in headers)
    return found


def stream_headers(stream: Stream) -> list[tuple[bytes, bytes]]:
    """Return the headers of a streamed answer."""
    found = [
        (b"content-type", b"application/vnd.amazon.eventstream"),
        (b"x-amzn-sagemaker-content-type", stream.headers.get(b"content-type", b"application/octet-stream")),
        (b"x-amzn-invoked-production-variant", stream.variant.encode("latin-1")),
    ]
    if CUSTOM in stream.headers:
        found.append((CUSTOM, stream.headers[CUSTOM]))
    return found
