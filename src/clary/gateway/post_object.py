"""PostObject: an upload by HTML form, signed by its policy, kept as PutObject would keep it."""

from __future__ import annotations

import asyncio
import base64
import hmac
import re
from urllib.parse import quote, unquote, urlencode

from clary.core.body import StagedBody
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.core.principal import Credential
from clary.gateway import body, post_policy
from clary.gateway.exchange import Exchange, Message, Parts
from clary.gateway.form import Form, FormReader
from clary.gateway.post_policy import Sizes
from clary.gateway.sigv4 import Signed, signing_key
from clary.gateway.sigv4_errors import refusals_for
from clary.gateway.staging import Staging, wanted_digests
from clary.wire import s3, xml_body
from clary.wire.message import Headers, HttpRequest, HttpResponse

_CREDENTIAL = re.compile(r"([^/\s]+)/([0-9]{8})/([^/\s]*)/s3/aws4_request")
_CONTENT = ("type", "disposition", "encoding", "language")
_HEADERS = frozenset({"cache-control", "expires", *(f"content-{name}" for name in _CONTENT)})
_NOT_HEADERS = frozenset(
    f"x-amz-{name}" for name in ("algorithm", "credential", "date", "signature", "security-token")
)


async def receive_form(exchange: Exchange, parts: Parts) -> tuple[Form, Sizes, FormReader]:
    """Read the fields, find out who signed their policy, and turn the request into the PutObject it means."""
    request = exchange.request

    async def receive() -> Message:
        message = await exchange.receive()
        exchange.received = not message.get("more_body", False)  # or a refusal would wait for more
        return message

    reader = FormReader(request.headers.get("content-type") or "", body.chunks(receive))
    form = await reader.fields()
    bucket = _bucket(request)
    fields = {**form.fields, "bucket": bucket}
    if not (key := fields.get("key", "")):
        message = (
            "Bucket POST must contain a field named 'key'. If it is specified, please check the order of "
        )
        raise ApiError(f"{message}the fields.", code="InvalidArgument", status=400)
    loop = asyncio.get_running_loop()
    exchange.signed = await loop.run_in_executor(parts.pool, _signed, exchange, parts, fields)
    sizes = post_policy.check(fields["policy"], fields, parts.clock.now())
    key = key.replace("${filename}", form.filename.replace("\\", "/").rpartition("/")[2])
    exchange.request = HttpRequest(
        method="PUT", path=f"/{quote(bucket)}/{quote(key)}", headers=Headers(_headers(form.fields))
    )
    exchange.uploads = True
    return form, sizes, reader


async def receive_file(exchange: Exchange, parts: Parts, sizes: Sizes, reader: FormReader) -> StagedBody:
    """Take the file to disk; one of a size that the policy does not allow is refused."""
    staging = exchange.staging = Staging(parts.objects.staging, wanted_digests(exchange.request.headers))
    loop = asyncio.get_running_loop()
    waiting: list[bytes] = []
    held = 0
    async for piece in reader.file():
        waiting.append(piece)
        held += len(piece)
        if staging.size + held > sizes.most:
            raise _wrong_size("EntityTooLarge", "exceeds the maximum", staging.size + held, sizes)
        if held >= body.BLOCK:
            await loop.run_in_executor(parts.pool, staging.write, b"".join(waiting))
            waiting, held = [], 0
    if staging.size + held < sizes.least:
        raise _wrong_size("EntityTooSmall", "is smaller than the minimum", staging.size + held, sizes)

    def finish() -> StagedBody:
        staging.write(b"".join(waiting))
        return staging.finish()

    return await loop.run_in_executor(parts.pool, finish)


def answer(exchange: Exchange, form: Form, result: Document, base: str) -> HttpResponse:
    """Return what the form asks to be told: a page to go to, a document, or nothing."""
    _, bucket, key = exchange.request.path.split("/", 2)
    headers = Headers([("etag", result["ETag"]), ("x-amz-request-id", exchange.id)])
    headers.add("location", f"{base}/{bucket}/{key}")
    if "VersionId" in result:
        headers.add("x-amz-version-id", result["VersionId"])
    assert exchange.call is not None  # noqa: S101  # it was dispatched
    names = {"bucket": exchange.call.request["Bucket"], "key": exchange.call.request["Key"]}
    target = form.fields.get("success_action_redirect") or form.fields.get("redirect") or ""
    if re.fullmatch(r"https?://[!-~]+", target):
        mark = "&" if "?" in target else "?"
        headers.set("location", f"{target}{mark}{urlencode({**names, 'etag': result['ETag']})}")
        return HttpResponse(status=303, headers=headers)
    status = form.fields.get("success_action_status")
    if status != "201":
        return HttpResponse(status=200 if status == "200" else 204, headers=headers)
    headers.set("content-type", "application/xml")
    told = {"Location": headers.get("location") or "", "Bucket": names["bucket"], "Key": names["key"]}
    inner = "".join(f"<{n}>{xml_body.escape(v)}</{n}>" for n, v in {**told, "ETag": result["ETag"]}.items())
    content = f'<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse>{inner}</PostResponse>'
    return HttpResponse(status=201, headers=headers, body=content.encode())


