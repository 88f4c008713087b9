"""Records: what was asked for and what became of it, one row a resource, guarded by version and lease.

A record is written only by those who read its current version; the controllers' loop also needs the lease. A
refused write raises `Moved`, and the reader starts over. No network or process call belongs inside a write.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Final, Literal

from sqlalchemy import Connection, and_, delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from clary.core import ids
from clary.core.arn import Arn
from clary.core.clock import Clock
from clary.core.document import Document
from clary.core.errors import ApiError, Moved
from clary.resources import registry
from clary.resources.spec import Resource
from clary.store import pages, search_index
from clary.store.by_key import row_by
from clary.store.claims import claims, hold
from clary.store.database import Database
from clary.store.events import outbox, reached
from clary.store.lineage import followed
from clary.store.pages import Filter, Page
from clary.store.record import (
    COLUMNS,
    Record,
    after,
    arn_tail,
    from_row,
    key_of,
    place_of,
    scope_of,
    status_of,
)
from clary.store.tables import CHANGES, RECORDS
from clary.store.times import micros

__all__ = ["KEEP", "Due", "Filter", "Page", "Record", "Records"]


class Keep(Enum):
    """Says that a write leaves `due` as it is."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP
Due = datetime | None | Literal[Keep.KEEP]

GLOBAL_SERVICES = frozenset({"iam", "organizations"})
"""Services whose records belong to an account, whatever the region of the call."""

_BATCH = 200
_BUMP = text(
    "INSERT INTO changes (scope, service, kind, account, region, generation) "
    "VALUES (:scope, :service, :kind, :account, :region, 1) "
    "ON CONFLICT (scope) DO UPDATE SET generation = changes.generation + 1"
)


