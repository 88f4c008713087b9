"""A request to a model, its answer, and what a model must offer to be served."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol, runtime_checkable

JSON, JSON_LINES, CSV = "application/json", "application/jsonlines", "text/csv"
NPY, LIBSVM, RECORDIO = "application/x-npy", "text/libsvm", "application/x-recordio-protobuf"


@lru_cache(256)
def media_of(content_type: str) -> str:
    """Return a content type without its parameters."""
    return content_type.partition(";")[0].strip().lower()


class Request(NamedTuple):
    """One invocation, as it came."""

    body: bytes
    content_type: str = ""
    accept: str = ""
    headers: Sequence[tuple[str, str]] = ()

    @property
    def media(self) -> str:
        """The content type without its parameters."""
        return media_of(self.content_type)


class Answer(NamedTuple):
    """What goes back."""

    status: int
    content_type: str
    body: bytes


class Refused(Exception):
    """The request cannot be answered; the text and the status go to the caller."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text

    def answer(self) -> Answer:
        """Return the answer that says so."""
        return Answer(self.status, "text/plain; charset=utf-8", self.text.encode())


def failed(wrong: BaseException) -> Answer:
    """Word the 500 for what a model raised."""
    return Refused(500, f"{type(wrong).__name__}: {wrong}").answer()


class Model(Protocol):
    """A loaded model. With `together` it answers every request of one event-loop turn in one quick call."""

    together: bool

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer each request; a request's own mistake is an answer, not an exception."""
        ...


class Limits(NamedTuple):
    """How many waiting requests are answered together at most, and how long the first one waits for more."""

    size: int = 1
    delay_seconds: float = 0.0


@runtime_checkable
class Batching(Protocol):
    """A model that answers several requests that wait at the same time better than one after the other."""

    together: bool
    limits: Limits
    free: bool
    """Nothing in it is a user's function, so it may be asked in the event loop while it is quick."""

    def answer(self, requests: Sequence[Request], beat: Callable[[], None]) -> list[Answer]:
        """Answer each request; call `beat` after each prediction, or many are taken for one that hangs."""
        ...


class Source(Protocol):
    """Where a model comes from: prepared once before the workers fork, loaded in each of them."""

    def prepare(self) -> None:
        """Fetch code, install packages and import what every worker needs; start no threads."""
        ...

    def load(self) -> Model:
        """Load the model into this process."""
        ...


def unsupported(content_type: str, known: Sequence[str]) -> Refused:
    """Word the 415 for a content type that nothing here reads."""
    given = f"Content type {content_type}" if content_type else "A request without a Content-Type"
    return Refused(415, f"{given} is not supported by this model server. Supported: {', '.join(known)}.")


def negotiate(accept: str, known: Sequence[str], default: str) -> str:
    """Choose the content type of the answer, or refuse with 406."""
    if accept in known:
        return accept
    wanted = (
        accept
        if accept and accept != "*/*"
        else os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", default)
    )
    for choice in wanted.split(","):
        media = choice.partition(";")[0].strip().lower()
        if media in known:
            return media
        if media == "*/*":
            return default
    raise Refused(
        406, f"Accept type {accept} is not supported by this model server. Supported: {', '.join(known)}."
    )
