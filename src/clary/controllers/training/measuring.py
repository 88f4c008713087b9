"""Takes in what a job's runs print, and the metrics in it, in one transaction: every point once, and at once.

Whoever is killed on the way has kept both or neither, so that a line is never measured twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from clary.controllers.logs import Stream, ingest
from clary.controllers.means import Means
from clary.controllers.training.metric_search import Found, Searcher
from clary.controllers.training.metric_series import keep
from clary.controllers.training.metrics import every_value
from clary.core.document import Document
from clary.store.records import Record

PATIENCE = (
    10.0  # seconds; expressions that take longer over what was printed since the last look are given up
)

Search = Callable[[Sequence[tuple[int, str]]], Found]


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What one look at a run's output came to.

    Is all of it in the log, may there be values that were not told of yet, and what is to be written down of
    metrics that cannot be searched for.
    """

    logged: bool
    measured: bool = False
    given_up: Document | None = None


class Measuring:
    """Takes in the output of the runs of training jobs."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._searcher = Searcher()
        self._followed: set[str] = set()

    def take(
        self,
        job: Record,
        uid: str,
        stream: Stream,
        definitions: Sequence[Document],
        now: datetime,
        *,
        ended: bool,
        trusted: bool,
    ) -> Taken:
        """Take in what a run printed since the last look; `trusted` expressions are our own."""
        given_up: Document = job.doc.get("_Unsearched", {"Names": [], "Remark": ""})
        before = given_up
        measured = (
            uid not in self._followed
        )  # a controller that was killed may not have told of the last ones

        def search(events: Sequence[tuple[int, str]]) -> Found:
            wanted = [each for each in definitions if each["Name"] not in given_up["Names"]]
            if not wanted or not events:
                return Found(points={})
            if trusted:
                return Found(points=every_value(wanted, events))
            return self._searcher.search(wanted, events, PATIENCE)

        def put(events: Sequence[tuple[int, str]], offset: int, next_offset: int) -> None:
            nonlocal given_up, measured
            found = search(events)
            measured = measured or bool(found.points)
            if found.given_up:
                given_up = _more(given_up, found)
            self._put(job, stream, events, found, offset, next_offset)

        means = self._means
        logged = ingest(means.runtime, uid, means.logs, stream, now, ended=ended, put=put)
        (self._followed.discard if ended and logged else self._followed.add)(uid)
        news = given_up if given_up is not before else None
        return Taken(logged=logged, measured=measured, given_up=news)

    def _put(
        self,
        job: Record,
        stream: Stream,
        events: Sequence[tuple[int, str]],
        found: Found,
        offset: int,
        next_offset: int,
    ) -> None:
        logs, place = self._means.logs, (stream.account, stream.region, stream.group, stream.name)
        with self._means.records.database.write():
            if logs.offset(*place) != offset:
                return  # somebody else took the same lines
            logs.put(*place, events, offset=offset, next_offset=next_offset)
            keep(self._means.metrics, job, found.points)


def _more(known: Document, found: Found) -> Document:
    remarks = filter(None, (known["Remark"], found.remark))
    return {"Names": [*known["Names"], *found.given_up], "Remark": "; ".join(remarks)}
