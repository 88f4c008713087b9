"""Multipart uploads: begun, fed part by part, and turned into one object or thrown away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update

from clary.core.body import StagedBody
from clary.core.document import Document
from clary.core.ids import uid
from clary.store.objects import buckets, checksums
from clary.store.objects.digests import digest_of, verify
from clary.store.objects.errors import NoSuchUpload, refused
from clary.store.objects.garbage import throw_away
from clary.store.objects.model import Bucket, Part, Upload, encode_key
from clary.store.objects.place import Place
from clary.store.objects.tables import PARTS, UPLOADS
from clary.store.times import from_micros, micros

REMEMBERED = timedelta(days=1)  # How long completing a completed upload again still answers the same.
_LAST_NUMBER = 10_000


class Uploads:
    """The uploads in flight and the parts they have. `Completion` ends them."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def create(
        self,
        bucket: str,
        key: str,
        attributes: Document,
        *,
        algorithm: str | None = None,
        kind: str | None = None,
    ) -> Upload:
        """Begin an upload. With no algorithm S3's default holds, and parts may come with any checksum."""
        raw = encode_key(key)
        chosen = _agreed_kind(algorithm, kind)
        with self._place.database.write() as connection:
            row = {
                "bucket": buckets.get(connection, bucket).id,
                "key": raw,
                "id": uid() + uid(),
                "initiated": micros(self._place.clock.now().replace(microsecond=0)),
                "attributes": attributes,
                "algorithm": algorithm or checksums.DEFAULT,
                "kind": chosen,
                "named": int(algorithm is not None),
            }
            connection.execute(insert(UPLOADS).values(row))
            return find(connection, bucket, key, str(row["id"]))[0]

    def get(self, bucket: str, key: str, upload_id: str) -> Upload:
        """Return an upload in flight; one that is not is NoSuchUpload."""
        with self._place.database.read() as connection:
            upload, row = find(connection, bucket, key, upload_id)
        if row.finished is not None:
            raise NoSuchUpload(upload_id)
        return upload

    def put_part(
        self,
        upload: Upload,
        number: int,
        body: StagedBody | bytes,
        *,
        claims: Mapping[str, str] | None = None,
        content_md5: str | None = None,
    ) -> Part:
        """Keep a part; one of the same number is replaced."""
        check_number(number)
        claims = claims or {}
        if upload.named and claims and upload.algorithm not in claims:
            raise refused(
                "InvalidRequest",
                f"Checksum Type mismatch occurred, expected checksum Type: {upload.algorithm.lower()}, "
                f"actual checksum Type: {next(iter(claims)).lower()}",
            )
        with self._place.staged(body, [upload.algorithm]) as staged:
            verify(staged, claims, content_md5)
            digest, md5 = digest_of(staged, upload.algorithm), digest_of(staged, "MD5")
            content = self._place.content.keep(staged.path)
        part = Part(
            number=number,
            content=content,
            size=staged.size,
            etag=md5.hex(),
            modified=self._place.clock.now().replace(microsecond=0),
            digest=digest,
        )
        with self._place.naming(content), self._place.database.write() as connection:
            self._save(connection, upload, part)
        self._place.collector.note()
        return part

    def parts(self, upload: Upload, *, after: int = 0, limit: int = 1000) -> tuple[list[Part], bool]:
        """Return a page of an upload's parts in order, and whether there are more."""
        with self._place.database.read() as connection:
            found = parts_of(connection, upload, after, limit + 1)
        return found[:limit], len(found) > limit

    def abort(self, bucket: str, key: str, upload_id: str) -> None:
        """Throw an upload and its parts away."""
        with self._place.database.write() as connection:
            upload, row = find(connection, bucket, key, upload_id)
            if row.finished is not None:
                raise NoSuchUpload(upload_id)
            drop_parts(connection, upload, self._place.clock.now())
            connection.execute(delete(UPLOADS).where(*_same(row)))
        self._place.collector.note()

    def forget(self) -> None:
        """Forget uploads that were completed long ago."""
        before = micros(self._place.clock.now() - REMEMBERED)
        with self._place.database.write() as connection:
            connection.execute(delete(UPLOADS).where(UPLOADS.c.finished < before))

    def _save(self, connection: Connection, upload: Upload, part: Part) -> None:
        _, row = find(connection, upload.bucket, upload.key, upload.id)
        if row.finished is not None:
            raise NoSuchUpload(upload.id)
        same = (PARTS.c.upload == upload.id, PARTS.c.number == part.number)
        replaced = connection.scalars(select(PARTS.c.content).where(*same)).all()
        connection.execute(delete(PARTS).where(*same))
        throw_away(connection, replaced, self._place.clock.now())
        values = {
            "upload": upload.id,
            "number": part.number,
            "content": part.content,
            "size": part.size,
            "etag": part.etag,
            "modified": micros(part.modified),
            "digest": part.digest,
        }
        connection.execute(insert(PARTS).values(values))


