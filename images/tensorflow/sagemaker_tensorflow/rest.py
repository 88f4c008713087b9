"""TensorFlow Serving's REST predictions: `instances` in rows, `inputs` in columns. evidence/tensorflow.md."""

from __future__ import annotations

import base64
import json
from typing import Any, cast

import numpy as np
from toolkit.contract import Json

from sagemaker_tensorflow.bundle import DEFAULT_SIGNATURE, Address, Bundles, Missing, Signature


class Reply:
    """What TensorFlow Serving answers; an output_handler takes it for a response of `requests`."""

    def __init__(self, status_code: int, document: Json) -> None:
        self.status_code, self._document = status_code, document
        self.content = json.dumps(document).encode()
        self.headers = {"Content-Type": "application/json"}

    @property
    def ok(self) -> bool:
        """Tell whether it is a prediction."""
        return self.status_code < 400

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode()

    def json(self) -> Json:
        """Return the body, decoded."""
        return self._document


def answer(bundles: Bundles, address: Address, body: bytes | str) -> Reply:
    """Answer a request to `/v1/models/<model>:<method>`; its own mistakes are answers too."""
    try:
        return Reply(200, _predict(bundles, address, body))
    except Missing as wrong:
        return Reply(404 if "Servable" in str(wrong) else 400, {"error": str(wrong)})
    except Exception as wrong:  # whatever TensorFlow says of these values goes to the caller
        return Reply(400, {"error": _words(wrong)})


def _predict(bundles: Bundles, address: Address, body: bytes | str) -> Json:
    if address.method != "predict":
        raise ValueError(
            f"The method {address.method} is not served here, only predict: classify and regress need "
            "signatures of TensorFlow 1."
        )
    request = json.loads(body or "null")
    if not isinstance(request, dict) or ("instances" in request) == ("inputs" in request):
        raise ValueError("A request is a JSON object with either 'instances' (rows) or 'inputs' (columns).")
    signature = bundles.signature(address, str(request.get("signature_name") or DEFAULT_SIGNATURE))
    if "inputs" in request:
        return {"outputs": _columns(signature, request["inputs"])}
    return {"predictions": _rows(signature, request["instances"])}


def _columns(signature: Signature, given: Json) -> Json:
    one = len(signature.inputs) == 1
    named = isinstance(given, dict) and not _encoded(given)
    values = cast(dict[str, Json], given) if named else {next(iter(signature.inputs)): given}
    if not named and not one:
        raise ValueError(f"The model has several inputs; name them: {', '.join(signature.inputs)}.")
    found = {name: plain(name, array) for name, array in _called(signature, values).items()}
    return found if len(found) > 1 else next(iter(found.values()))


def _rows(signature: Signature, given: Json) -> Json:
    if not isinstance(given, list) or not given:
        raise ValueError("'instances' must be a list of at least one row.")
    if isinstance(given[0], dict) and not _encoded(given[0]):
        rows = cast(list[dict[str, Json]], given)
        values: dict[str, Json] = {name: [row[name] for row in rows] for name in rows[0]}
    elif len(signature.inputs) == 1:
        values = {next(iter(signature.inputs)): given}
    else:
        raise ValueError(
            f"The model has several inputs; name them in each row: {', '.join(signature.inputs)}."
        )
    found = {name: plain(name, array) for name, array in _called(signature, values).items()}
    for name, column in found.items():
        if not isinstance(column, list) or len(column) != len(given):
            raise ValueError(f"The output {name} has not one value a row; ask with 'inputs' instead.")
    if len(found) == 1:
        return next(iter(found.values()))
    columns = cast(dict[str, list[Json]], found)
    return [{name: columns[name][row] for name in columns} for row in range(len(given))]


def _called(signature: Signature, values: dict[str, Json]) -> dict[str, Any]:
    missing, unknown = signature.inputs.keys() - values.keys(), values.keys() - signature.inputs.keys()
    if missing or unknown:
        raise ValueError(
            f"The inputs are {', '.join(sorted(values))}; the signature wants "
            f"{', '.join(sorted(signature.inputs))}."
        )
    texts = {name for name, spec in signature.inputs.items() if spec.dtype.name == "string"}
    return signature({name: _decoded(value) if name in texts else value for name, value in values.items()})


def plain(name: str, array: Any) -> Json:
    """Return an output as JSON has it: bytes as text, or as base64 where the name ends in _bytes."""
    if array.dtype.kind not in "OS":
        return cast(Json, array.tolist())
    encode = np.vectorize(lambda raw: _text(raw, coded=name.endswith("_bytes")), otypes=[object])
    return cast(Json, encode(array).tolist())


def _text(raw: bytes, *, coded: bool) -> Json:
    return {"b64": base64.b64encode(raw).decode()} if coded else raw.decode(errors="replace")


def _encoded(value: Json) -> bool:
    return isinstance(value, dict) and value.keys() == {"b64"}


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(inner) for inner in value]
    return base64.b64decode(value["b64"]) if _encoded(value) else value


def _words(wrong: Exception) -> str:
    said = getattr(wrong, "message", None) or str(wrong)
    return str(said).strip() or type(wrong).__name__
