"""What a body's digests must be: checked against the caller's claims, and chosen for keeping."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping

from clary.core.body import StagedBody
from clary.store.objects import checksums
from clary.store.objects.checksums import Checksum
from clary.store.objects.errors import refused


def digest_of(staged: StagedBody, algorithm: str) -> bytes:
    """Return a staged body's raw digest: as it was computed on the way in, else from its file."""
    known = staged.digests.get(algorithm.lower())
    return known if known is not None else checksums.of_file(staged.path, [algorithm])[algorithm.lower()]


def verify(staged: StagedBody, claims: Mapping[str, str], content_md5: str | None) -> None:
    """Refuse a body that is not what the caller claims. `claims` are base64 digests by algorithm."""
    hold(lambda algorithm: digest_of(staged, algorithm), claims, content_md5)


def hold(digest: Callable[[str], bytes], claims: Mapping[str, str], content_md5: str | None) -> None:
    """Do the same for a body that lies anywhere, given what tells its raw digests."""
    if len(claims) > 1:
        message = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        raise refused("InvalidRequest", message)
    if content_md5 is not None and (claimed := checksums.decode("MD5", content_md5)) != (
        actual := digest("MD5")
    ):
        raise refused(
            "BadDigest",
            "The Content-MD5 you specified did not match what we received.",
            ExpectedDigest=claimed.hex(),
            CalculatedDigest=base64.b64encode(actual).decode(),
        )
    for algorithm, text in claims.items():
        if checksums.decode(algorithm, text) != digest(algorithm):
            raise mismatch(algorithm)


def whole(staged: StagedBody, claims: Mapping[str, str], algorithm: str | None) -> Checksum:
    """Return the checksum to keep for a body put in one piece: the one claimed, asked for, or the default."""
    chosen = next(iter(claims), None) or algorithm or checksums.DEFAULT
    return Checksum(chosen, checksums.encode(digest_of(staged, chosen)))


def small(
    body: bytes, claims: Mapping[str, str], content_md5: str | None, algorithm: str | None
) -> tuple[str, Checksum]:
    """Return the ETag and the checksum to keep of a body at hand; refuse one that is not as claimed."""
    chosen = next(iter(claims), None) or algorithm or checksums.DEFAULT
    digests = checksums.of_bytes(body, {"MD5", chosen, *claims})
    hold(lambda name: digests[name.lower()], claims, content_md5)
    return digests["md5"].hex(), Checksum(chosen, checksums.encode(digests[chosen.lower()]))


def mismatch(algorithm: str) -> Exception:
    """Return the error for a checksum that does not hold."""
    return refused("BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")
