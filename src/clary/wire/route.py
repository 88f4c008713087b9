"""Which operation a request asks for, and in which protocol: decided before anything else is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote, unquote_plus

from botocore.model import OperationModel, OperationNotFoundError, ServiceModel, StructureShape

from clary.core.errors import ApiError, SerializationError
from clary.wire import query_form, s3, sqs
from clary.wire.memo import PerService
from clary.wire.message import HttpRequest

Protocol = Literal["json", "query", "rest-json", "rest-xml", "smithy-rpc-v2-cbor"]
_CBOR_PATH = re.compile(r"/service/[^/]+/operation/([^/]+)/?")
_LABEL = re.compile(r"\{([^}+]+)(\+?)\}")
_PRESIGNED = frozenset(
    f"X-Amz-{name}"
    for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature", "Security-Token")
)


@dataclass(frozen=True)
class Route:
    """What was asked for: the operation, the path's decoded labels, the query string's decoded fields."""

    protocol: Protocol
    operation: OperationModel
    labels: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, list[str]] = field(default_factory=dict)


def find(service: ServiceModel, request: HttpRequest) -> Route:
    """Return what `request` asks of `service`; an operation that does not exist is an ApiError."""
    protocol = detect(service, request)
    if protocol == "json":
        target = request.headers.get("x-amz-target") or ""
        return Route(protocol, _named(service, target.rpartition(".")[2], protocol))
    if protocol == "smithy-rpc-v2-cbor":
        match = _CBOR_PATH.fullmatch(request.path)
        return Route(protocol, _named(service, match[1] if match else "", protocol))
    if protocol == "query":
        parameters = form(request)
        return Route(protocol, _named(service, parameters.get("Action", ""), protocol))
    return _rest(service, request, protocol)


def detect(service: ServiceModel, request: HttpRequest) -> Protocol:
    """Tell the protocol from the request itself; what gives no sign is taken for the service's first."""
    spoken = protocols(service)
    headers = request.headers
    if headers.get("smithy-protocol") == "rpc-v2-cbor" and "smithy-rpc-v2-cbor" in spoken:
        return "smithy-rpc-v2-cbor"
    if "json" in spoken and "x-amz-target" in headers:
        return "json"
    if "query" in spoken and (len(spoken) == 1 or _looks_like_form(request)):
        return "query"
    return spoken[0]


def form(request: HttpRequest) -> dict[str, str]:
    """Return the fields of a query protocol request, from its body or from a presigned URL."""
    parameters = query_form.fields(request.query) if request.query else {}
    if isinstance(request.body, bytes) and request.body:
        parameters |= query_form.decode(request.body)
    return parameters


def protocols(service: ServiceModel) -> tuple[Protocol, ...]:
    """Return the protocols a service is spoken to in, its preferred one first."""
    return _protocols(service)


def query_fields(query: str) -> dict[str, list[str]]:
    """Decode a query string; the parameters of a presigned URL are left out."""
    fields: dict[str, list[str]] = {}
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        try:
            key = unquote_plus(name, errors="strict")
            fields.setdefault(key, []).append(unquote_plus(value, errors="strict"))
        except UnicodeDecodeError as error:
            raise SerializationError("The query string is not valid UTF-8.") from error
    if "X-Amz-Signature" in fields:
        fields = {key: values for key, values in fields.items() if key not in _PRESIGNED}
    fields.pop("", None)
    return fields


def _list_protocols(service: ServiceModel) -> tuple[Protocol, ...]:
    metadata = service.metadata
    spoken: list[Protocol] = list(metadata.get("protocols") or [metadata["protocol"]])
    if "targetPrefix" in metadata and "json" not in spoken and "smithy-rpc-v2-cbor" not in spoken:
        spoken.append("json")
    if sqs.is_sqs(service):
        spoken.append("query")
    return tuple(spoken)


_protocols = PerService(_list_protocols)


def _looks_like_form(request: HttpRequest) -> bool:
    content_type = request.headers.get("content-type") or ""
    return content_type.startswith("application/x-www-form-urlencoded") or "Action=" in request.query


def _named(service: ServiceModel, name: str, protocol: Protocol) -> OperationModel:
    try:
        return service.operation_model(name)
    except OperationNotFoundError as error:
        if protocol == "query":
            version = service.metadata.get("apiVersion")
            message = f"Could not find operation {name[:128]} for version {version}"
            raise ApiError(message, code="InvalidAction", status=400) from error
        status = 400 if protocol == "json" else 404
        message = f"{service.service_name} has no operation '{name[:128]}'."
        raise ApiError(message, code="UnknownOperationException", status=status) from error


@dataclass(frozen=True)
class _Candidate:
    """One operation behind a method and path: what else must be in the request for it to be meant."""

    operation: OperationModel
    literals: tuple[tuple[str, str | None], ...]
    query: tuple[str, ...]
    headers: tuple[str, ...]

    def fits(self, request: HttpRequest, query: Mapping[str, list[str]]) -> bool:
        return all(
            name in query and (value is None or value in query[name]) for name, value in self.literals
        ) and (
            all(name in query for name in self.query)
            and all(name in request.headers for name in self.headers)
        )


@dataclass(frozen=True)
class _Path:
    """A path template and its operations, the most particular first."""

    pattern: re.Pattern[str]
    names: tuple[str, ...]
    weight: tuple[int, int]
    candidates: list[_Candidate]
    plain: list[_Candidate]
    named: dict[str, list[_Candidate]]

    def possible(self, query: Mapping[str, list[str]]) -> list[_Candidate]:
        """Return the candidates whose first literal is in the query or that have none, in order."""
        found = [name for name in query if name in self.named]
        if not found:
            return self.plain
        return [*self.named[found[0]], *self.plain] if len(found) == 1 else self.candidates