def _bucket(request: HttpRequest) -> str:
    """Return the bucket a form is sent to; what follows it would become a part of the key, unsigned."""
    named = s3.bucket_of_host(request.headers.get("host") or "")
    path = unquote(request.path).strip("/")
    if "/" in path or (named and path):
        message = "The specified method is not allowed against this resource."
        raise ApiError(message, code="MethodNotAllowed", status=405)
    return named or path


def _headers(fields: dict[str, str]) -> list[tuple[str, str]]:
    """Return the headers a PUT of the same meaning would have; its host does not name the bucket again."""
    found: list[tuple[str, str]] = []
    for name, value in fields.items():
        if any(ord(letter) < 32 for letter in value):
            if name in _HEADERS or name.startswith("x-amz-"):
                raise ApiError(
                    f"The field {name} has control characters.", code="InvalidArgument", status=400
                )
            continue
        if name in _HEADERS or (name.startswith("x-amz-") and name not in _NOT_HEADERS):
            found.append((name, value.encode().decode("latin-1")))
    if "acl" in fields:
        found.append(("x-amz-acl", fields["acl"]))
    if "tagging" in fields:
        found.append(("x-amz-tagging", _tags(fields["tagging"])))
    return found


def _tags(document: str) -> str:
    root = xml_body.decode(document.encode())
    pairs = []
    for tag in root.iter():
        if xml_body.local(tag.tag) == "Tag":
            parts = {xml_body.local(child.tag): child.text or "" for child in tag}
            pairs.append((parts.get("Key", ""), parts.get("Value", "")))
    return urlencode(pairs)


def _signed(exchange: Exchange, parts: Parts, fields: dict[str, str]) -> Signed:
    """Return who signed the policy, by either version of the signature."""
    policy, refuse = fields.get("policy", ""), refusals_for(exchange.request, "s3")
    if not policy:
        raise ApiError("Access Denied", code="AccessDenied", status=403)
    token = fields.get("x-amz-security-token")
    if "awsaccesskeyid" in fields:
        credential = _credential(parts, fields["awsaccesskeyid"], token)
        digest = hmac.digest(credential.secret.encode(), policy.encode(), "sha1")
        expected, region, scope = base64.b64encode(digest).decode(), parts.settings.region, ""
        given = fields.get("signature", "")
    else:
        found = _CREDENTIAL.fullmatch(fields.get("x-amz-credential", ""))
        if found is None or fields.get("x-amz-algorithm") != "AWS4-HMAC-SHA256":
            message = "Error parsing the X-Amz-Credential or X-Amz-Algorithm field of the form."
            raise refuse.malformed(message, presigned=True)
        key, date, region = found.groups()
        credential, scope = _credential(parts, key, token), f"{date}/{region}/s3/aws4_request"
        signing = signing_key(credential.secret, date, region, "s3")
        expected = hmac.digest(signing, policy.encode(), "sha256").hex()
        given = fields.get("x-amz-signature", "")
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise refuse.mismatch(credential.access_key, "", policy, given)
    if credential.expires is not None and credential.expires <= parts.clock.now():
        raise refuse.expired_token()
    return Signed(
        credential=credential,
        region=region,
        service="s3",
        mode="unsigned",
        presigned=True,
        seed=given,
        key=b"",
        timestamp="",
        scope=scope,
        refusals=refuse,
    )


def _credential(parts: Parts, key: str, token: str | None) -> Credential:
    credential = parts.credentials.find(key, token)
    refuse = refusals_for(HttpRequest(method="POST", path="/"), "s3")
    if credential is None:
        raise refuse.unknown_key(key)
    if not hmac.compare_digest((credential.token or "").encode(), (token or "").encode()):
        raise refuse.invalid_token()
    return credential


def _wrong_size(code: str, words: str, size: int, sizes: Sizes) -> ApiError:
    members = {"ProposedSize": size, "MinSizeAllowed": sizes.least, "MaxSizeAllowed": sizes.most}
    return ApiError(f"Your proposed upload {words} allowed size", code=code, status=400, members=members)
