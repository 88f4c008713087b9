"""The short way of small objects: the chain's steps for GetObject, HeadObject, PutObject, without a thread.

Taken when the caller's own policies allow the call whatever its circumstances, in a bucket of the caller's
account that has no policy, and only for what succeeds: all else is handed back for the chain to decide and to
word. One signature check, one decision, one audit line either way.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256

from botocore.model import OperationModel, ServiceModel

from clary.core import ids
from clary.core.body import FileBody
from clary.core.document import Document
from clary.core.errors import ApiError, TryAgain
from clary.gateway import chunked, sigv4
from clary.gateway.audit import Entry
from clary.gateway.chain import call_of, session_token
from clary.gateway.exchange import Parts
from clary.gateway.sigv4 import Signed
from clary.gateway.upload import without_chunks
from clary.operations.s3 import get_object, put_object
from clary.operations.s3.request import check_owner
from clary.store.objects import Bucket, ObjectInfo
from clary.store.objects.checksums import ALGORITHMS, member
from clary.store.objects.commit import Pending
from clary.store.objects.fresh import SMALL
from clary.store.statement import Values
from clary.wire import models, s3
from clary.wire.message import Headers, HttpRequest, HttpResponse
from clary.wire.parse import parse
from clary.wire.serialise import serialise
from clary.wire.validate import validate

MOST_READ = 64 << 10
"""Bytes of an object that is read at once; a larger one is streamed by the application."""

Told = Callable[[HttpResponse | None], None]
"""Takes the answer; None says that the application is to find one."""

_log = logging.getLogger(__name__)
_REMEMBERED = 10_000  # Answers kept; each is as large as its headers.
_BARE = {"Bucket", "Key"}
_ANSWERED_ALIKE = frozenset({"Bucket", "Key", "ChecksumMode"})
_SAYS_NOTHING = frozenset(
    {
        "accept",
        "accept-encoding",
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        "authorization",
        "connection",
        "content-length",
        "host",
        "user-agent",
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-security-token",
    }
)
"""Headers that are no member of GetObject."""
_READ = frozenset({"Bucket", "Key", "Range", "ChecksumMode", "ExpectedBucketOwner"})
_CONTENT = {f"Content{name}" for name in ("Type", "MD5", "Length", "Encoding", "Disposition", "Language")}
_CHECKSUMS = {"ChecksumAlgorithm", *(member(algorithm) for algorithm in ALGORITHMS)}
_PLAIN = {
    "GetObject": ("s3:GetObject", _READ),
    "HeadObject": ("s3:GetObject", _READ),
    "PutObject": (
        "s3:PutObject",
        frozenset(
            {"Bucket", "Key", "Body", "CacheControl", "Metadata", "ExpectedBucketOwner"}
            | _CONTENT
            | _CHECKSUMS
        ),
    ),
}
"""The action each needs, and the members whose presence asks for no other one."""


@dataclass(slots=True)
class Errand:
    """One call on its way."""

    id: str
    at: datetime
    source: str
    request: HttpRequest
    asked: float
    signed: Signed | None = None
    operation: OperationModel | None = None
    resource: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is answered about an object to callers of one account."""

    account: str
    response: HttpResponse


