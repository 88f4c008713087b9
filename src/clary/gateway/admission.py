"""Who may ask what, as far as it is the same from one prediction to the next.

A caller's `Authorization` is, up to the signature, the same all day: what follows from it is found out once.
Only a yes is said here, and only one that `sigv4.verify` and the authoriser would say; all else is theirs.
Blanks in signed values count as they do there, since `whole` lets none through that only text has.
"""

from __future__ import annotations

import hmac
import math
from datetime import datetime
from hashlib import sha256
from typing import TypeVar

from clary.core.errors import ApiError
from clary.core.principal import Credential
from clary.gateway import sigv4, sigv4_claim
from clary.gateway.exchange import DataPlane
from clary.gateway.whole import Whole
from clary.wire.message import Headers, HttpRequest

Key = TypeVar("Key")
Value = TypeVar("Value")
ACTION = "sagemaker:InvokeEndpoint"
MOST = 4096
"""Callers, and things that one of them may ask, that are remembered."""

_MOST_SHAPES = 64
_SKEW = 300.0  # seconds; some requests may be further off, and sigv4 knows which
_MARK = b"Signature="
_NEED_NOT_BE_SIGNED = frozenset(name.encode() for name in sigv4.NEED_NOT_BE_SIGNED)
_NOTHING = "0" * 64


class Seal:
    """What one caller signs with on one day, and what was found to be allowed."""

    __slots__ = ("covered", "credential", "date", "inner", "names", "outer", "region", "resources", "scope")

    def __init__(self, credential: Credential, claim: sigv4_claim.Claim) -> None:
        scope = claim.scope
        self.credential, self.region = credential, scope.region
        self.scope, self.date = str(scope).encode(), scope.date.encode()
        self.names = tuple(claim.signed_headers.encode().split(b";"))
        key = sigv4.signing_key(credential.secret, scope.date, scope.region, scope.service)
        self.inner, self.outer = sigv4.pads(key)
        self.covered: dict[tuple[bytes, ...], bool] = {}
        self.resources: dict[str, str] = {}

    def covers(self, headers: dict[bytes, bytes]) -> bool:
        """Say whether all that must be signed is."""
        shape = tuple(headers)
        known = self.covered.get(shape)
        if known is None:
            loose = [name for name in shape if name.startswith(b"x-amz-") and name not in self.names]
            known = b"host" in self.names and not {*loose} - _NEED_NOT_BE_SIGNED
            _keep(self.covered, shape, known, _MOST_SHAPES)
        return known

    def signed(self, whole: Whole, signature: bytes, stamp: bytes) -> bool:
        """Say whether the signature is right."""
        headers = whole.headers
        digest = sha256(whole.body).hexdigest().encode()
        if headers.get(b"x-amz-content-sha256", digest) != digest:
            return False
        lines = b"".join(
            [b"%b:%b\n" % (name, b" ".join(headers.get(name, b"").split())) for name in self.names]
        )
        canonical = b"POST\n%b\n\n%b\n%b\n%b" % (whole.path, lines, b";".join(self.names), digest)
        text = b"AWS4-HMAC-SHA256\n%b\n%b\n%b" % (stamp, self.scope, sha256(canonical).hexdigest().encode())
        inner, outer = self.inner.copy(), self.outer.copy()
        inner.update(text)
        outer.update(inner.digest())
        return hmac.compare_digest(outer.hexdigest().encode(), signature)


class Admission:
    """The seals of one gateway process; all are forgotten when a credential or a policy may have changed."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._seals: dict[tuple[bytes, bytes], Seal] = {}
        self._state: object = None
        self._generation = (-1, -1)
        self._stamps: dict[bytes, float] = {}

    def look(self) -> None:
        """Forget what may not hold any more; call it before the admissions of one moment."""
        state = self._plane.changes.state()
        if state is self._state:
            return
        self._state = state
        generation = self._plane.credentials.generation(), self._plane.authoriser.generation()
        if generation != self._generation:
            self._generation = generation
            self._seals = {}

    def admit(self, whole: Whole, now: datetime) -> tuple[Credential, str, str] | None:
        """Return who signed a request, for which region, and the ARN of what it asks; None says nothing."""
        headers = whole.headers
        prefix, _, signature = headers.get(b"authorization", b"").rpartition(_MARK)
        token = headers.get(b"x-amz-security-token", b"")
        remembered = self._seals.get((prefix, token))
        seal = remembered or self._learn(prefix, token)
        if seal is None:
            return None
        stamp, credential = headers.get(b"x-amz-date", b""), seal.credential
        if (
            stamp[:8] != seal.date
            or not abs(now.timestamp() - self._moment(stamp)) <= _SKEW
            or (credential.expires is not None and credential.expires <= now)
            or not hmac.compare_digest((credential.token or "").encode(), token)
            or not seal.signed(whole, signature, stamp)
            or not seal.covers(headers)
        ):
            return None
        if remembered is None:  # not before: anybody can name a key, in as many ways as he likes
            _keep(self._seals, (prefix, token), seal)
        resource = seal.resources.get(whole.endpoint) or self._allowed(seal, whole.endpoint)
        return (credential, seal.region, resource) if resource else None

    def _allowed(self, seal: Seal, endpoint: str) -> str:
        """Return the endpoint's ARN where the caller may invoke it whatever the circumstances."""
        principal, authoriser = seal.credential.principal, self._plane.authoriser
        resource = f"arn:aws:sagemaker:{seal.region}:{principal.account}:endpoint/{endpoint.lower()}"
        if not authoriser.remembers(principal, ACTION, resource):
            return ""
        _keep(seal.resources, endpoint, resource)
        return resource

    def _learn(self, prefix: bytes, token: bytes) -> Seal | None:
        text = (prefix + _MARK).decode("latin-1") + _NOTHING
        request = HttpRequest(method="POST", path="/", headers=Headers([("authorization", text)]))
        try:
            claim = sigv4_claim.read(request)
        except ApiError:
            return None
        if claim is None or claim.signature != _NOTHING or claim.scope.service.startswith("s3"):
            return None
        credential = self._plane.credentials.find(claim.scope.access_key, token.decode("latin-1") or None)
        if credential is None:
            return None
        return Seal(credential, claim)

    def _moment(self, stamp: bytes) -> float:
        """Return a time in seconds; not a number where it is none."""
        moment = self._stamps.get(stamp)
        if moment is None:
            text = stamp.decode("latin-1")
            try:
                moment = sigv4.moment(text).timestamp() if sigv4.STAMP.fullmatch(text) else math.nan
            except ValueError:
                return math.nan
            if len(self._stamps) >= 64:
                self._stamps.clear()
            self._stamps[stamp] = moment
        return moment


def _keep(memory: dict[Key, Value], key: Key, value: Value, most: int = MOST) -> None:
    if len(memory) >= most:
        memory.clear()
    memory[key] = value
