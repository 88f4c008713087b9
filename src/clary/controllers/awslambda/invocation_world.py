"""A durable invocation's controller: it asks the driver, and has it do what was decided."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from clary.controllers.awslambda.invocation import Told, key_of, next_step
from clary.controllers.step import Step
from clary.core.document import Document
from clary.resources.awslambda.invocation import LAMBDA_INVOCATION
from clary.store.records import Record


class Driver(Protocol):
    """Who waits for environments and answers; `clary.serving.awslambda.durable` is one."""

    def told(self, uid: str) -> Told | None:
        """Return how far an invocation is."""
        ...

    def reserve(self, uid: str, asked: Document, payload: str) -> None:
        """Have an environment for an invocation."""
        ...

    def ask(self, uid: str, asked: Document, payload: str, key: str) -> None:
        """Ask the environment that was reserved."""
        ...

    def resume(self, uid: str, asked: Document, payload: str, key: str, environment: str) -> None:
        """Ask an environment that may have been asked before."""
        ...

    def forget(self, uid: str) -> None:
        """Give back what an invocation has."""
        ...


class LambdaInvocations:
    """The controller of durable invocations."""

    resource = LAMBDA_INVOCATION

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def look(self, record: Record, now: datetime) -> Step:
        """Ask the driver, and decide."""
        return next_step(record, self._driver.told(record.uid), now)

    def act(self, record: Record, step: Step) -> Document:
        """Have the driver do it."""
        uid, asked, payload = record.uid, record.doc["_Asked"], record.doc["_Payload"]
        if step.effect == "reserve":
            self._driver.reserve(uid, asked, payload)
        elif step.effect == "ask":
            self._driver.ask(uid, asked, payload, key_of(record))
        elif step.effect == "resume":
            self._driver.resume(uid, asked, payload, key_of(record), record.doc["_Environment"])
        else:
            self._driver.forget(uid)
        return {}
