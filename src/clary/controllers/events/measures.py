"""What deliveries come to, as CloudWatch's metrics of rules and schedules. evidence/events-metrics.md"""

from __future__ import annotations

import logging
from collections import Counter

from clary.core.clock import Clock
from clary.core.errors import TryAgain
from clary.store.events.deliveries import Delivery
from clary.store.metrics import Columns, Metrics, Series
from clary.store.metrics.store import STANDARD, subject_of
from clary.store.times import micros

RULES, SCHEDULES = "AWS/Events", "AWS/Scheduler"
_RULES = {"tried": "InvocationAttempts", "told": "Invocations", "failed": "FailedInvocations"}
_RULES |= {"letter": "InvocationsSentToDlq", "no letter": "InvocationsFailedToBeSentToDlq"}
_SCHEDULES = {"tried": "InvocationAttemptCount", "refused": "TargetErrorCount"}
_SCHEDULES |= {"failed": "InvocationDroppedCount", "letter": "InvocationsSentToDeadLetterCount"}
_SCHEDULES |= {"no letter": "InvocationsFailedToBeSentToDeadLetterCount"}
Key = tuple[str, str, str, str]
"""Account, region, the ARN of who sends, and what became of it."""

_log = logging.getLogger(__name__)


class Measures:
    """Counts in one process, until they are reported."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics, self._clock = metrics, clock
        self._counts: Counter[Key] = Counter()

    def count(self, one: Delivery, *what: str) -> None:
        """Count what became of a delivery: tried, refused, told, failed, letter, no letter."""
        for each in what:
            self._counts[one.account, one.region, one.source, each] += 1

    def report(self) -> None:
        """Write what was counted since the last report, and begin anew."""
        counts, self._counts = self._counts, Counter()
        at = micros(self._clock.now()) // 1_000_000 * 1000
        points = [
            (series, _column(at, number)) for key, number in counts.items() if (series := _series(*key))
        ]
        try:
            if points:
                self._metrics.put(points)
        except (TryAgain, OSError) as error:
            _log.warning("what the last seconds' deliveries came to is lost: %s", error)


def _series(account: str, region: str, source: str, what: str) -> Series | None:
    """Return the metric, None for what AWS does not tell of such a sender."""
    _, _, name = source.partition("/")
    first, _, rest = name.partition("/")
    if source.startswith("arn:aws:scheduler:"):
        space, names, dimensions = SCHEDULES, _SCHEDULES, [("ScheduleGroup", first)]
    else:
        bus = [("EventBusName", first)] if rest else []  # the default bus is not named
        space, names, dimensions = RULES, _RULES, [*bus, ("RuleName", rest or first)]
    if what not in names:
        return None
    return Series(account, region, space, names[what], subject_of(dimensions), "Count", STANDARD)


def _column(at: int, number: int) -> Columns:
    column = Columns.empty("qdd")
    column.append(at, 1.0, number)
    return column
