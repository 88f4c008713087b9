"""The queue of asynchronous invocations: accepted, claimed by lease, settled once.

What `add` returned from is on disk. Whoever settles a request does so with `settled` in one transaction with
what the request led to, so that neither is without the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from clary.core.document import Document
from clary.store.database import Database
from clary.store.invocations.tables import INVOCATIONS

LEASE = 30_000  # Milliseconds for which a claim holds unless it is renewed.
_I = INVOCATIONS.c


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """One request; times are milliseconds. `body` is there where it came with the call itself."""

    id: int
    received: int
    expires: int
    tries: int
    request: Document
    body: bytes | None


@dataclass(frozen=True)
class Backlog:
    """How many requests an endpoint has that are not settled, and when the oldest came in."""

    size: int
    oldest: int


def add(
    connection: Connection,
    endpoint: str,
    request: Document,
    *,
    received: int,
    expires: int,
    body: bytes | None,
) -> None:
    """Keep a request of an endpoint's."""
    made: Document = {"endpoint": endpoint, "received": received, "expires": expires, "leased": 0, "tries": 0}
    connection.execute(insert(INVOCATIONS).values(**made, request=request, body=body))


class Invocations:
    """The queues of every endpoint, as one owner of claims sees them."""

    def __init__(self, database: Database, owner: str) -> None:
        self.database, self._owner = database, owner

    def endpoints(self) -> Iterator[str]:
        """Yield the uid of every endpoint that has requests; a read for each, however many they are."""
        last = ""
        with self.database.read() as connection:
            while found := connection.scalar(select(func.min(_I.endpoint)).where(_I.endpoint > last)):
                yield found
                last = found

    def claim(self, endpoint: str, most: int, now: int) -> list[Accepted]:
        """Make the oldest requests that are nobody's this owner's, those apart that are too old."""
        return self._claim([_I.endpoint == endpoint, _I.leased <= now, _I.expires > now], most, now)

    def claim_expired(self, endpoint: str, most: int, now: int) -> list[Accepted]:
        """Make requests that nobody got round to in time this owner's."""
        return self._claim([_I.endpoint == endpoint, _I.leased <= now, _I.expires <= now], most, now)

    def renew(self, ids: Collection[int], now: int) -> None:
        """Prolong claims that are still this owner's."""
        mine = (_I.owner == self._owner, _I.id.in_(ids))
        with self.database.write() as connection:
            connection.execute(update(INVOCATIONS).where(*mine).values(leased=now + LEASE))

    def give_back(self, id: int, *, tried: bool) -> None:
        """Let a request be claimed again; `tried` if its host was lost over it."""
        mine = (_I.owner == self._owner, _I.id == id)
        freed = {"owner": None, "leased": 0, "tries": _I.tries + int(tried)}
        with self.database.write() as connection:
            connection.execute(update(INVOCATIONS).where(*mine).values(**freed))

    def settled(self, connection: Connection, id: int) -> bool:
        """Forget a request that is answered; False if it is not this owner's any more."""
        gone = connection.execute(delete(INVOCATIONS).where(_I.owner == self._owner, _I.id == id))
        return bool(gone.rowcount)

    def disown(self, owners: str) -> int:
        """End every claim of owners whose name starts with `owners`, known to be dead; return how many."""
        theirs = _I.owner.startswith(owners, autoescape=True)
        with self.database.write() as connection:
            freed = connection.execute(update(INVOCATIONS).where(theirs).values(owner=None, leased=0))
        return freed.rowcount

    def drop(self, endpoint: str) -> None:
        """Forget the requests of an endpoint that is no more."""
        with self.database.write() as connection:
            connection.execute(delete(INVOCATIONS).where(_I.endpoint == endpoint))

    def backlog(self, endpoint: str) -> Backlog:
        """Return how much an endpoint has to do."""
        with self.database.read() as connection:
            size = connection.scalar(select(func.count()).where(_I.endpoint == endpoint)) or 0
            first = select(_I.received).where(_I.endpoint == endpoint).order_by(_I.id).limit(1)
            return Backlog(size, connection.scalar(first) or 0)

    def _claim(self, which: Sequence[ColumnElement[bool]], most: int, now: int) -> list[Accepted]:
        found = select(INVOCATIONS).where(*which).order_by(_I.id).limit(most)
        with self.database.read() as connection:
            if connection.execute(found.limit(1)).first() is None:  # most looks find nothing: no write
                return []
        with self.database.write() as connection:
            rows = connection.execute(found).all()
            taken = update(INVOCATIONS).where(_I.id.in_([row.id for row in rows]))
            connection.execute(taken.values(owner=self._owner, leased=now + LEASE))
        return [_accepted(row) for row in rows]


def _accepted(row: Row[Any]) -> Accepted:
    return Accepted(
        id=row.id,
        received=row.received,
        expires=row.expires,
        tries=row.tries,
        request=row.request,
        body=row.body,
    )