class SmallObjects:
    """The short way in one gateway process. All here happens on the event loop, and waits for nothing."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._plane = parts, parts.plane
        self._seen: dict[tuple[str, str | None, Values], Seen] = {}
        self._committed: deque[Callable[[], None]] = deque()

    def open(self, request: HttpRequest, source: str, asked: float) -> Errand:
        """Begin with a call that is whole since `asked`."""
        return Errand(ids.request_id(), self._parts.clock.now(), source, request, asked)

    def knows(self, errand: Errand) -> bool:
        """Say whether a call whose body is still to come is signed by somebody known; remember that it is."""
        self._plane.look(errand.asked)
        request, token = errand.request, session_token(errand.request)
        try:
            errand.signed = sigv4.verify(
                request, lambda key: self._plane.credentials.find(key, token), errand.at, body_follows=True
            )
        except ApiError:
            return False
        return True

    def serve(self, errand: Errand, told: Told) -> None:
        """Answer one call, now or once it is on disk."""
        response = None
        try:
            document = self._admit(errand)
            if document is not None and errand.request.method == "PUT":
                self._put(errand, document, told)
                return
            if document is not None:
                response = self._read(errand, document)
        except (ApiError, TryAgain, OSError):
            response = None  # the chain finds out again, and says it in full
        except Exception:
            _log.exception("request %s failed on the short way", errand.id)
            response = None
        told(response)

    def settle(self, errand: Errand, status: int) -> None:
        """Leave the audit line of a call that was answered here."""
        assert errand.signed is not None  # noqa: S101  # nothing is answered before
        credential = errand.signed.credential
        self._parts.audit.add(
            Entry(
                time=errand.at,
                request_id=errand.id,
                account=credential.principal.account,
                principal=credential.principal.arn,
                access_key=credential.access_key,
                source_ip=errand.source,
                service=errand.operation.service_model.service_name if errand.operation else "",
                operation=errand.operation.name if errand.operation else "",
                resource=errand.resource,
                status=status,
            )
        )

    def _admit(self, errand: Errand) -> Document | None:
        """Verify, parse and authorise; None when more has to be asked than is asked here."""
        self._plane.look(errand.asked)
        request, service = errand.request, models.service("s3")
        token = session_token(request)
        signed = errand.signed
        if signed is None:
            signed = sigv4.verify(request, lambda key: self._plane.credentials.find(key, token), errand.at)
        elif signed.body_sha256 is not None:
            assert isinstance(request.body, bytes)  # noqa: S101  # taken into memory
            signed.check_body(sha256(request.body).digest())
        if signed.service != "s3":
            return None
        if chunked.is_chunked(signed, request):
            assert isinstance(request.body, bytes)  # noqa: S101  # taken into memory
            content, trailer = chunked.decode(signed, request, request.body)
            request = errand.request = HttpRequest(
                method=request.method,
                path=request.path,
                query=request.query,
                headers=without_chunks(request.headers, trailer, len(content)),
                body=content,
            )
        operation, document = _parse(service, request)
        if operation.name not in _PLAIN:
            return None
        action, members = _PLAIN[operation.name]
        if not members.issuperset(document):
            return None
        principal = signed.credential.principal
        errand.resource = f"arn:aws:s3:::{document['Bucket']}/{document['Key']}"
        if not self._plane.authoriser.plainly(principal, action, errand.resource):
            return None
        errand.signed, errand.operation = signed, operation
        if operation.input_shape is not None and document.keys() != _BARE:
            validate(operation.input_shape, document, service)
        return document

    def _read(self, errand: Errand, document: Document) -> HttpResponse | None:
        row = self._parts.objects.glance(document["Bucket"], document["Key"])
        if row is None or errand.operation is None or errand.signed is None:
            return None
        key = (errand.operation.name, document.get("ChecksumMode"), row)
        alike = not document.keys() - _ANSWERED_ALIKE
        seen = self._seen.get(key) if alike else None
        if seen is None:
            seen = self._see(errand, document, row)
            if len(self._seen) >= _REMEMBERED:
                self._seen.clear()
            if alike:
                self._seen[key] = seen
        body = seen.response.body
        if seen.account != errand.signed.credential.principal.account or (
            isinstance(body, FileBody) and body.length > MOST_READ
        ):
            return None
        content = _content(body) if isinstance(body, FileBody) else b""
        headers = Headers(list(seen.response.headers))
        headers.set("x-amz-request-id", errand.id)
        headers.set("x-amz-id-2", s3.host_id(errand.id))
        return HttpResponse(status=seen.response.status, headers=headers, body=content)

    def _see(self, errand: Errand, document: Document, row: Values) -> Seen:
        """Return the answer about an object; its account is "" where the chain must decide."""
        bucket, info = self._parts.objects.looked(row)
        check_owner(bucket, document.get("ExpectedBucketOwner"))
        if info is None or "Policy" in bucket.settings:
            return Seen("", HttpResponse())
        response = self._serialise(errand, get_object.answer(document, bucket, info))
        if errand.request.method == "HEAD":
            response.body = b""
        return Seen(bucket.account, response)

    def _put(self, errand: Errand, document: Document, told: Told) -> None:
        bucket = self._parts.objects.bucket(document["Bucket"])
        if not self._is_plain(errand, bucket, document):
            told(None)
            return
        assert errand.signed is not None and errand.operation is not None  # noqa: S101  # admitted
        operation, request = errand.operation, errand.request
        call = call_of(self._parts, errand.signed, operation, document, request, errand.id)
        write = put_object.write_of(call, bucket)
        loop = asyncio.get_running_loop()

        def committed(pending: Pending[ObjectInfo]) -> None:
            self._committed.append(partial(finish, pending))
            if len(self._committed) == 1:  # else the loop is awake already
                loop.call_soon_threadsafe(self._finish)

        def finish(pending: Pending[ObjectInfo]) -> None:
            response = None
            try:
                result = put_object.answer(bucket, pending.result())
                self._parts.objects.written_small()
                response = self._serialise(errand, result)
            except (ApiError, TryAgain, OSError):
                response = None
            except Exception:
                _log.exception("request %s failed on the short way", errand.id)
            told(response)

        self._parts.objects.committer.submit(Pending(write, committed))

    def _finish(self) -> None:
        """Answer all that is on disk by now."""
        loop = asyncio.get_running_loop()
        while self._committed:
            loop.call_soon(self._committed.popleft())

    def _is_plain(self, errand: Errand, bucket: Bucket, document: Document) -> bool:
        """Say whether nobody but the caller's own policies has a say in this bucket."""
        check_owner(bucket, document.get("ExpectedBucketOwner"))
        assert errand.signed is not None  # noqa: S101  # admitted
        mine = bucket.account == errand.signed.credential.principal.account
        return mine and "Policy" not in bucket.settings

    def _serialise(self, errand: Errand, result: Document) -> HttpResponse:
        assert errand.operation is not None  # noqa: S101  # admitted
        return serialise(models.service("s3"), errand.operation, result, errand.request, errand.id)


