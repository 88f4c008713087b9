"""The life of a composite alarm: its rule is tested every few seconds against the alarms it names."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta

from clary.controllers.cloudwatch.alarm_actions import Deliver, move, pending, perform, to_nobody
from clary.controllers.means import Means
from clary.controllers.step import Step
from clary.core.arn import parse as parse_arn
from clary.core.document import Document
from clary.engines.cloudwatch.composite import parse_rule
from clary.resources.cloudwatch.alarm import COMPOSITE_ALARM, METRIC_ALARM
from clary.resources.spec import Resource
from clary.store.records import Record

LOOKS = timedelta(seconds=5)  # Between two tests of a rule.


class CompositeAlarms:
    """The controller of composite alarms."""

    def __init__(self, means: Means, now: Callable[[], datetime], deliver: Deliver = to_nobody) -> None:
        self._means = means
        self._now = now
        self._deliver = deliver

    @property
    def resource(self) -> Resource:
        """The kind it tends."""
        return COMPOSITE_ALARM

    def look(self, record: Record, now: datetime) -> Step:
        """Test the rule."""
        if waiting := pending(record):
            return waiting
        test, names = parse_rule(record.doc["AlarmRule"])
        states = {name: self._alarm(record, name) for name in names}
        state = "ALARM" if test(lambda name: _state(states[name])) else "OK"
        if state == record.doc["StateValue"]:
            return Step(again=LOOKS)
        told = {each.arn: each for each in states.values() if each is not None}
        because = ", ".join(f"{arn} is in state {_state(each)}" for arn, each in sorted(told.items()))
        reason = (
            f"The alarm rule {'holds' if state == 'ALARM' else 'does not hold'}: {because or 'no alarm'}."
        )
        data = {
            "triggeringAlarms": [{"arn": arn, "state": {"value": _state(told[arn])}} for arn in sorted(told)]
        }
        text = json.dumps(data, separators=(",", ":"))
        return move(record, state, reason, text if len(text) <= 4000 else None, now)

    def act(self, record: Record, step: Step) -> Document:
        """Write the change, or do what it sets off."""
        return perform(self._means, self._deliver, record, step, self._now())

    def _alarm(self, record: Record, name: str) -> Record | None:
        arn = parse_arn(name)
        key = arn.resource.removeprefix("alarm:") if arn is not None else name
        scoped = self._means.records.scoped(record.account, record.region)
        return scoped.find(METRIC_ALARM, key) or scoped.find(COMPOSITE_ALARM, key)


def _state(alarm: Record | None) -> str | None:
    return None if alarm is None else str(alarm.doc["StateValue"])
