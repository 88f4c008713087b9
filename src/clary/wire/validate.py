"""The limits of the service model, and the words AWS finds for breaking them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from clary.core.body import StagedBody
from clary.core.document import Document
from clary.core.errors import ApiError, ValidationError
from clary.wire import s3, sqs
from clary.wire.memo import Memo, PerService
from clary.wire.patterns import compile_pattern

MAX_ERRORS = 50
MAX_VALUE = 1024

# What a service calls a request that breaks its model, where it is not ValidationException.
# Source: the common errors and operation errors of each API reference.
_CODES = {
    "CloudWatch Logs": "InvalidParameterException",
    "ECR": "InvalidParameterException",
    "SageMaker Runtime": "ValidationError",
}
_QUERY_CODE = "ValidationError"

Errors = list[str]
Check = Callable[[Any, str, Errors], None]
Test = Callable[[Any], bool]


def validate(shape: Shape | None, value: Document, service: ServiceModel | None = None) -> None:
    """Refuse a document that breaks its shape's limits; `service` decides the error's code."""
    if shape is None:
        return
    check = _checks.get(shape)
    if check is None and shape not in _checks:
        check = _checks[shape] = _Planner().plan(shape) if service is None else _plans(service).plan(shape)
    if check is None:
        return
    errors: Errors = []
    check(value, "", errors)
    if not errors:
        return
    if service is not None and s3.is_s3(service):
        raise _s3_error(shape, errors[0])
    if service is not None and sqs.is_sqs(service):
        raise sqs.unfit(errors[0])
    count = f"{len(errors)} validation error{'s' if len(errors) > 1 else ''} detected: "
    raise ValidationError(count + "; ".join(errors[:MAX_ERRORS]), code=code_of(service))


def code_of(service: ServiceModel | None) -> str:
    """Return what a service calls a request that breaks its model."""
    if service is None:
        return ValidationError.code
    code = _CODES.get(service.metadata.get("serviceId", ""))
    if code is not None:
        return code
    if service.metadata.get("protocol") == "query" or service.is_query_compatible:
        return _QUERY_CODE
    return ValidationError.code


def _s3_error(shape: Shape, complaint: str) -> ApiError:
    """Return S3's code for a complaint: about the body's absence, something in the body, or a parameter."""
    payload = shape.serialization.get("payload")
    if payload and complaint.startswith(f"Value null at '{lower(payload)}'"):
        return ApiError("Request Body is empty", code="MissingRequestBodyError", status=400)
    where = complaint.partition(" at '")[2].partition("'")[0]
    code = "MalformedXML" if "." in where else "InvalidArgument"
    return ApiError(complaint, code=code, status=400)


class _Planner:
    """Compiles shapes into checks; a shape without limits anywhere has none."""

    def __init__(self) -> None:
        self.plan: Memo[Check | None] = Memo(self._build)

    def _build(self, shape: Shape) -> Check | None:
        if isinstance(shape, StructureShape):
            return None if shape.is_document_type else self._structure(shape)
        if isinstance(shape, ListShape):
            return self._list(shape)
        if isinstance(shape, MapShape):
            return self._map(shape)
        tests = tests_of(shape)
        return _simple(tests, hidden(shape)) if tests else None

    def _structure(self, shape: StructureShape) -> Check:
        checks: dict[str, tuple[str, Check]] = {}
        required = [(member, lower(member)) for member in shape.required_members]
        ready = False

        def prepare() -> None:
            for member, target in shape.members.items():
                if (check := self.plan(target)) is not None:
                    checks[member] = (lower(member), check)

        def check(value: Any, path: str, errors: Errors) -> None:
            nonlocal ready
            if not ready:
                prepare()
                ready = True
            for member, name in required:
                if value.get(member) is None:
                    errors.append(complain("Value null", path + name, "Member must not be null"))
            for member, item in value.items():
                found = checks.get(member)
                if found is not None and item is not None:
                    found[1](item, path + found[0], errors)

        return lambda value, path, errors: check(value, f"{path}." if path else "", errors)

    def _list(self, shape: ListShape) -> Check:
        own, secret = tests_of(shape), hidden(shape)
        scalar = not isinstance(shape.member, (StructureShape, ListShape, MapShape))
        of_items = tests_of(shape.member) if scalar else []
        nested = None if scalar else self.plan(shape.member)

        def check(value: Any, path: str, errors: Errors) -> None:
            run(own, value, path, errors, secret)
            if any(item is None for item in value):
                errors.append(complain(told(value, secret), path, "Member must not be null"))
            if of_items and not all(passes(of_items, item) for item in value if item is not None):
                words = ", ".join(words for _, words in of_items)
                errors.append(
                    complain(told(value, secret), path, f"Member must satisfy constraint: [{words}]")
                )
            if nested is not None:
                for number, item in enumerate(value, start=1):
                    if item is not None and len(errors) < MAX_ERRORS:
                        nested(item, f"{path}.{number}.member", errors)

        return check

    def _map(self, shape: MapShape) -> Check:
        own, secret = tests_of(shape), hidden(shape)
        scalar = not isinstance(shape.value, (StructureShape, ListShape, MapShape))
        of_keys, of_values = tests_of(shape.key), tests_of(shape.value) if scalar else []
        nested = None if scalar else self.plan(shape.value)

        def check(value: Any, path: str, errors: Errors) -> None:
            run(own, value, path, errors, secret)
            for tests, items, what in (
                (of_keys, value.keys(), "Map keys"),
                (of_values, value.values(), "Map value"),
            ):
                if tests and not all(passes(tests, item) for item in items if item is not None):
                    words = ", ".join(words for _, words in tests)
                    errors.append(
                        complain(told(value, secret), path, f"{what} must satisfy constraint: [{words}]")
                    )
            if nested is not None:
                for key, item in value.items():
                    if item is not None and len(errors) < MAX_ERRORS:
                        nested(item, f"{path}.{key[:128]}.member", errors)

        return check


_plans = PerService(lambda service: _Planner())
_checks: WeakKeyDictionary[Shape, Check | None] = WeakKeyDictionary()


def tests_of(shape: Shape) -> list[tuple[Test, str]]:
    """Return the tests of a shape's own limits with the words for each, in the order AWS lists them."""
    traits = shape.metadata
    tests: list[tuple[Test, str]] = []
    numeric = shape.type_name in ("integer", "long", "float", "double")
    measure: Callable[[Any], Any] = _same if numeric else _length
    quantity = "value" if numeric else "length"
    if (most := traits.get("max")) is not None:
        words = f"Member must have {quantity} less than or equal to {most}"
        tests.append((lambda value: measure(value) <= most, words))
    if (least := traits.get("min")) is not None:
        words = f"Member must have {quantity} greater than or equal to {least}"
        tests.append((lambda value: measure(value) >= least, words))
    if shape.type_name == "string":
        tests += _string_tests(traits)
    return tests