def find(
    connection: Connection, bucket: str, key: str, upload_id: str
) -> tuple[Upload, Row[*tuple[object, ...]]]:
    """Return an upload, in flight or finished, with its row."""
    holder = buckets.get(connection, bucket)
    mine = (UPLOADS.c.bucket == holder.id, UPLOADS.c.key == encode_key(key), UPLOADS.c.id == upload_id)
    row = connection.execute(select(UPLOADS).where(*mine)).first()
    if row is None:
        raise NoSuchUpload(upload_id)
    return describe(row, holder), row


def describe(row: Row[*tuple[object, ...]], bucket: Bucket) -> Upload:
    """Return a row as callers see it."""
    return Upload(
        id=row.id,
        bucket=bucket.name,
        key=row.key.decode(),
        initiated=from_micros(row.initiated),
        attributes=row.attributes,
        algorithm=row.algorithm,
        kind=row.kind,
        named=bool(row.named),
    )


def parts_of(connection: Connection, upload: Upload, after: int = 0, limit: int = _LAST_NUMBER) -> list[Part]:
    """Return an upload's parts in order."""
    mine = (PARTS.c.upload == upload.id, PARTS.c.number > after)
    rows = connection.execute(select(PARTS).where(*mine).order_by(PARTS.c.number).limit(limit))
    return [
        Part(
            number=row.number,
            content=row.content,
            size=row.size,
            etag=row.etag,
            modified=from_micros(row.modified),
            digest=row.digest,
        )
        for row in rows
    ]


def drop_parts(connection: Connection, upload: Upload, now: datetime, keep: Sequence[str] = ()) -> None:
    """Remove an upload's parts; their contents are thrown away, but for those that an object names now."""
    contents = [part.content for part in parts_of(connection, upload)]
    throw_away(connection, [content for content in contents if content not in keep], now)
    connection.execute(delete(PARTS).where(PARTS.c.upload == upload.id))


def finish(connection: Connection, row: Row[*tuple[object, ...]], result: Document, now: datetime) -> None:
    """Mark an upload completed and keep what the completion answered."""
    done = update(UPLOADS).where(*_same(row))
    connection.execute(done.values(finished=micros(now), result=result))


def check_number(number: int) -> None:
    """Refuse a part number that S3 does not have."""
    if not 1 <= number <= _LAST_NUMBER:
        raise refused(
            "InvalidArgument",
            f"Part number must be an integer between 1 and {_LAST_NUMBER}, inclusive",
            ArgumentName="partNumber",
            ArgumentValue=number,
        )


def _agreed_kind(algorithm: str | None, kind: str | None) -> str:
    if algorithm is None:
        if kind is not None:
            message = (
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
            )
            raise refused("InvalidRequest", message)
        return "FULL_OBJECT"
    if (kind == "FULL_OBJECT" and not checksums.joinable(algorithm)) or (
        kind == "COMPOSITE" and algorithm == "CRC64NVME"
    ):
        message = f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm."
        raise refused("InvalidRequest", message)
    return kind or checksums.default_kind(algorithm)


def _same(row: Row[*tuple[object, ...]]) -> tuple[ColumnElement[bool], ...]:
    return UPLOADS.c.bucket == row.bucket, UPLOADS.c.key == row.key, UPLOADS.c.id == row.id
