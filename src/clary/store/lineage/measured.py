"""What trial components have measured: metrics, summed up in their own records so that Search finds them.

Points come in by the thousand, so a batch only notes whose they are, in its own transaction; every now and
then the notes are worked off.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, select, text

from clary.core.document import Document
from clary.store.lineage.tables import MEASURED

if TYPE_CHECKING:
    from clary.store.metrics import Metrics

_NOTE = text("INSERT INTO lineage_measured (subject) VALUES (:subject) ON CONFLICT (subject) DO NOTHING")


def note(connection: Connection, subjects: Iterable[str]) -> None:
    """Note that points came in for these resources."""
    if rows := [{"subject": subject} for subject in sorted(subjects)]:
        connection.execute(_NOTE, rows)


def noted(connection: Connection, limit: int) -> list[str]:
    """Return some of the resources that points came in for."""
    return list(connection.scalars(select(MEASURED.c.subject).limit(limit)))


def done(connection: Connection, subjects: Collection[str]) -> None:
    """Forget notes that were worked off, in the transaction that did it."""
    connection.execute(delete(MEASURED).where(MEASURED.c.subject.in_(list(subjects))))


def summaries(metrics: Metrics, account: str, region: str, arn: str) -> list[Document]:
    """Return a resource's metrics as DescribeTrialComponent shows them."""
    return [
        {
            "MetricName": each.name,
            "SourceArn": arn,
            "TimeStamp": each.time,
            "Max": each.high,
            "Min": each.low,
            "Last": each.last,
            "Count": each.count,
            "Avg": each.mean,
            "StdDev": each.deviation,
        }
        for each in metrics.summary(account, region, arn.lower())
    ]


def merged(known: Iterable[Document], newer: Iterable[Document]) -> list[Document]:
    """Return metrics by name, the newer ones in place of those of the same name."""
    return [*{each["MetricName"]: each for each in (*known, *newer)}.values()]
