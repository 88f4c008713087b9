"""The end of a multipart upload: its parts become one object, once, however often that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sqlalchemy import Connection

from clary.core.errors import ApiError
from clary.store.objects import buckets, checksums, replacement, uploads
from clary.store.objects.checksums import Checksum
from clary.store.objects.conditions import Writing
from clary.store.objects.digests import mismatch
from clary.store.objects.errors import refused
from clary.store.objects.model import NULL, Chosen, Part, PartInfo, Upload, encode_key
from clary.store.objects.place import Place
from clary.store.objects.replacement import Draft

LEAST_PART = 5 << 20  # Every part but the last has at least so many bytes.


@dataclass(frozen=True)
class Completed:
    """What completing an upload answers."""

    etag: str
    checksum: Checksum | None
    version: str = NULL
    again: bool = field(default=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What the caller asks of the whole: a checksum, its type, a size; None asks nothing."""

    checksum: tuple[str, str] | None = None
    kind: str | None = None
    size: int | None = None


def complete(
    place: Place,
    name: tuple[str, str, str],
    chosen: Sequence[Chosen],
    demand: Demand,
    conditions: Writing,
) -> Completed:
    """Make one object of the chosen parts of the upload (bucket, key, upload id)."""
    with place.database.read() as connection:
        upload, row = uploads.find(connection, *name)
        if row.finished is not None:
            return _remembered(row.result)
        parts = _pick(uploads.parts_of(connection, upload), chosen, upload)
    checksum = _checksum(upload, parts)
    _check(upload, parts, checksum, demand)
    content = parts[0].content if len(parts) == 1 else _join(place, parts)
    draft = Draft(
        content=content,
        size=sum(part.size for part in parts),
        etag=checksums.etag_of_parts([bytes.fromhex(part.etag) for part in parts]),
        checksum=checksum,
        attributes=upload.attributes,
        parts=tuple(PartInfo(p.number, p.size, checksums.encode(p.digest)) for p in parts),
        reason="CompleteMultipartUpload",
    )
    spare = [] if len(parts) == 1 else [content]
    try:
        with place.database.write() as connection:
            done = _commit(place, connection, name, parts, draft, conditions)
    except ApiError:
        place.content.discard(spare)
        raise
    if done.again:
        place.content.discard(spare)  # Another call completed the upload while this one joined its parts.
    return done


def _commit(
    place: Place,
    connection: Connection,
    name: tuple[str, str, str],
    parts: list[Part],
    draft: Draft,
    conditions: Writing,
) -> Completed:
    upload, row = uploads.find(connection, *name)
    if row.finished is not None:
        return _remembered(row.result)
    now = place.clock.now()
    present = {part.number: part.content for part in uploads.parts_of(connection, upload)}
    if any(present.get(part.number) != part.content for part in parts):
        raise _invalid_part(upload)
    bucket = buckets.get(connection, upload.bucket)
    directory = place.content.directory
    saved = replacement.save(connection, bucket, encode_key(upload.key), draft, conditions, now, directory)
    uploads.drop_parts(connection, upload, now, keep=[draft.content])
    checksum = draft.checksum
    kept = [checksum.algorithm, checksum.value, checksum.kind] if checksum else None
    uploads.finish(connection, row, {"ETag": draft.etag, "Checksum": kept, "Version": saved.version}, now)
    return Completed(draft.etag, checksum, saved.version)


def _pick(parts: list[Part], chosen: Sequence[Chosen], upload: Upload) -> list[Part]:
    if not chosen:
        raise refused(
            "MalformedXML", "The XML you provided was not well-formed or did not validate against our schema"
        )
    numbers = [choice.number for choice in chosen]
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        raise refused(
            "InvalidPartOrder",
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
            UploadId=upload.id,
        )
    uploaded = {part.number: part for part in parts}
    picked = []
    for choice in chosen:
        part = uploaded.get(choice.number)
        if part is None or choice.etag.strip('"') != part.etag:
            raise _invalid_part(upload, choice)
        _check_claim(upload, part, choice)
        picked.append(part)
    for part in picked[:-1]:
        if part.size < LEAST_PART:
            raise refused(
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
                ProposedSize=part.size,
                MinSizeAllowed=LEAST_PART,
                PartNumber=part.number,
                ETag=part.etag,
            )
    return picked


def _check_claim(upload: Upload, part: Part, choice: Chosen) -> None:
    claim = choice.checksums.get(upload.algorithm)
    if claim is None and upload.named and upload.kind == "COMPOSITE":
        raise refused(
            "InvalidRequest",
            f"The upload was created using a {upload.algorithm.lower()} checksum. The complete request must "
            f"include the checksum for each part. It was missing for part {part.number} in the request.",
        )
    if claim is not None and claim != checksums.encode(part.digest):
        raise _invalid_part(upload, choice)


def _checksum(upload: Upload, parts: list[Part]) -> Checksum:
    if upload.kind == "COMPOSITE":
        return Checksum(
            upload.algorithm, checksums.composite(upload.algorithm, [p.digest for p in parts]), "COMPOSITE"
        )
    return Checksum(upload.algorithm, checksums.joined(upload.algorithm, [(p.digest, p.size) for p in parts]))


def _check(upload: Upload, parts: list[Part], checksum: Checksum, demand: Demand) -> None:
    if demand.kind is not None and demand.kind != upload.kind and upload.named:
        raise refused(
            "InvalidRequest",
            f"The upload was created using the {upload.kind} checksum mode. The complete request must "
            "use the same checksum mode.",
        )
    size = sum(part.size for part in parts)
    if demand.size is not None and demand.size != size:
        raise refused(
            "InvalidRequest",
            f"The provided 'x-amz-mp-object-size' header value {demand.size} does not match what was "
            f"computed: {size}",
        )
    if demand.checksum is not None:
        algorithm, value = demand.checksum
        held = (checksum.value, checksum.value.partition("-")[0])
        if algorithm == upload.algorithm and value not in held:
            raise mismatch(algorithm)
        if algorithm != upload.algorithm and upload.named:
            message = f"Checksum Type mismatch occurred, expected checksum Type: {upload.algorithm.lower()}"
            raise refused("InvalidRequest", message)


def _join(place: Place, parts: list[Part]) -> str:
    try:
        return place.content.concatenate([place.content.path(part.content) for part in parts])
    except (
        FileNotFoundError
    ) as error:  # A part was replaced, and the old one collected, while the others were read.
        raise refused("InvalidPart", "One or more of the specified parts could not be found.") from error


def _invalid_part(upload: Upload, choice: Chosen | None = None) -> Exception:
    members: dict[str, object] = {"UploadId": upload.id}
    if choice is not None:
        members |= {"PartNumber": choice.number, "ETag": choice.etag}
    return refused(
        "InvalidPart",
        "One or more of the specified parts could not be found. The part may not have been uploaded, or the "
        "specified entity tag may not match the part's entity tag.",
        **members,
    )


def _remembered(result: dict[str, object]) -> Completed:
    kept = result["Checksum"]
    checksum = Checksum(*kept) if isinstance(kept, list) else None
    return Completed(str(result["ETag"]), checksum, str(result.get("Version", NULL)), again=True)
