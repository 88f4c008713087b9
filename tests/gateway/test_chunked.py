"""aws-chunked bodies: AWS's published examples, boto3's trailing checksums, and ways to break them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.captured import CREDENTIAL, client, sent
from tests.vectors.signing_cases import SOMEBODY

from clary.core.errors import ApiError
from clary.core.principal import Credential
from clary.gateway import chunked, sigv4
from clary.wire.message import Headers, HttpRequest

# Source: both examples in the S3 API reference, "Transferring a payload in multiple chunks", without and with
# trailing headers: a 66,560-byte object of the letter a in three chunks.
EXAMPLE = Credential(
    access_key="AKIAIOSFODNN7EXAMPLE", secret="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", principal=SOMEBODY
)
AT = datetime(2013, 5, 24, tzinfo=UTC)
CONTENT = b"a" * 66560
TRAILER = {"x-amz-checksum-crc32c": "sOO8/Q=="}


def example(kind: str, names: str, signature: str, *extra: tuple[str, str]) -> HttpRequest:
    scope = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential={scope},SignedHeaders={names},Signature={signature}"
    fields = [
        ("Host", "s3.amazonaws.com"),
        ("x-amz-date", "20130524T000000Z"),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ("Authorization", authorization),
        ("x-amz-content-sha256", kind),
        ("Content-Encoding", "aws-chunked"),
        ("x-amz-decoded-content-length", "66560"),
        *extra,
    ]
    return HttpRequest(method="PUT", path="/examplebucket/chunkObject.txt", headers=Headers(fields))


def in_chunks(first: str, second: str, last: str, end: bytes) -> bytes:
    return b"".join(
        [
            f"10000;chunk-signature={first}\r\n".encode() + CONTENT[:65536] + b"\r\n",
            f"400;chunk-signature={second}\r\n".encode() + CONTENT[65536:] + b"\r\n",
            f"0;chunk-signature={last}\r\n".encode() + end,
        ]
    )


PLAIN = (
    example(
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;"
        "x-amz-storage-class",
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        ("Content-Length", "66824"),
    ),
    in_chunks(
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
        b"\r\n",
    ),
)
TRAILED = (
    example(
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;"
        "x-amz-storage-class;x-amz-trailer",
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
        ("x-amz-trailer", "x-amz-checksum-crc32c"),
    ),
    in_chunks(
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        b"x-amz-checksum-crc32c:sOO8/Q==\r\n"
        b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n",
    ),
)


def signed_example(request: HttpRequest) -> sigv4.Signed:
    return sigv4.verify(request, lambda key: EXAMPLE, AT, body_follows=True)


def uploaded(body: bytes = b"some bytes" * 1000, **parameters: str) -> tuple[HttpRequest, sigv4.Signed]:
    made = client("s3", "https://localhost:9229")
    request = sent(made, "put_object", Bucket="b", Key="k", Body=body, **parameters)
    return request, sigv4.verify(request, lambda key: CREDENTIAL, datetime.now(UTC), body_follows=True)


def body_of(request: HttpRequest) -> bytes:
    assert isinstance(request.body, bytes)
    return request.body


@pytest.mark.parametrize(("example", "trailers"), [(PLAIN, {}), (TRAILED, TRAILER)], ids=["plain", "trailer"])
def test_published_bodies_decode(example: tuple[HttpRequest, bytes], trailers: dict[str, str]) -> None:
    request, body = example
    signed = signed_example(request)
    assert chunked.is_chunked(signed, request)
    assert chunked.decode(signed, request, body) == (CONTENT, trailers)


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_uploads_of_boto3_with_a_trailing_checksum_decode(algorithm: str) -> None:
    request, signed = uploaded(ChecksumAlgorithm=algorithm)
    assert signed.mode == "unsigned-trailer"
    content, trailers = chunked.decode(signed, request, body_of(request))
    assert content == b"some bytes" * 1000
    assert list(trailers) == [f"x-amz-checksum-{algorithm.lower()}"]


def test_an_upload_of_nothing_decodes() -> None:
    request, signed = uploaded(b"")
    content, trailers = chunked.decode(signed, request, body_of(request))
    assert (content, trailers) == (b"", {"x-amz-checksum-crc32": "AAAAAA=="})


@given(st.lists(st.integers(min_value=1, max_value=30_000), max_size=12))
def test_a_body_decodes_however_it_is_cut(cuts: list[int]) -> None:
    request, body = TRAILED
    decoder, content, at = chunked.Decoder(signed_example(request), request), b"", 0
    for cut in [*cuts, len(body)]:
        content += decoder.feed(body[at : at + cut])
        at += cut
    assert (content, decoder.finish()) == (CONTENT, TRAILER)


@pytest.mark.parametrize(("request_", "body"), [PLAIN, TRAILED], ids=["plain", "trailer"])
def test_no_flipped_byte_goes_unnoticed(request_: HttpRequest, body: bytes) -> None:
    signed = signed_example(request_)
    framing = [at for at in range(len(body)) if not 200 < at < 65000]
    for at in [*framing[::7], *range(len(body) - 300, len(body)), 300, 30_000]:
        if body[at : at + 1] in b"\r\n":
            continue
        changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        with pytest.raises(ApiError):
            chunked.decode(signed, request_, changed)
            pytest.fail(f"byte {at} was changed and the body accepted")


@pytest.mark.parametrize("cut", [1, 3, 50, 100, 200, 1000, 66000])
def test_a_body_cut_short_is_refused(cut: int) -> None:
    for request, body in (PLAIN, TRAILED):
        with pytest.raises(ApiError):
            chunked.decode(signed_example(request), request, body[:-cut])


def test_only_the_very_last_line_end_may_be_missing_as_some_clients_leave_it_out() -> None:
    request, body = PLAIN
    assert chunked.decode(signed_example(request), request, body[:-2]) == (CONTENT, {})


def test_a_last_chunk_alone_does_not_end_a_longer_body() -> None:
    request, signed = uploaded()
    with pytest.raises(ApiError) as refused:
        chunked.decode(signed, request, b"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n")
    assert refused.value.code == "IncompleteBody"


@pytest.mark.parametrize(
    "end",
    [
        b"0\r\n\r\n",
        b"0\r\nx-amz-checksum-sha1:AAAA\r\n\r\n",
        b"0\r\nx-amz-checksum-crc32:AAAA\r\nx-amz-meta-a:b\r\n\r\n",
        b"0\r\nx-amz-checksum-crc32:AAAA\r\nx-amz-checksum-crc32:BBBB\r\n\r\n",
        b"0\r\nno colon\r\n\r\n",
        b"0\r\nx-amz-checksum-crc32:\xff\r\n\r\n",
    ],
)
def test_trailers_other_than_those_announced_are_refused(end: bytes) -> None:
    request, signed = uploaded(b"abc")
    with pytest.raises(ApiError) as refused:
        chunked.decode(signed, request, b"3\r\nabc\r\n" + end)
    assert refused.value.code == "MalformedTrailerError"


@given(st.binary(max_size=400))
def test_garbage_never_raises_anything_else(garbage: bytes) -> None:
    request, body = TRAILED
    signed = signed_example(request)
    for attempt in (garbage, body[:100] + garbage, body[:-50] + garbage):
        try:
            chunked.decode(signed, request, attempt)
        except ApiError as error:
            assert 400 <= error.status < 500


def test_a_line_without_end_is_refused_early() -> None:
    request, _ = TRAILED
    decoder = chunked.Decoder(signed_example(request), request)
    with pytest.raises(ApiError):
        decoder.feed(b"1" * 2000)


@pytest.mark.parametrize(("value", "status"), [(None, 411), ("-1", 400), ("1e3", 400), ("9" * 30, 400)])
def test_the_decoded_length_must_be_announced(value: str | None, status: int) -> None:
    request, _ = TRAILED
    signed = signed_example(request)
    headers = Headers([field for field in request.headers if field[0] != "x-amz-decoded-content-length"])
    if value is not None:
        headers.add("x-amz-decoded-content-length", value)
    with pytest.raises(ApiError) as refused:
        chunked.Decoder(signed, replace(request, headers=headers))
    assert refused.value.status == status
