"""Lets go of the metrics and the alarms' history that CloudWatch would no longer have."""

from __future__ import annotations

import logging
from datetime import datetime

from clary.controllers.means import Means
from clary.store.metrics import alarm_history

log = logging.getLogger(__name__)

MINUTE = 17
"""The minute of every hour in which it is done."""


def retain(means: Means, now: datetime) -> None:
    """Do it when its minute has come; a missed one costs an hour."""
    if now.minute != MINUTE:
        return
    if gone := means.metrics.sweep():
        log.info("%s chunks of metrics were older than CloudWatch keeps them", gone)
    alarm_history.sweep(means.records.database, now)
