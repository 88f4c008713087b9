"""`Objects`: the one thing the rest of Clary knows of the object store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from clary.core.body import StagedBody
from clary.core.clock import Clock, SystemClock
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.store.database import Database
from clary.store.objects import buckets, checksums, completion, index, listing, upload_listing
from clary.store.objects.checksums import Checksum
from clary.store.objects.completion import Completed, Demand
from clary.store.objects.conditions import Writing
from clary.store.objects.content import Content, Step, chunks, unwatched
from clary.store.objects.digests import verify, whole
from clary.store.objects.errors import NoSuchKey
from clary.store.objects.garbage import GRACE, Collector
from clary.store.objects.index import Draft
from clary.store.objects.model import Bucket, Chosen, Listing, ObjectInfo, encode_key
from clary.store.objects.place import Place
from clary.store.objects.tables import GARBAGE, OBJECTS, PARTS
from clary.store.objects.upload_listing import UploadListing, UploadQuery
from clary.store.objects.uploads import Uploads

_ANYTHING = Writing()
_PAGE = 1000
Outcome = list[ApiError | None]
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
        self._place = Place(database, content, Collector(database, content, clock, grace), clock)
        self._watch = watch
        self.uploads = Uploads(self._place)

    @property
    def staging(self) -> Path:
        """Where bodies lie before they are taken in: on the file system of the contents."""
        return self._place.content.staging

    # Buckets

    def create_bucket(self, name: str, account: str, region: str) -> Bucket:
        """Make a bucket; a taken name is BucketAlreadyOwnedByYou or BucketAlreadyExists."""
        with self._place.database.write() as connection:
            return buckets.create(connection, name, account, region, self._place.clock.now())

    def bucket(self, name: str) -> Bucket:
        """Return a bucket; an absent one is NoSuchBucket."""
        with self._place.database.read() as connection:
            return buckets.get(connection, name)

    def find_bucket(self, name: str) -> Bucket | None:
        """Return a bucket, or None."""
        with self._place.database.read() as connection:
            return buckets.find(connection, name)

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
        with self._place.staged(body, [*claims, algorithm or checksums.DEFAULT]) as staged:
            self.bucket(bucket)
            verify(staged, claims, content_md5)
            etag, checksum = staged_etag(staged), whole(staged, claims, algorithm)
            content = self._place.content.keep(staged.path)
        draft = Draft(
            content=content, size=staged.size, etag=etag, checksum=checksum, attributes=attributes or {}
        )
        return self._save(bucket, key, draft, conditions)

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

    def amend(self, bucket: str, key: str, changes: Document, remove: Iterable[str] = ()) -> ObjectInfo:
        """Change attributes of an object and leave everything else as it is."""
        with self._place.database.write() as connection:
            info = self.get(bucket, key)
            kept = {name: value for name, value in info.attributes.items() if name not in set(remove)}
            index.amend(connection, buckets.get(connection, bucket), encode_key(key), {**kept, **changes})
            return self.get(bucket, key)

    # Objects out

    def get(self, bucket: str, key: str) -> ObjectInfo:
        """Return an object; an absent one is NoSuchKey, in an absent bucket NoSuchBucket."""
        info = self.find(bucket, key)
        if info is None:
            raise NoSuchKey(key)
        return info

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

    def delete(self, bucket: str, key: str, conditions: Writing = _ANYTHING) -> bool:
        """Delete an object and say whether there was one. Who has its file open or linked reads on."""
        raw = encode_key(key)
        with self._place.database.write() as connection:
            holder = buckets.get(connection, bucket)
            removed = index.remove(connection, holder, raw, conditions, self._place.clock.now())
        if removed:
            self._place.collector.note()
        return removed

    def delete_many(self, bucket: str, doomed: Sequence[tuple[str, Writing]]) -> Sequence[ApiError | None]:
        """Delete objects on their own conditions, in one transaction; return what refused each, in order."""
        outcome: Outcome = []
        with self._place.database.write() as connection:
            holder, now = buckets.get(connection, bucket), self._place.clock.now()
            for key, conditions in doomed:
                try:
                    index.remove(connection, holder, encode_key(key), conditions, now)
                    outcome.append(None)
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

    def close(self) -> None:
        """Stop the timer; nothing is lost without it."""
        self._place.collector.close()

    def _named(self, start: str) -> set[str]:
        found: set[str] = set()
        with self._place.database.read() as connection:
            for table in (OBJECTS, PARTS, GARBAGE):
                mine = (table.c.content >= start, table.c.content < start + "g")  # ids are hexadecimal
                found.update(connection.scalars(select(table.c.content).where(*mine)))
        return found

    def _save(self, bucket: str, key: str, draft: Draft, conditions: Writing) -> ObjectInfo:
        raw = encode_key(key)
        self._watch("index")
        with self._place.naming(draft.content), self._place.database.write() as connection:
            holder = buckets.get(connection, bucket)
            index.save(connection, holder, raw, draft, conditions, self._place.clock.now())
            saved = index.find(connection, holder, raw, self._place.content.directory)
            self._watch("commit")
        self._watch("committed")
        self._place.collector.note()
        if saved is None:
            raise RuntimeError("a row just written is not there")
        return saved


def staged_etag(staged: StagedBody) -> str:
    """Return the ETag of a body put in one piece: its MD5."""
    digest = staged.digests.get("md5")
    return (digest or checksums.of_file(staged.path, ["MD5"])["md5"]).hex()
