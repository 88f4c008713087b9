"""`Objects`: the one thing the rest of Clary knows of the object store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

from sqlalchemy import Connection, select

from clary.core.body import StagedBody
from clary.core.clock import Clock, SystemClock
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.store.database import Database
from clary.store.objects import (
    buckets,
    checksums,
    completion,
    index,
    lifecycle,
    listing,
    replacement,
    telling,
    upload_listing,
    version_listing,
    versions,
)
from clary.store.objects.checksums import Checksum
from clary.store.objects.commit import Committer
from clary.store.objects.completion import Completed, Demand
from clary.store.objects.conditions import Writing
from clary.store.objects.content import Content, Step, chunks, unwatched
from clary.store.objects.digests import small, verify, whole
from clary.store.objects.errors import IsMarker, NoSuchBucket, NoSuchKey, NoSuchVersion
from clary.store.objects.fresh import KEEP, SMALL, Fresh
from clary.store.objects.garbage import GRACE, Collector
from clary.store.objects.model import Bucket, Chosen, Listing, Marker, ObjectInfo, Removal, encode_key
from clary.store.objects.place import Place
from clary.store.objects.replacement import Draft
from clary.store.objects.tables import GARBAGE, OBJECTS, PARTS, VERSIONS
from clary.store.objects.upload_listing import UploadListing, UploadQuery
from clary.store.objects.uploads import Uploads
from clary.store.objects.version_listing import VersionListing, VersionQuery
from clary.store.statement import Lookup, Values

_ANYTHING = Writing()
_DELETE = "DeleteObject"
_PAGE = 1000
_RULES_EVERY = timedelta(hours=1)
Outcome = list[Removal | ApiError]
Doomed = tuple[str, str | None, Writing]
"""What is to be deleted: a key, the version of it unless the present one, the conditions."""
OCTETS = "application/octet-stream"


class Objects:
    """Buckets and objects over one directory and one database; safe to share between threads and processes.

    What a call acknowledged is on disk. `watch` is told each step on the way there, for crash tests.
    """

    def __init__(
        self,
        database: Database,
        root: Path,
        clock: Clock | None = None,
        *,
        grace: timedelta = GRACE,
        watch: Step = unwatched,
    ) -> None:
        clock = clock or SystemClock()
        content = Content(root, watch)
        collector, fresh = Collector(database, content, clock, grace), Fresh(database, content)
        self._place = Place(database, content, collector, Committer(database), fresh, clock)
        self._bucket = Lookup(database, buckets.FIND)
        self._look = Lookup(database, index.LOOK)
        self._watch = watch
        self.uploads = Uploads(self._place)
        self._expired: datetime | None = None
        fresh.recover()

    @property
    def staging(self) -> Path:
        """Where bodies lie before they are taken in: on the file system of the contents."""
        return self._place.content.staging

    @property
    def committer(self) -> Committer:
        """Where writes of `write_of` go."""
        return self._place.committer

    def look(self, bucket: str, key: str) -> tuple[Bucket, ObjectInfo | None]:
        """Return a bucket and the object at a key of it, in one quick read."""
        row = self.glance(bucket, key)
        if row is None:
            raise NoSuchBucket(bucket)
        return self.looked(row)

    def glance(self, bucket: str, key: str) -> Values | None:
        """Return all that is known of a bucket and an object as it is stored, None without the bucket.

        What is made of it holds as long as a glance returns the same.
        """
        return self._look.row(called=bucket, at=encode_key(key))

    def looked(self, row: Values) -> tuple[Bucket, ObjectInfo | None]:
        """Return what a `glance` means."""
        return index.look(row, self._place.content.directory)

    # Buckets

    def create_bucket(self, name: str, account: str, region: str) -> Bucket:
        """Make a bucket; a taken name is BucketAlreadyOwnedByYou or BucketAlreadyExists."""
        with self._place.database.write() as connection:
            return buckets.create(connection, name, account, region, self._place.clock.now())

    def bucket(self, name: str) -> Bucket:
        """Return a bucket; an absent one is NoSuchBucket."""
        found = self.find_bucket(name)
        if found is None:
            raise NoSuchBucket(name)
        return found

    def find_bucket(self, name: str) -> Bucket | None:
        """Return a bucket, or None."""
        if self._place.database.writing:
            with self._place.database.read() as connection:
                return buckets.find(connection, name)
        row = self._bucket.row(called=name)
        return None if row is None else buckets.describe(row)

    def buckets(self, account: str | None = None) -> list[Bucket]:
        """Return an account's buckets, or all, in order of their names."""
        with self._place.database.read() as connection:
            return buckets.every(connection, account)

    def delete_bucket(self, name: str) -> None:
        """Delete an empty bucket; one that is not is BucketNotEmpty."""
        with self._place.database.write() as connection:
            buckets.remove(connection, name, self._place.clock.now())
        self._place.collector.note()

    def configure(self, name: str, changes: Document, remove: Iterable[str] = ()) -> Bucket:
        """Keep settings of a bucket, and drop those named in `remove`."""
        with self._place.database.write() as connection:
            return buckets.configure(connection, name, changes, remove)

    # Objects in

    def put(
        self,
        bucket: str,
        key: str,
        body: StagedBody | bytes,
        attributes: Document | None = None,
        *,
        claims: Mapping[str, str] | None = None,
        content_md5: str | None = None,
        algorithm: str | None = None,
        conditions: Writing = _ANYTHING,
    ) -> ObjectInfo:
        """Make a body the object at a key. `claims` are base64 checksums by algorithm that it must have."""
        encode_key(key)
        claims = claims or {}
        if isinstance(body, bytes) and len(body) <= SMALL:
            made = small(body, claims, content_md5, algorithm)
            saved = self.committer.run(self.write_of(bucket, key, body, attributes or {}, made, conditions))
            self.written_small()
            return saved
        with self._place.staged(body, [*claims, algorithm or checksums.DEFAULT]) as staged:
            self.bucket(bucket)
            verify(staged, claims, content_md5)
            etag, checksum = staged_etag(staged), whole(staged, claims, algorithm)
            content = self._place.content.keep(staged.path)
        draft = Draft(
            content=content, size=staged.size, etag=etag, checksum=checksum, attributes=attributes or {}
        )
        return self._save(bucket, key, draft, conditions)

    def write_of(
        self,
        bucket: str,
        key: str,
        body: bytes,
        attributes: Document,
        made: tuple[str, Checksum],
        conditions: Writing = _ANYTHING,
    ) -> Callable[[Connection], ObjectInfo]:
        """Return the write, for `committer`, that makes a small body of that ETag and checksum an object."""
        raw, (etag, checksum) = encode_key(key), made

        def work(connection: Connection) -> ObjectInfo:
            holder = buckets.get(connection, bucket)
            content = self._place.content.write_small(body)
            self._watch("index")
            draft = Draft(
                content=content, size=len(body), etag=etag, checksum=checksum, attributes=attributes
            )
            now, directory = self._place.clock.now(), self._place.content.directory
            with self._place.naming(content):
                saved = replacement.save(connection, holder, raw, draft, conditions, now, directory)
            KEEP.run(connection, name=content, bytes=body)
            self._watch("commit")
            return saved

        return work

    def written_small(self) -> None:
        """Take note that a `write_of` was committed."""
        self._watch("committed")
        self._place.fresh.note()
        self._place.collector.note()

    def adopt(self, bucket: str, key: str, path: Path, *, content_type: str = OCTETS) -> ObjectInfo:
        """Make a finished file the object at a key, without a copy where one can be avoided.

        Nobody may write to it any more, and it is gone afterwards. Asked again after a crash: a file still
        there is taken in again, one that is gone was taken in, and the object is returned as it is.
        """
        encode_key(key)
        if path.is_symlink():
            raise ValueError(f"{path} is a symbolic link; only a file itself can become an object")
        if not path.exists():
            present = self.find(bucket, key)
            if present is None:
                raise FileNotFoundError(path)
            return present
        self.bucket(bucket)
        digests = checksums.of_file(path, ["MD5", checksums.DEFAULT])
        content = self._place.content.link(path)
        draft = Draft(
            content=content,
            size=self._place.content.path(content).stat().st_size,
            etag=digests["md5"].hex(),
            checksum=Checksum(checksums.DEFAULT, checksums.encode(digests[checksums.DEFAULT.lower()])),
            attributes={"ContentType": content_type},
        )
        info = self._save(bucket, key, draft, _ANYTHING)
        path.unlink(missing_ok=True)
        return info

    def copy(
        self,
        source: ObjectInfo,
        bucket: str,
        key: str,
        attributes: Document,
        *,
        algorithm: str | None = None,
        conditions: Writing = _ANYTHING,
    ) -> ObjectInfo:
        """Make the source's bytes the object at another key, in one piece whatever the source was made of."""
        encode_key(key)
        self.bucket(bucket)
        held = source.checksum
        wanted = algorithm or (held.algorithm if held else checksums.DEFAULT)
        keeps = held is not None and held.algorithm == wanted and held.kind == "FULL_OBJECT"
        missing = ([] if keeps else [wanted]) + (["MD5"] if "-" in source.etag else [])
        digests = checksums.of_file(source.path, missing)
        content = self._place.content.duplicate(source.path)
        draft = Draft(
            content=content,
            size=source.size,
            etag=digests["md5"].hex() if "md5" in digests else source.etag,
            checksum=held if keeps else Checksum(wanted, checksums.encode(digests[wanted.lower()])),
            attributes=attributes,
            reason="CopyObject",
        )
        return self._save(bucket, key, draft, conditions)

    def stage(self, source: ObjectInfo, offset: int, length: int, algorithms: Iterable[str]) -> StagedBody:
        """Stage a byte range of an object as a body of its own."""
        return self._place.content.write(chunks(source.path, offset, length), algorithms)

    def complete(
        self,
        bucket: str,
        key: str,
        upload_id: str,
        parts: Sequence[Chosen],
        *,
        demand: Demand | None = None,
        conditions: Writing = _ANYTHING,
    ) -> Completed:
        """Make one object of an upload's parts; asked again, it answers the same and changes nothing."""
        name = (bucket, key, upload_id)
        done = completion.complete(self._place, name, parts, demand or Demand(), conditions)
        self._place.collector.note()
        return done

    def uploads_in(self, bucket: str, query: UploadQuery) -> UploadListing:
        """Return one page of the uploads in flight in a bucket."""
        return upload_listing.page(self._place, bucket, query)

    def amend(
        self, bucket: str, key: str, changes: Document, remove: Iterable[str] = (), version: str | None = None
    ) -> ObjectInfo:
        """Change attributes of an object, or of one version, and leave everything else as it is."""
        with self._place.database.write() as connection:
            info = self.get(bucket, key, version)
            kept = {name: value for name, value in info.attributes.items() if name not in set(remove)}
            holder = buckets.get(connection, bucket)
            index.amend(connection, holder, encode_key(key), version, {**kept, **changes})
            return self.get(bucket, key, version)

    # Objects out

    def get(self, bucket: str, key: str, version: str | None = None) -> ObjectInfo:
        """Return an object or one version of it; an absent one is NoSuchKey, NoSuchVersion or NoSuchBucket.

        A marker that was asked for as a version is IsMarker.
        """
        raw, directory = encode_key(key), self._place.content.directory
        if version is None and not self._place.database.writing and (info := self.look(bucket, key)[1]):
            return info
        with self._place.database.read() as connection:
            holder = buckets.get(connection, bucket)
            if version is None:
                info = index.find(connection, holder, raw, directory)
                if info is not None:
                    return info
                marker = versions.marker_at(connection, holder, raw)
                raise NoSuchKey(key, marker.version if marker else None)
            found = versions.find(connection, holder, raw, version, directory)
        if found is None:
            raise NoSuchVersion(key, version)
        if isinstance(found, Marker):
            raise IsMarker(version, format_datetime(found.modified, usegmt=True))
        return found

    def find(self, bucket: str, key: str) -> ObjectInfo | None:
        """Return an object of a bucket that must exist, or None."""
        raw = encode_key(key)
        with self._place.database.read() as connection:
            return index.find(connection, buckets.get(connection, bucket), raw, self._place.content.directory)

    def list(
        self, bucket: str, prefix: str = "", *, delimiter: str = "", start_after: str = "", limit: int = _PAGE
    ) -> Listing:
        """Return keys and common prefixes after `start_after`, in byte order, at most `limit` of both."""
        query = listing.Query(prefix.encode(), delimiter.encode(), start_after.encode(), limit)
        with self._place.database.read() as connection:
            holder = buckets.get(connection, bucket)
            if limit <= 0:
                return Listing([], [], False, "")
            return listing.walk(connection, holder, query, self._place.content.directory)

    def each(self, bucket: str, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield every object under a prefix, in byte order; pages are read as they are asked for."""
        after = ""
        while True:
            page = self.list(bucket, prefix, start_after=after)
            yield from page.objects
            if not page.truncated:
                return
            after = page.next_after

    def versions_in(self, bucket: str, query: VersionQuery) -> VersionListing:
        """Return one page of the versions in a bucket."""
        return version_listing.page(self._place, bucket, query)

    def delete(
        self,
        bucket: str,
        key: str,
        conditions: Writing = _ANYTHING,
        version: str | None = None,
        reason: str = _DELETE,
    ) -> Removal:
        """Delete an object, or one version for good. Who has its file open or linked reads on."""
        (outcome,) = self.delete_many(bucket, [(key, version, conditions)], reason)
        if isinstance(outcome, ApiError):
            raise outcome
        return outcome

    def delete_many(
        self, bucket: str, doomed: Sequence[Doomed], reason: str = _DELETE
    ) -> Sequence[Removal | ApiError]:
        """Delete objects on their own conditions, in one transaction; return what became of each."""
        outcome: Outcome = []
        with self._place.database.write() as connection:
            holder, now = buckets.get(connection, bucket), self._place.clock.now()
            for key, version, conditions in doomed:
                try:
                    raw = encode_key(key)
                    if version is None:
                        removal = replacement.remove(connection, holder, raw, conditions, now)
                    else:
                        removal = versions.remove(connection, holder, raw, version, conditions, now)
                    marked = version is None and removal.marker
                    how = "Delete Marker Created" if marked else "Permanently Deleted"
                    telling.removed(connection, holder, key, removal, how, reason, now)
                    outcome.append(removal)
                except ApiError as error:
                    outcome.append(error)
        self._place.collector.note()
        return outcome

    # Housekeeping

    def sweep(self, age: timedelta = timedelta(hours=1)) -> int:
        """Remove what crashes and finished work left behind, if older than `age`; return how many files.

        Meant for the background of a start: it looks at every content file.
        """
        self.uploads.forget()
        collected = self._place.collector.collect()
        return collected + self._place.content.sweep(self._named, self._place.clock.now(), age)

    def expire(self) -> int:
        """Remove what the buckets' lifecycle rules ask for by now, looking once an hour; return how much."""
        now = self._place.clock.now()
        if self._expired is not None and now - self._expired < _RULES_EVERY:
            return 0
        self._expired = now
        return lifecycle.apply(self, now)

    def close(self) -> None:
        """Finish what is queued and stop the timers; nothing that was acknowledged is lost without it."""
        self._place.committer.close()
        self._place.fresh.close()
        self._place.collector.close()
        self._bucket.close()
        self._look.close()

    def _named(self, start: str) -> set[str]:
        found: set[str] = set()
        with self._place.database.read() as connection:
            for table in (OBJECTS, VERSIONS, PARTS, GARBAGE):
                mine = (table.c.content >= start, table.c.content < start + "g")  # ids are hexadecimal
                found.update(connection.scalars(select(table.c.content).where(*mine)).all())
        return found

    def _save(self, bucket: str, key: str, draft: Draft, conditions: Writing) -> ObjectInfo:
        raw = encode_key(key)
        self._watch("index")
        with self._place.naming(draft.content), self._place.database.write() as connection:
            holder = buckets.get(connection, bucket)
            directory = self._place.content.directory
            saved = replacement.save(
                connection, holder, raw, draft, conditions, self._place.clock.now(), directory
            )
            self._watch("commit")
        self._watch("committed")
        self._place.collector.note()
        return saved


def staged_etag(staged: StagedBody) -> str:
    """Return the ETag of a body put in one piece: its MD5."""
    digest = staged.digests.get("md5")
    return (digest or checksums.of_file(staged.path, ["MD5"])["md5"]).hex()
