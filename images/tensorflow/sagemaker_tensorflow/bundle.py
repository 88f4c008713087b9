"""The SavedModel bundles of a model archive: found as TensorFlow Serving finds them, called by signature."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from toolkit.failure import UserError

DEFAULT_SIGNATURE = "serving_default"


class Missing(Exception):
    """There is no such model, version or signature; the text goes to the caller."""


class Address(NamedTuple):
    """What a request asks of which model: `tfs-model-name=…,tfs-model-version=…,tfs-method=…`."""

    model: str
    version: str = ""
    method: str = "predict"


class Signature:
    """One callable of a SavedModel with named inputs and outputs."""

    def __init__(self, function: Any) -> None:
        self._function = function
        self.inputs: dict[str, Any] = dict(function.structured_input_signature[1])
        self.outputs: list[str] = sorted(function.structured_outputs)

    def __call__(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Call it with plain values; return arrays by name."""
        import tensorflow as tf

        tensors = {
            name: tf.constant(values[name], dtype=spec.dtype, name=name) for name, spec in self.inputs.items()
        }
        return {name: tensor.numpy() for name, tensor in self._function(**tensors).items()}


class Bundles:
    """Every version of every model, loaded when first asked for; the newest of the default model at once."""

    def __init__(self, folder: Path, environment: Mapping[str, str] = os.environ) -> None:
        self._found = find(folder)
        if not self._found:
            raise UserError(_nothing(folder))
        named = environment.get("SAGEMAKER_TFS_DEFAULT_MODEL_NAME", "")
        self.default = named or next(iter(self._found))
        if self.default not in self._found:
            raise UserError(
                f"SAGEMAKER_TFS_DEFAULT_MODEL_NAME is {named!r}, and the archive has the models "
                f"{', '.join(self._found)}."
            )
        self._loaded: dict[Path, Any] = {}
        self._load(Address(self.default))

    def signature(self, address: Address, name: str) -> Signature:
        """Return a signature of a model; what is not there is `Missing`."""
        signatures = self._load(address).signatures
        if name not in signatures:
            known = ", ".join(signatures) or "none"
            raise Missing(f'Serving signature key "{name}" not found; the model has {known}.')
        return Signature(signatures[name])

    def _load(self, address: Address) -> Any:
        versions = self._found.get(address.model, {})
        version = int(address.version) if address.version.isdigit() else max(versions, default=0)
        if version not in versions:
            wanted = (
                f"Specific({address.model}, {address.version})"
                if address.version
                else f"Latest({address.model})"
            )
            raise Missing(f"Servable not found for request: {wanted}")
        path = versions[version]
        if path not in self._loaded:
            import tensorflow as tf

            self._loaded[path] = tf.saved_model.load(str(path))
        return self._loaded[path]


def find(folder: Path) -> dict[str, dict[int, Path]]:
    """Return models by name and version: directories with a number for a name that hold saved_model.pb."""
    models: dict[str, dict[int, Path]] = {}
    for path in sorted(_bundles(folder)):
        models.setdefault(path.parent.name, {})[int(path.name)] = path
    return models


def _bundles(folder: Path) -> Iterator[Path]:
    for found in folder.rglob("saved_model.pb"):
        if found.parent.name.isdigit():
            yield found.parent


def _nothing(folder: Path) -> str:
    held = ", ".join(sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))[:20]) or "nothing"
    return (
        "No SavedModel bundle was found: the model archive must hold <number>/saved_model.pb, and it holds: "
        f"{held}. Save the model with model.export('/opt/ml/model/1'), or with tf.saved_model.save; .keras "
        "and .h5 files and checkpoints are not served."
    )