def _parse(service: ServiceModel, request: HttpRequest) -> tuple[OperationModel, Document]:
    """Parse a request; one that names a bucket and a key and asks for nothing else is read in its path."""
    plain = request.method == "GET" and not request.query and request.path.isascii()
    if (
        plain
        and "%" not in request.path
        and s3.bucket_of_host(request.headers.get("host") or "") is None
        and all(name in _SAYS_NOTHING for name, _ in request.headers)
    ):
        _, bucket, key = f"{request.path}//".split("/", 2)
        if bucket and len(key) > 2:
            return service.operation_model("GetObject"), {"Bucket": bucket, "Key": key[:-2]}
    return parse(service, request)


def may_be_one(method: bytes, fields: dict[bytes, bytes]) -> bool:
    """Say whether a request, by its head, may be about a small object."""
    if b"/s3/aws4_request" not in fields.get(b"authorization", b"") or b"origin" in fields:
        return False
    length = fields.get(b"content-length", b"0")
    if method in (b"GET", b"HEAD"):
        return length == b"0"
    return method == b"PUT" and length.isdigit() and int(length) <= SMALL


def _content(body: FileBody) -> bytes:
    file = os.open(body.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = os.pread(file, body.length, body.offset)
    finally:
        os.close(file)
    if len(content) != body.length:
        raise OSError(f"{body.path} is shorter than its record says")
    return content
