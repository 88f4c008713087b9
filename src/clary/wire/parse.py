"""From an HTTP request to an operation and a document."""

from __future__ import annotations

from typing import Any

from botocore.model import OperationModel, ServiceModel

from clary.core.body import StagedBody
from clary.core.document import Document
from clary.core.errors import ApiError, SerializationError
from clary.wire import cbor, cbor_body, compression, json_body, query_form, rest_input, s3, sqs
from clary.wire.message import HttpRequest
from clary.wire.route import Route, find, form
from clary.wire.scalars import Mismatch


def parse(service: ServiceModel, request: HttpRequest) -> tuple[OperationModel, Document]:
    """Return the operation `request` asks for and its input; every mistake in it is an ApiError."""
    request = compression.inflated(service, request)
    try:
        route = find(service, request)
    except SerializationError as error:
        if s3.is_s3(service):
            words = f"Couldn't parse the specified URI. {error.message}"
            raise ApiError(words, code="InvalidURI", status=400) from error
        raise
    return route.operation, read(service, route, request)


def read(service: ServiceModel, route: Route, request: HttpRequest) -> Document:
    """Return the input of a request that was routed before its body was there."""
    try:
        return _read(service, route, request)
    except Mismatch as error:
        if error.outside and s3.is_s3(service):
            raise ApiError(str(error), code="InvalidArgument", status=400) from error
        raise _unfit(service, str(error)) from error
    except RecursionError as error:
        raise SerializationError("The request is nested too deeply.") from error
    except SerializationError as error:
        if s3.is_s3(service):
            raise _unfit(service, error.message) from error
        raise


def _read(service: ServiceModel, route: Route, request: HttpRequest) -> Document:
    if route.protocol in ("rest-json", "rest-xml"):
        return rest_input.read(service, route, request)
    shape = route.operation.input_shape
    if isinstance(request.body, StagedBody):
        raise ApiError("The request body is too large.", code="RequestEntityTooLargeException", status=413)
    if shape is None:
        return {}
    result: Any
    if route.protocol == "query":
        spoken = sqs.query_model(service)
        named = spoken.operation_model(route.operation.name).input_shape or shape
        result = query_form.reader(spoken).plan(named)(query_form.grow(form(request)))
    elif route.protocol == "json":
        result = json_body.reader(service).plan(shape)(json_body.decode(request.body or b"{}"))
    else:
        tree = cbor.decode(request.body) if request.body else {}
        result = cbor_body.reader(service).plan(shape)(tree)
    document: Document = result
    return sqs.of_today(document, route.operation, request.path) if sqs.is_sqs(service) else document


def _unfit(service: ServiceModel, why: str) -> ApiError:
    if s3.is_s3(service):
        message = "The XML you provided was not well-formed or did not validate against our published schema"
        return ApiError(f"{message}: {why}", code="MalformedXML", status=400)
    return SerializationError(why)
