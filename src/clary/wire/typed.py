"""Documents that did not come over the wire: read as their shape has them, or refused by the path."""

from __future__ import annotations

from datetime import datetime

from botocore.model import Shape

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.wire import json_body
from clary.wire.memo import PerService
from clary.wire.models import service as service_of
from clary.wire.scalars import Mismatch
from clary.wire.tree import Read, TreeReader


def read(service: str, operation: str, value: Document) -> Document:
    """Return a request in its operation's types, without what is null; raises ValidationError.

    Blobs and times may be there as they are, or as JSON spells them.
    """
    model = service_of(service)
    shape = model.operation_model(operation).input_shape
    if shape is None:
        return {}
    try:
        found: Document = _reader(model).plan(shape)(value)
    except Mismatch as error:
        where = ".".join(error.path)
        raise ValidationError(f"{where} of {operation} has the wrong type: {error.message}.") from error
    except RecursionError as error:
        raise ValidationError(f"The request of {operation} is nested too deeply.") from error
    return found


def _ready(kind: type, read_text: Read) -> Read:
    return lambda value: value if isinstance(value, kind) else read_text(value)


def _blob(shape: Shape) -> Read:
    return _ready(bytes, json_body.READERS["blob"](shape))


def _timestamp(shape: Shape) -> Read:
    return _ready(datetime, json_body.READERS["timestamp"](shape))


_READERS = {**json_body.READERS, "blob": _blob, "timestamp": _timestamp}
_reader = PerService(lambda service: TreeReader(_READERS, inside=True))
