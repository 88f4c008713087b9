"""The published SigV4 cases: every one verifies, and none with a byte of it changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.vectors.signing_cases import SigningCase, signing_cases

from clary.core.errors import ApiError
from clary.core.principal import Credential
from clary.gateway import sigv4

CASES = list(signing_cases())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_published_signature_verifies(case: SigningCase) -> None:
    signed = verify(case)
    assert signed.credential is case.credential
    assert (signed.region, signed.service) == ("us-east-1", "service")
    assert signed.presigned == (case.kind == "query")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_signature_covers_a_request_with_one_byte_flipped(case: SigningCase) -> None:
    flipped = list(flips(case))
    assert len(flipped) > 100
    for part, changed in flipped:
        with pytest.raises(ApiError) as refusal:
            verify(changed)
            pytest.fail(f"accepted with a changed {part}: {changed.request()}")
        assert 400 <= refusal.value.status < 500


@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_signature_is_made_by_another_secret(case: SigningCase) -> None:
    with pytest.raises(ApiError):
        verify(replace(case, credential=replace(case.credential, secret="another")))


def verify(case: SigningCase) -> sigv4.Signed:
    """Verify a case with its own clock and keys."""

    def find(access_key: str) -> Credential | None:
        return case.credential if access_key == case.credential.access_key else None

    return sigv4.verify(case.request(), find, case.at, normalise=case.normalise)


def flips(case: SigningCase) -> Iterator[tuple[str, SigningCase]]:
    """Yield the case with each byte changed in turn: method, path, query, header names and values, body."""
    for method in changed_texts(case.method):
        yield "method", replace(case, method=method)
    for path in changed_texts(case.path):
        if not (case.normalise and plain_path(path) == plain_path(case.path)):
            yield "path", replace(case, path=path)
    for query in changed_texts(case.query):
        yield "query", replace(case, query=query)
    for number, (name, value) in enumerate(case.headers):
        before, after = case.headers[:number], case.headers[number + 1 :]
        for other in changed_texts(name):
            yield "header name", replace(case, headers=(*before, (other, value), *after))
        for other in changed_texts(value):
            yield "header value", replace(case, headers=(*before, (name, other), *after))
    for number in range(len(case.body)):
        body = bytearray(case.body)
        body[number] ^= 1
        yield "body", replace(case, body=bytes(body))


def changed_texts(text: str) -> Iterator[str]:
    """Yield a text with each of its bytes flipped in its lowest bit."""
    for number, letter in enumerate(text):
        yield text[:number] + chr(ord(letter) ^ 1) + text[number + 1 :]


def plain_path(path: str) -> list[str]:
    """Return what a path names once normalised: "/./" and "///" are the same place, and signed as such."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            kept = kept[:-1]
        elif segment not in ("", "."):
            kept.append(segment)
    return kept
