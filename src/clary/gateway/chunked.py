"""The aws-chunked body encoding: signed chunks, signed and unsigned trailers, taken as the bytes arrive."""

from __future__ import annotations

import hmac
import re
from hashlib import sha256

from clary.core.errors import ApiError
from clary.gateway.sigv4 import EMPTY, Signed
from clary.wire.message import HttpRequest

MAX_LINE = 1024
MAX_TRAILERS = 16 * 1024
_SIZE = re.compile(rb"([0-9a-fA-F]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?")
_TRAILER_SIGNATURE = "x-amz-trailer-signature"


def is_chunked(signed: Signed, request: HttpRequest) -> bool:
    """Tell whether the body comes in chunks of this encoding and not as it is."""
    if signed.mode == "unsigned":
        encodings = (request.headers.get("content-encoding") or "").lower().split(",")
        return "aws-chunked" in (name.strip() for name in encodings)
    return signed.mode != "signed"


class Decoder:
    """Takes an encoded body piece by piece; what it gives out counts once `finish` has returned."""

    def __init__(self, signed: Signed, request: HttpRequest) -> None:
        self._signed = signed
        self._signs = signed.mode in ("chunked", "chunked-trailer")
        self._previous = signed.seed
        self._promised = _promised_length(request)
        names = request.headers.get("x-amz-trailer") or ""
        self._names = {name.strip().lower() for name in names.split(",") if name.strip()}
        self._waiting = bytearray()
        self._left = 0
        self._state = "size"
        self._signature = ""
        self._hash = sha256()
        self._length = 0
        self._trailers: dict[str, str] = {}

    def feed(self, data: bytes | memoryview) -> bytes:
        """Take the next bytes of the body and return the content among them."""
        self._waiting += data
        out = bytearray()
        while self._step(out):
            pass
        self._length += len(out)
        if self._promised is not None and self._length > self._promised:
            raise _incomplete()
        return bytes(out)

    def finish(self) -> dict[str, str]:
        """Say that the body is over; return the trailers by lower-case name, all of them announced."""
        if self._state == "trailers" and not self._waiting and self._signed.mode != "chunked-trailer":
            self._end()  # Some clients leave out the last empty line.
        if self._state != "done" or self._waiting:
            raise _incomplete()
        if self._promised is not None and self._length != self._promised:
            raise _incomplete()
        if set(self._trailers) != self._names:
            raise _malformed_trailer()
        return dict(self._trailers)

    def _step(self, out: bytearray) -> bool:
        """Make one step if the bytes at hand allow it."""
        if self._state == "data":
            return self._take_data(out)
        if self._state == "done":
            return False
        line = self._line()
        if line is None:
            return False
        if self._state == "size":
            self._begin(line)
        elif self._state == "after":
            if line:
                raise _incomplete()
            self._state = "size"
        else:
            self._take_trailer(line)
        return True

    def _line(self) -> bytes | None:
        end = self._waiting.find(b"\n")
        limit = MAX_TRAILERS if self._state == "trailers" else MAX_LINE
        if end > limit or (end < 0 and len(self._waiting) > limit):
            raise _incomplete()
        if end < 0:
            return None
        line = bytes(self._waiting[:end]).removesuffix(b"\r")
        del self._waiting[: end + 1]
        return line

    def _begin(self, line: bytes) -> None:
        match = _SIZE.fullmatch(line)
        if match is None or (match[2] is None) == self._signs:
            raise _incomplete()
        self._left = int(match[1], 16)
        self._signature = match[2].decode() if match[2] else ""
        self._hash = sha256()
        if self._left:
            self._state = "data"
        else:
            self._check_chunk()
            self._state = "trailers"

    def _take_data(self, out: bytearray) -> bool:
        if not self._waiting:
            return False
        piece = bytes(self._waiting[: self._left])
        del self._waiting[: self._left]
        out += piece
        self._left -= len(piece)
        if self._signs:
            self._hash.update(piece)
        if not self._left:
            self._check_chunk()
            self._state = "after"
        return True

    def _take_trailer(self, line: bytes) -> None:
        if not line:
            waits_for_signature = self._signed.mode == "chunked-trailer" and self._signature != "seen"
            if not waits_for_signature:
                self._end()
            return
        try:
            name, colon, value = line.decode("ascii").partition(":")
        except UnicodeDecodeError as error:
            raise _malformed_trailer() from error
        name = name.strip().lower()
        if not colon or name in self._trailers or len(self._trailers) > 16:
            raise _malformed_trailer()
        if name == _TRAILER_SIGNATURE and self._signed.mode == "chunked-trailer":
            self._check_trailers(value.strip())
            self._signature = "seen"
        elif self._signed.mode == "chunked":
            raise _malformed_trailer()
        else:
            self._trailers[name] = value.strip()

    def _end(self) -> None:
        self._state = "done"

    def _check_chunk(self) -> None:
        if self._signs:
            self._check("AWS4-HMAC-SHA256-PAYLOAD", f"{EMPTY}\n{self._hash.hexdigest()}", self._signature)

    def _check_trailers(self, signature: str) -> None:
        canonical = "".join(f"{name}:{value}\n" for name, value in self._trailers.items())
        self._check("AWS4-HMAC-SHA256-TRAILER", sha256(canonical.encode()).hexdigest(), signature)

    def _check(self, algorithm: str, digests: str, signature: str) -> None:
        signed = self._signed
        to_sign = f"{algorithm}\n{signed.timestamp}\n{signed.scope}\n{self._previous}\n{digests}"
        expected = hmac.digest(signed.key, to_sign.encode(), "sha256").hex()
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise signed.refusals.mismatch(signed.credential.access_key, "", to_sign, signature[:64])
        self._previous = expected


def decode(signed: Signed, request: HttpRequest, body: bytes) -> tuple[bytes, dict[str, str]]:
    """Decode a body that is there as a whole."""
    decoder = Decoder(signed, request)
    content = decoder.feed(body)
    return content, decoder.finish()


def _promised_length(request: HttpRequest) -> int | None:
    text = request.headers.get("x-amz-decoded-content-length")
    if text is None:
        words = "You must provide the Content-Length HTTP header."
        raise ApiError(words, code="MissingContentLength", status=411)
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        words = "x-amz-decoded-content-length must be a number of bytes."
        raise ApiError(words, code="InvalidArgument", status=400)
    return int(text)


def _incomplete() -> ApiError:
    words = "The request body terminated unexpectedly or its chunks do not add up."
    return ApiError(words, code="IncompleteBody", status=400)


def _malformed_trailer() -> ApiError:
    words = "The request contained trailing data that was not well-formed "
    words += "or did not conform to our published schema."
    return ApiError(words, code="MalformedTrailerError", status=400)
