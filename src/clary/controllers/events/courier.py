"""The thread that works off what has happened: it matches, delivers, tries again, and gives up by the rules.

Whatever it is killed over is done when it comes back: what was noted is there, and what was delivered is not.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from sqlalchemy import Connection

from clary.controllers.events.matching import Matcher
from clary.controllers.events.measures import Measures
from clary.core.clock import Clock
from clary.core.errors import ApiError, Moved, TryAgain
from clary.store.events import deliveries
from clary.store.events.deliveries import Delivery
from clary.store.metrics import Metrics
from clary.store.records import Records
from clary.store.times import micros

log = logging.getLogger(__name__)

LOOK = timedelta(milliseconds=100)  # Between looks whether anything was written at all: one PRAGMA each.
TIDY = timedelta(seconds=2)  # Between writes that only forget: what begins a job shall not wait for them.
REPORT = timedelta(seconds=5)  # Between writes of what was counted.
TURN = timedelta(milliseconds=20)  # How long deliveries are gathered in one transaction.
BATCH = 100  # Deliveries read at once.
FIRST_WAIT = timedelta(seconds=1)  # Before the first retry; each next one waits twice as long.
LONGEST_WAIT = timedelta(minutes=10)
_NEVER = 1 << 62
_AGE = "MaximumEventAgeInSeconds"
_FOR_GOOD = frozenset({"NO_PERMISSIONS", "NO_RESOURCE"})
_REFUSED = (400, 403, 404)  # Statuses by which a target says that the same call will be refused again.


class Sending(Protocol):
    """Who hands events to targets; a refusal is raised as the ApiError it is."""

    def send(self, one: Delivery) -> None:
        """Hand one event to its target."""
        ...

    def dead_letter(self, one: Delivery, queue: str, error: ApiError, condition: str) -> None:
        """Put what could not be delivered into a queue."""
        ...


class Courier:
    """Carries events to their targets, and rings for those who tend what that began."""

    def __init__(
        self,
        records: Records,
        metrics: Metrics,
        clock: Clock,
        sender: Sending,
        ring: Callable[[], None] = lambda: None,
    ) -> None:
        self._records, self._clock, self._sender, self._ring = records, clock, sender, ring
        self._measures = Measures(metrics, clock)
        self._matcher = Matcher(records, clock)
        self._watch = records.database.watch()
        self._next = 0  # when something is due, in microseconds

    def run(self, stop: threading.Event) -> None:
        """Carry whatever happens until told to stop."""
        seen: int | None = None
        tidy = report = 0.0
        while not stop.wait(LOOK.total_seconds()):
            try:
                version = self._watch()
                if version != seen:
                    self._matcher.match()
                    seen, self._next = version, 0
                if micros(self._clock.now()) >= self._next:
                    self.deliver(stop.is_set)
                    self._next = deliveries.next_due(self._records.database) or _NEVER
                if time.monotonic() >= tidy:
                    self._matcher.forget()
                    tidy = time.monotonic() + TIDY.total_seconds()
                if time.monotonic() >= report:
                    self._measures.report()
                    report = time.monotonic() + REPORT.total_seconds()
            except TryAgain as slow:
                log.warning("events are carried later: %s", slow)
            except Exception:
                log.exception("events could not be carried and will be tried again")
        self._measures.report()

    def catch_up(self) -> None:
        """Match and deliver all there is now."""
        self._matcher.match()
        self._matcher.forget()
        self.deliver()
        self._measures.report()

    def deliver(self, stopped: Callable[[], bool] = lambda: False) -> int:
        """Deliver what is due; return how much of it arrived."""
        arrived, database = 0, self._records.database
        while not stopped():
            found = deliveries.due(database, micros(self._clock.now()), BATCH)
            left = deque(found)
            while left and not stopped():
                arrived += self._turn(left)
            if len(found) < BATCH:
                break
        if arrived:
            self._ring()
        return arrived

    def _turn(self, left: deque[Delivery]) -> int:
        """Make some deliveries in one transaction, short enough for whoever else writes."""
        arrived: list[Delivery] = []
        failed: list[tuple[Delivery, ApiError]] = []
        expired: list[Delivery] = []
        with self._records.database.write() as connection:
            until = time.monotonic() + TURN.total_seconds()
            while left and time.monotonic() < until:
                one = left.popleft()
                if micros(self._clock.now()) >= one.expires:
                    expired.append(one)
                elif (error := self._send(connection, one)) is None:
                    arrived.append(one)
                else:
                    failed.append((one, error))
        for one in arrived:
            log.info("%s reached %s (%s)", one.source, one.request["Target"]["Arn"], one.token)
            self._measures.count(one, "tried", "told")
        for one, error in failed:
            self._measures.count(one, "tried", "refused")
            self._failed(one, error)
        for one in expired:
            old = ApiError("The event is older than it may be sent.", code="SDK_CLIENT_ERROR", status=400)
            self._give_up(one, old, _AGE)
        return len(arrived)

    def _send(self, connection: Connection, one: Delivery) -> ApiError | None:
        """Send one and forget it, or leave it as it is and return why."""
        try:
            with connection.begin_nested():
                deliveries.done(connection, one.id)
                self._sender.send(one)
        except ApiError as error:
            return error
        except (TryAgain, Moved) as slow:
            return ApiError(str(slow), code="SDK_CLIENT_ERROR", status=503)
        except Exception as error:  # one target must not keep the others from theirs
            log.exception("%s could not be sent what %s has for it", one.request["Target"]["Arn"], one.source)
            return ApiError(str(error), code="INTERNAL_ERROR", status=500)
        return None

    def _failed(self, one: Delivery, error: ApiError) -> None:
        now = micros(self._clock.now())
        wait = min(FIRST_WAIT * (1 << min(one.tries, 12)), LONGEST_WAIT)
        again = now + wait // timedelta(microseconds=1)
        condition = ""
        if error.code not in _FOR_GOOD and error.status not in _REFUSED:
            if one.tries >= one.most:
                condition = "MaximumRetryAttempts"
            elif again >= one.expires:
                condition = _AGE
            else:
                with self._records.database.write() as connection:
                    deliveries.put_off(connection, one.id, again)
                return
        self._measures.count(one, "told")
        self._give_up(one, error, condition)

    def _give_up(self, one: Delivery, error: ApiError, condition: str) -> None:
        target = one.request["Target"]
        queue = target.get("DeadLetterConfig", {}).get("Arn")
        self._measures.count(one, "failed")
        log.warning(
            "%s did not get an event to %s: %s (%s)%s",
            one.source,
            target["Arn"],
            error.message,
            error.code,
            f"; it goes to {queue}" if queue else "",
        )
        try:
            with self._records.database.write() as connection:
                deliveries.done(connection, one.id)
                if queue:
                    self._sender.dead_letter(one, queue, error, condition)
                    self._measures.count(one, "letter")
        except ApiError as refused:
            self._measures.count(one, "no letter")
            log.warning("%s could not take a dead letter: %s", queue, refused.message)
            with self._records.database.write() as connection:
                deliveries.done(connection, one.id)