def _string_tests(traits: dict[str, Any]) -> list[tuple[Test, str]]:
    tests: list[tuple[Test, str]] = []
    if values := traits.get("enum"):
        allowed = frozenset(values)
        tests.append((allowed.__contains__, f"Member must satisfy enum value set: [{', '.join(values)}]"))
    pattern = traits.get("pattern")
    compiled = compile_pattern(pattern) if pattern else None
    if compiled is not None:
        most = traits.get("max", 1 << 20)
        words = f"Member must satisfy regular expression pattern: {pattern}"
        # A value already too long is not matched: backtracking could take its time over it.
        tests.append((lambda value: len(value) > most or compiled.fullmatch(value) is not None, words))
    return tests


def run(tests: list[tuple[Test, str]], value: Any, path: str, errors: Errors, secret: bool) -> None:
    """Add a complaint for each test that fails."""
    for test, words in tests:
        if not test(value):
            errors.append(complain(told(value, secret), path, words))


def passes(tests: list[tuple[Test, str]], value: Any) -> bool:
    """Tell whether a value passes every test."""
    return all(test(value) for test, _ in tests)


def all_words(tests: list[tuple[Test, str]]) -> str:
    """Return the words of every test, as errors about the items of a collection list them."""
    return ", ".join(words for _, words in tests)


def complain(value: str, path: str, words: str) -> str:
    """Return one complaint in AWS's words."""
    return f"{value} at '{path}' failed to satisfy constraint: {words}"


def told(value: Any, secret: bool) -> str:
    """Return how a complaint names a value; secrets and bytes are not repeated."""
    if secret or isinstance(value, (bytes, StagedBody)):
        return "Value"
    return f"Value '{_java(value)[:MAX_VALUE]}'"


def hidden(shape: Shape) -> bool:
    """Tell whether a value, or anything right inside of it, must not be repeated in an error."""
    inner = [shape]
    if isinstance(shape, ListShape):
        inner.append(shape.member)
    if isinstance(shape, MapShape):
        inner += [shape.key, shape.value]
    return any(bool(part.metadata.get("sensitive")) for part in inner)


def lower(member: str) -> str:
    """Return a member's name as errors spell it."""
    return member[:1].lower() + member[1:]


def _simple(tests: list[tuple[Test, str]], secret: bool) -> Check:
    return lambda value, path, errors: run(tests, value, path, errors, secret)


def _same(value: Any) -> Any:
    return value


def _length(value: Any) -> int:
    return value.size if isinstance(value, StagedBody) else len(value)


def _java(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_java(item) for item in value[:50])}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_java(item)}" for key, item in list(value.items())[:50]) + "}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)