class Records:
    """The records of one account and region, or of all of them when not `scoped`."""

    def __init__(self, database: Database, clock: Clock, account: str = "", region: str = "") -> None:
        self.database = database
        self.clock = clock
        self.account = account
        self.region = region

    def scoped(self, account: str, region: str) -> Records:
        """Return the records of one account and region. Global services keep region "" whatever is given."""
        return Records(self.database, self.clock, account, region)

    def arn(self, resource: Resource, doc: Document) -> str:
        """Return the ARN that `doc` has or would have as a `resource` here; what it does not say is `*`."""
        region = self._region(resource)
        return str(Arn(resource.service, region, self.account, arn_tail(resource, doc)))

    def create(self, resource: Resource, doc: Document, *, due: datetime | None = None) -> Record:
        """Store a new record, with the declaration's initial members; a taken name raises its `conflict`."""
        now = self.clock.now()
        doc = {"CreationTime": now, "LastModifiedTime": now, **resource.initial, **doc}
        arn = self.arn(resource, doc)
        values = {
            **self._place(resource),
            "uid": ids.uid(),
            "scope": self._scope(resource),
            "key": key_of(resource, doc),
            "name": str(doc.get(resource.key()[-1], "")),
            "arn": arn,
            "version": 1,
            "status": status_of(resource, doc),
            "status_since": micros(now),
            "created": micros(doc["CreationTime"]),
            "modified": micros(doc["LastModifiedTime"]),
            "due": micros(due),
            "doc": doc,
        }
        with self.database.write() as connection:
            # Two names may share a lower-cased ARN. Asked apart: an OR would scan the kind.
            alike = connection.scalars(select(RECORDS.c.scope).where(RECORDS.c.arn == arn)).all()
            if values["scope"] in alike or self.find(resource, values["key"]) is not None:
                raise _conflict(resource, values["name"], arn)
            try:
                made = connection.scalars(insert(RECORDS).values(values).returning(RECORDS.c.id)).one()
            except IntegrityError as error:
                raise _conflict(resource, values["name"], arn) from error
            search_index.note_new(self.database, connection, values, made)
            followed.note(connection, resource, values["uid"])
            outbox.note(connection, resource, values["uid"])
            self._changed(connection, values)
        return from_row(values)

    def get(self, resource: Resource, request: Document) -> Record:
        """Return the record that the request's key members name; an absent one raises `resource.missing`."""
        record = self.find(resource, key_of(resource, request))
        if record is None:
            raise self.missing(resource, request)
        return record

    def find(self, resource: Resource, key: str) -> Record | None:
        """Return a record by its key: the identity's values joined by `/`."""
        row = row_by(self.database, scope=self._scope(resource), key=key)
        return None if row is None else from_row(row)

    def by_uid(self, uid: str) -> Record | None:
        """Return a record by its uid, in whatever account and region it is."""
        row = row_by(self.database, uid=uid)
        return None if row is None else from_row(row)

    def by_arn(self, arn: str) -> Record | None:
        """Return a record by its ARN, in whatever account and region it is."""
        row = row_by(self.database, arn=arn)
        return None if row is None else from_row(row)

    def update(
        self,
        record: Record,
        changes: Document,
        *,
        remove: Iterable[str] = (),
        due: Due = KEEP,
        touch: bool = True,
    ) -> Record:
        """Write members over the version that was read, or raise `Moved`.

        LastModifiedTime, status and since when it holds follow by themselves; `touch=False` leaves the first.
        """
        values = self._next(record, changes, remove, due, touch=touch)
        with self.database.write() as connection:
            search_index.note(self.database, connection, record.service, record.uid, record.version)
            guard = and_(RECORDS.c.uid == record.uid, RECORDS.c.version == record.version)
            if connection.execute(update(RECORDS).where(guard).values(values)).rowcount != 1:
                raise _moved(record)
            self._written(connection, record, values)
        return after(record, values)

    def delete(self, record: Record) -> None:
        """Remove the version that was read, or raise `Moved`."""
        with self.database.write() as connection:
            search_index.note(self.database, connection, record.service, record.uid, record.version)
            guard = and_(RECORDS.c.uid == record.uid, RECORDS.c.version == record.version)
            outbox.note_gone(connection, registry.find(record.service, record.kind), record)
            if connection.execute(delete(RECORDS).where(guard)).rowcount != 1:
                raise _moved(record)
            reached.forget(connection, record.uid)
            followed.note_gone(connection, registry.find(record.service, record.kind), record)
            self._changed(connection, place_of(record))

    def each(self, resource: Resource, *, under: str = "") -> Iterator[Record]:
        """Yield every record of a kind by key, read in batches; unscoped, those of every account.

        `under` is the first part of an identity: only records whose key begins with it and a `/` are meant.
        """
        for scope in self._scopes(resource):
            last = f"{under}/" if under else ""
            while True:
                statement = select(*COLUMNS).where(RECORDS.c.scope == scope, RECORDS.c.key > last)
                if under:
                    statement = statement.where(RECORDS.c.key < f"{under}0")  # 0 comes next behind the slash
                with self.database.read() as connection:
                    rows = (
                        connection.execute(statement.order_by(RECORDS.c.key).limit(_BATCH)).mappings().all()
                    )
                yield from map(from_row, rows)
                if len(rows) < _BATCH:
                    break
                last = rows[-1]["key"]

    def in_status(self, resource: Resource, status: str) -> list[Record]:
        """Return the records of a kind that have a status, read by it; unscoped, those of every account."""
        rows: list[Record] = []
        for scope in self._scopes(resource):
            wanted = select(*COLUMNS).where(RECORDS.c.scope == scope, RECORDS.c.status == status)
            with self.database.read() as connection:
                rows += map(from_row, connection.execute(wanted).mappings())
        return rows

    def hasten(self, resource: Resource, statuses: Collection[str]) -> None:
        """Have the records of a kind with these statuses looked at now that are to be looked at later."""
        now = micros(self.clock.now())
        for scope in self._scopes(resource):
            meant = and_(RECORDS.c.scope == scope, RECORDS.c.status.in_(statuses), RECORDS.c.due > now)
            with self.database.write() as connection:
                connection.execute(update(RECORDS).where(meant).values(due=now))

    def page(
        self,
        resource: Resource,
        *,
        where: Sequence[Filter] = (),
        then: Sequence[Filter] = (),
        sort: str = "CreationTime",
        descending: bool = True,
        limit: int = 10,
        token: str | None = None,
    ) -> Page:
        """Return one page of a kind. `where` selects; `then` thins out the page already cut.

        The token is opaque, holds under concurrent inserts, and is refused with another query than its own.
        """
        query = pages.Query(self._scope(resource), resource, tuple(where), tuple(then), sort, descending)
        return pages.page(self.database, self.clock, query, limit, token)

    def claim(
        self,
        kinds: Collection[Resource],
        owner: str,
        *,
        lease: timedelta,
        limit: int,
        hurry: Collection[str] = (),
    ) -> list[Record]:
        """Take up to `limit` due records of these kinds that nobody holds, longest due first.

        They are `owner`'s until the lease ends or `settle` gives them back; an owner that died is replaced
        then. Records whose uid is in `hurry` come first, also when they wait for a later look.
        """
        now, found = micros(self.clock.now()), claims(*kinds)
        with self.database.read() as connection:
            if not found.there_are(connection, now, hurry):
                return []
        with self.database.write() as connection:
            rows = found.take(connection, now, limit, hurry)
            until = micros(self.clock.now() + lease)
            hold(connection, [row["id"] for row in rows], owner, until)
        return [from_row(row) for row in rows]

    def take(self, kinds: Collection[Resource], uid: str, owner: str, *, lease: timedelta) -> Record | None:
        """Take one record of these kinds, also one that waits for a later look; None where it is not free."""
        with self.database.write() as connection:
            row = claims(*kinds).one(connection, micros(self.clock.now()), uid)
            if row is None:
                return None
            hold(connection, [row["id"]], owner, micros(self.clock.now() + lease))
        return from_row(row)

    def settle(
        self, record: Record, owner: str, write: Document, *, remove: Iterable[str] = (), due: datetime | None
    ) -> Record:
        """Write what the loop did, say when to look again, and give the lease back.

        Raises `Moved` when the record changed since it was claimed (the lease is given back, so that it is
        looked at again at once) or when the lease is somebody else's by now.
        """
        if write or remove:
            values = self._next(record, write, remove, due, touch=True)
        else:
            values = {"due": micros(due)}
        mine = and_(RECORDS.c.uid == record.uid, RECORDS.c.lease_owner == owner)
        free = {"lease_owner": None, "lease_until": None}
        with self.database.write() as connection:
            if "doc" in values:
                search_index.note(self.database, connection, record.service, record.uid, record.version)
            current = and_(mine, RECORDS.c.version == record.version)
            written = (
                connection.execute(update(RECORDS).where(current).values({**values, **free})).rowcount == 1
            )
            if not written:
                connection.execute(update(RECORDS).where(mine).values(free))
            elif "doc" in values:
                self._written(connection, record, values)
        if not written:
            raise _moved(record)
        return after(record, values)

    def renew(self, record: Record, owner: str, *, lease: timedelta) -> None:
        """Prolong a lease that is still `owner`'s, or raise `Moved`."""
        mine = and_(RECORDS.c.uid == record.uid, RECORDS.c.lease_owner == owner)
        with self.database.write() as connection:
            until = micros(self.clock.now() + lease)
            if connection.execute(update(RECORDS).where(mine).values(lease_until=until)).rowcount != 1:
                raise _moved(record)

    def disown(self, owners: str) -> int:
        """End every lease of owners whose name starts with `owners`, known to be dead; return how many."""
        held = and_(RECORDS.c.due.is_not(None), RECORDS.c.lease_owner.startswith(owners, autoescape=True))
        with self.database.write() as connection:
            freed = connection.execute(update(RECORDS).where(held).values(lease_owner=None, lease_until=None))
            return freed.rowcount

    def missing(self, resource: Resource, request: Document) -> ApiError:
        """Return the error that says a record is not there, in AWS's words."""
        given = request.get(resource.asked_by or resource.arn_in())
        name = request.get(resource.key()[-1], given)
        named = str(name).startswith("arn:")
        arn = given or (name if named else self.arn(resource, request))
        words = resource.missing_text.format(arn=arn, name=name, noun=resource.noun())
        return ApiError(words, code=resource.missing, status=resource.missing_status)

    def _next(
        self, record: Record, changes: Document, remove: Iterable[str], due: Due, *, touch: bool
    ) -> Document:
        now = self.clock.now()
        gone = set(remove)
        doc = {name: value for name, value in {**record.doc, **changes}.items() if name not in gone}
        if touch:
            doc["LastModifiedTime"] = changes.get("LastModifiedTime", now)
        status = status_of(registry.find(record.service, record.kind), doc)
        values: Document = {"version": record.version + 1, "doc": doc, "status": status}
        values["modified"] = micros(doc["LastModifiedTime"])
        values["status_since"] = micros(record.status_since if status == record.status else now)
        if due is not KEEP:
            values["due"] = micros(due)
        return values

    def _region(self, resource: Resource) -> str:
        return "" if resource.service in GLOBAL_SERVICES else self.region

    def _place(self, resource: Resource) -> Document:
        if not self.account:
            raise ValueError("these records are not scoped to an account: use scoped(account, region)")
        return {
            "service": resource.service,
            "kind": resource.kind,
            "account": self.account,
            "region": self._region(resource),
        }

    def _scope(self, resource: Resource) -> int:
        return scope_of(**self._place(resource))

    def _scopes(self, resource: Resource) -> list[int]:
        if self.account:
            return [self._scope(resource)]
        every = select(CHANGES.c.scope).where(
            CHANGES.c.service == resource.service, CHANGES.c.kind == resource.kind
        )
        with self.database.read() as connection:
            return list(connection.scalars(every))

    def _written(self, connection: Connection, record: Record, values: Document) -> None:
        resource = registry.find(record.service, record.kind)
        followed.note(connection, resource, record.uid)
        outbox.note_change(connection, resource, record, values)
        self._changed(connection, place_of(record))

    def _changed(self, connection: Connection, place: Document) -> None:
        where = {name: place[name] for name in ("service", "kind", "account", "region")}
        connection.execute(_BUMP, {**where, "scope": scope_of(**where)})
        search_index.settle(self.database, connection)


def _conflict(resource: Resource, name: str, arn: str) -> ApiError:
    words = resource.conflict_text.format(arn=arn, name=name, noun=resource.noun())
    return ApiError(words, code=resource.conflict, status=resource.conflict_status)


def _moved(record: Record) -> Moved:
    return Moved(f"{record.arn} is no longer at version {record.version}")