class _Router:
    """The table of one REST service."""

    def __init__(self, service: ServiceModel) -> None:
        self.paths: dict[str, list[_Path]] = {}
        found: dict[tuple[str, str], list[_Candidate]] = {}
        for name in service.operation_names:
            if name in s3.SHADOWED:
                continue
            operation = service.operation_model(name)
            path, _, literal = operation.http["requestUri"].partition("?")
            found.setdefault((operation.http["method"], path), []).append(_candidate(operation, literal))
        for (method, path), candidates in found.items():
            self.paths.setdefault(method, []).append(_compile(path, candidates, s3.is_s3(service)))
        for paths in self.paths.values():
            paths.sort(key=lambda path: path.weight, reverse=True)


_router = PerService(_Router)


def _candidate(operation: OperationModel, literal: str) -> _Candidate:
    pairs = [pair.partition("=") for pair in literal.split("&")] if literal else []
    literals = tuple((name, value if equals else None) for name, equals, value in pairs)
    query, headers = [], []
    shape = operation.input_shape
    if isinstance(shape, StructureShape):
        for member in shape.required_members:
            traits = shape.members[member].serialization
            if traits.get("location") == "querystring":
                query.append(traits.get("name", member))
            elif traits.get("location") == "header":
                headers.append(traits.get("name", member).lower())
    return _Candidate(operation, literals, tuple(query), tuple(headers))


def _compile(path: str, candidates: list[_Candidate], speaks_s3: bool) -> _Path:
    pattern, names, at, literal = "", [], 0, 0
    for match in _LABEL.finditer(path):
        pattern += re.escape(path[at : match.start()])
        literal += match.start() - at
        pattern += "(.+)" if match[2] else "([^/]+)"
        names.append(match[1])
        at = match.end()
    pattern += re.escape(path[at:])
    literal += len(path) - at
    # "/bucket/" is the bucket, but "/bucket/key/" is an object whose key ends in a slash.
    pattern = pattern.rstrip("/") + "/?" if not pattern.endswith("(.+)") else pattern
    # Only candidates that leave the choice open need more than their literals, and S3's that have none: a
    # POST to a key does not complete an upload just because it can be nothing else.
    shared: dict[tuple[tuple[str, str | None], ...], int] = {}
    for candidate in candidates:
        shared[candidate.literals] = shared.get(candidate.literals, 0) + 1
    chosen = [
        candidate
        if shared[candidate.literals] > 1 or (speaks_s3 and not candidate.literals)
        else _Candidate(candidate.operation, candidate.literals, (), ())
        for candidate in candidates
    ]
    chosen.sort(key=_particular, reverse=True)
    named: dict[str, list[_Candidate]] = {}
    for candidate in chosen:
        if candidate.literals:
            named.setdefault(candidate.literals[0][0], []).append(candidate)
    plain = [candidate for candidate in chosen if not candidate.literals]
    weight = (literal, -len(names))
    return _Path(re.compile(pattern, re.DOTALL), tuple(names), weight, chosen, plain, named)


def _particular(candidate: _Candidate) -> tuple[int, int, bool]:
    needs = len(candidate.query) + len(candidate.headers)
    return len(candidate.literals), needs, not candidate.operation.deprecated


def _rest(service: ServiceModel, request: HttpRequest, protocol: Protocol) -> Route:
    query = query_fields(request.query)
    path = request.path or "/"
    speaks_s3 = s3.is_s3(service)
    if speaks_s3 and (bucket := s3.bucket_of_host(request.headers.get("host") or "")):
        path = f"/{bucket}{path}"
    short: Route | None = None
    for template in _router(service).paths.get(request.method, ()):
        match = template.pattern.fullmatch(path)
        if not match:
            continue
        for candidate in template.possible(query):
            if candidate.fits(request, query):
                if speaks_s3:
                    _refuse_half_a_part(candidate.operation, query)
                return Route(protocol, candidate.operation, _labels(template.names, match), query)
        last = template.candidates[-1]
        if short is None and not last.literals:
            short = Route(protocol, last.operation, _labels(template.names, match), query)
    if short is None or speaks_s3:
        raise _no_route(request, speaks_s3)
    return short  # It falls short of this operation's needs; validation says of which.


def _no_route(request: HttpRequest, speaks_s3: bool) -> ApiError:
    if speaks_s3:
        message = "The specified method is not allowed against this resource."
        return ApiError(message, code="MethodNotAllowed", status=405)
    message = f"No operation answers {request.method} {request.path[:256]}."
    return ApiError(message, code="UnknownOperationException", status=404)


def _refuse_half_a_part(operation: OperationModel, query: Mapping[str, list[str]]) -> None:
    if operation.name in ("PutObject", "CopyObject"):
        for key in s3.PART_KEYS:
            if key in query:
                message = "This operation does not accept a query-string."
                members = {"ArgumentName": "ResourceType", "ArgumentValue": key}
                raise ApiError(message, code="InvalidArgument", status=400, members=members)


def _labels(names: tuple[str, ...], match: re.Match[str]) -> dict[str, str]:
    try:
        return {
            name: unquote(value, errors="strict") for name, value in zip(names, match.groups(), strict=True)
        }
    except UnicodeDecodeError as error:
        raise ApiError("Couldn't parse the specified URI.", code="InvalidURI", status=400) from error
