"""An ONNX model as it says of itself: what its inputs are, how given values fit them, and what it answers."""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from toolkit.batching import Part
from toolkit.failure import UserError
from toolkit.server.messages import Limits, Refused

OUTPUTS = "SAGEMAKER_ONNX_OUTPUTS"
_TYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(bool)": "bool",
    "tensor(string)": "object",
} | {f"tensor({sign}int{bits})": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}


class Feed(dict[str, Any]):
    """Arrays by the names of a model's inputs, as the model takes them."""


class Input(NamedTuple):
    """One input: a name, a type, and an extent of each axis, which is None where any will do."""

    name: str
    type: np.dtype[Any]
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        extents = " by ".join("any" if extent is None else str(extent) for extent in self.shape)
        kind = "text" if self.type.kind == "O" else self.type.name
        return f"{self.name} ({kind}, {extents})"


class Network:
    """A session with its inputs and the outputs that are asked for."""

    def __init__(self, session: Any, wanted: Sequence[str] = ()) -> None:
        self._session = session
        self.inputs = [Input(one.name, _type(one), _shape(one.shape)) for one in session.get_inputs()]
        outputs = {one.name: one for one in session.get_outputs()}
        if unknown := [name for name in wanted if name not in outputs]:
            raise UserError(
                f"{OUTPUTS} names {', '.join(unknown)}; the outputs of the model are {', '.join(outputs)}."
            )
        self.outputs = list(wanted or outputs)
        fixed = [outputs[name].shape[0] for name in self.outputs if outputs[name].shape]
        self.batches = all(one.shape and one.shape[0] is None for one in self.inputs) and not any(
            isinstance(extent, int) for extent in fixed
        )

    def feed(self, data: Any) -> Feed:
        """Fit what a request holds to the inputs, or refuse it in words that name them."""
        if isinstance(data, Feed):
            return data
        named = self._named(data)
        return Feed({one.name: _fit(named[one.name], one) for one in self.inputs})

    def predict(self, data: Any) -> Any:
        """Run the model: its output, or a dictionary where there are several."""
        found = self._session.run(self.outputs, self.feed(data))
        return found[0] if len(found) == 1 else dict(zip(self.outputs, found, strict=True))

    def _named(self, data: Any) -> Mapping[str, Any]:
        names = [one.name for one in self.inputs]
        if isinstance(data, dict) and set(data) != set(names) and len(data) == 1:
            ((key, inner),) = data.items()
            data = inner if key in ("inputs", "instances") else data
        if isinstance(data, list) and data and all(isinstance(row, dict) for row in data):
            data = {name: [row.get(name) for row in data] for name in names}
        if isinstance(data, dict):
            if set(data) != set(names):
                raise self._refused(f"The request names {', '.join(map(str, data)) or 'nothing'}")
            return data
        if len(names) == 1:
            return {names[0]: data}
        table = np.asarray(data)
        if table.ndim == 2 and table.shape[1] == len(names):
            return {name: table[:, [column]] for column, name in enumerate(names)}
        raise self._refused("The request holds one array")

    def _refused(self, what: str) -> Refused:
        inputs = ", ".join(map(str, self.inputs))
        return Refused(
            400, f"{what}; the model takes {inputs}. Send a JSON object with an array for each by its name."
        )


class Batches:
    """Joins requests along the first axis, which any number of rows may have."""

    def __init__(self, network: Network, limits: Limits) -> None:
        self._network, self.limits = network, limits

    def take(self, data: Any) -> Part | None:
        """Return what the model is fed with; other extents than those of others make another key."""
        feed = self._network.feed(data)
        rows = {len(array) for array in feed.values()}
        if len(rows) != 1:
            return None
        return Part(tuple(array.shape[1:] for array in feed.values()), rows.pop(), feed)

    def join(self, data: Sequence[Any]) -> Any:
        """Concatenate, input by input."""
        return Feed({name: np.concatenate([feed[name] for feed in data]) for name in data[0]})


def load(path: Path) -> Any:
    """Open a model file on as many threads as this worker has cores, none of which spins."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS") or 1)
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as wrong:  # ONNX Runtime has an exception for each reason, which none of them shares
        raise UserError(f"ONNX Runtime cannot load {path.name}: {wrong}") from wrong


def by_row(session: Any) -> bool:
    """Tell whether a model's numbers have no scale of all rows, as dynamic quantization gives them; where the
    model cannot be read, say no."""
    try:
        with (
            Path(session._model_path).open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as model,
        ):
            return model.find(b"DynamicQuantize") < 0  # the operators' names stand in it as they are
    except (AttributeError, TypeError, OSError, ValueError):
        return False


def _type(one: Any) -> np.dtype[Any]:
    if one.type not in _TYPES:
        raise UserError(
            f"The model's input {one.name} is a {one.type}; without an inference script only tensors of "
            "numbers and text are served."
        )
    return np.dtype(_TYPES[one.type])


def _shape(shape: Sequence[Any]) -> tuple[int | None, ...]:
    return tuple(extent if isinstance(extent, int) and extent > 0 else None for extent in shape)


def _fit(value: Any, one: Input) -> Any:
    """Give a value an input's type and axes: a row its batch, a flat row of a picture its shape."""
    array = _typed(value, one)
    wanted = one.shape
    if array.ndim == len(wanted) - 1:
        array = array[np.newaxis]
    inner = [extent for extent in wanted[1:] if extent is not None]
    flat = array.ndim == 2 and len(wanted) > 2 and len(inner) == len(wanted) - 1
    if flat and array.shape[1] == math.prod(inner):
        array = array.reshape(-1, *inner)
    same = array.ndim == len(wanted) and all(
        extent in (None, given) for extent, given in zip(wanted, array.shape, strict=True)
    )
    if not same:
        given = " by ".join(map(str, np.asarray(value).shape)) or "a single value"
        raise Refused(400, f"The request holds {given}; the model takes {one}.")
    return np.ascontiguousarray(array)


def _typed(value: Any, one: Input) -> Any:
    array = np.asarray(value)
    if array.dtype == one.type:
        return array
    kind = one.type.kind
    try:
        if kind == "O":
            return array.astype(str).astype(object)
        if kind in "iub" and array.dtype.kind in "fiub":
            whole = array.astype(one.type)
            if np.array_equal(whole, array):
                return whole
            raise ValueError("they are not whole numbers in its range")
        return array.astype(one.type)
    except (ValueError, TypeError, OverflowError) as wrong:
        raise Refused(400, f"The values do not fit the model's input {one}: {wrong}") from wrong
