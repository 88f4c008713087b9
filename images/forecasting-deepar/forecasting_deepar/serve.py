"""`python -m forecasting_deepar.serve`: forecasts the series of a request or of a batch transform."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from toolkit.content import json_bytes
from toolkit.contract import layout
from toolkit.failure import UserError
from toolkit.serve import main
from toolkit.server.messages import JSON, JSON_LINES, Answer, Model, Refused, Request, negotiate, unsupported

from forecasting_deepar import artefact, frequency, series
from forecasting_deepar.forecasting import futures
from forecasting_deepar.network import Network
from forecasting_deepar.series import Form, Malformed, Series
from forecasting_deepar.windows import Windows

OUTPUTS = ("mean", "quantiles", "samples")
MOST = 10_000
DEFAULT = {
    "num_samples": 100,
    "output_types": ["mean", "quantiles"],
    "quantiles": [f"0.{tenth}" for tenth in range(1, 10)],
}


class Wanted(NamedTuple):
    """What a request asks for."""

    samples: int
    outputs: tuple[str, ...]
    quantiles: tuple[str, ...]


class Forecaster:
    """A trained network behind /invocations."""

    together = False

    def __init__(self, network: Network, preset: Wanted, *, batch: bool) -> None:
        self._network, self._preset, self._batch = network, preset, batch
        design = network.design
        known = frequency.parse(design.frequency)
        if known is None:
            raise UserError(f"The model's frequency {design.frequency!r} is none; train it anew.")
        self._form = Form(known, design.cardinality, design.dynamic)

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer every request; a bad one is refused alone."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Request) -> Answer:
        # The guide's batch transform sends series without saying what they are.
        lines = request.media == JSON_LINES or (self._batch and request.media in ("", JSON))
        try:
            if lines:
                entries, wanted = _lines(request.body), self._preset
            elif request.media in ("", JSON):
                entries, wanted = self._instances(request.body)
            else:
                raise unsupported(request.content_type, (JSON, JSON_LINES))
            media = negotiate(request.accept, (JSON, JSON_LINES), JSON_LINES if lines else JSON)
            told = self._forecast([self._series(number, one) for number, one in enumerate(entries)], wanted)
        except Refused as wrong:
            return wrong.answer()
        if lines or media == JSON_LINES:
            return Answer(200, JSON_LINES, b"".join(json_bytes(one) + b"\n" for one in told))
        return Answer(200, JSON, json_bytes({"predictions": told}))

    def _instances(self, body: bytes) -> tuple[list[object], Wanted]:
        document = _json(body)
        entries = document.get("instances") if isinstance(document, dict) else None
        if not isinstance(document, dict) or not isinstance(entries, list) or not entries:
            raise Refused(400, "The request must be a JSON object whose 'instances' is a list of series.")
        configuration = document.get("configuration")
        return entries, self._preset if configuration is None else wanted(configuration)

    def _series(self, number: int, entry: object) -> Series:
        if not isinstance(entry, Mapping):
            raise Refused(400, f"Instance {number} is not a JSON object with 'start' and 'target'.")
        design = self._network.design
        for name, count in (("cat", len(design.cardinality)), ("dynamic_feat", design.dynamic)):
            if entry.get(name) is not None and not count:
                raise Refused(
                    400, f"Instance {number}: the model was trained without {name!r}; leave it out."
                )
        try:
            return series.read(entry, self._form, ahead=design.prediction, exactly=True)
        except Malformed as wrong:
            raise Refused(400, f"Instance {number}: {wrong}.") from wrong

    def _forecast(self, found: list[Series], asked: Wanted) -> list[dict[str, object]]:
        windows = Windows(found, self._network.design, self._network.design.prediction)
        drawn = futures(self._network, windows, windows.lengths, asked.samples)
        return [_told(one, asked) for one in drawn]


class Trained:
    """The model that a training left in /opt/ml/model."""

    def prepare(self) -> None:
        """Import what every worker needs; read the job's configuration."""
        _preset()

    def load(self) -> Model:
        """Load it, or say what is not there."""
        folder: Path = layout().model
        import torch

        torch.set_num_threads(1)  # a worker for each processor is how predictions share them
        try:
            batch = os.environ.get("SAGEMAKER_BATCH", "").lower() == "true"
            return Forecaster(artefact.load(folder), _preset(), batch=batch)
        except FileNotFoundError as wrong:
            raise UserError(
                f"There is no model: {wrong.filename} is missing. It must be what a training of DeepAR left."
            ) from wrong


def wanted(told: object) -> Wanted:
    """Read a configuration; what it does not say is as the guide's default has it."""
    if not isinstance(told, Mapping):
        raise Refused(400, "'configuration' must be a JSON object.")
    if strange := sorted(told.keys() - DEFAULT.keys()):
        raise Refused(400, f"'configuration' has {strange[0]!r}; it may have {', '.join(DEFAULT)}.")
    given = {**DEFAULT, **told}
    samples, outputs, quantiles = given["num_samples"], given["output_types"], given["quantiles"]
    if isinstance(samples, bool) or not isinstance(samples, int) or not 1 <= samples <= MOST:
        raise Refused(400, f"'num_samples' is {samples!r}; it must be a whole number from 1 to {MOST}.")
    if not isinstance(outputs, list) or not outputs or not all(one in OUTPUTS for one in outputs):
        raise Refused(400, f"'output_types' is {outputs!r}; it must list some of {', '.join(OUTPUTS)}.")
    if not isinstance(quantiles, list) or not all(map(_is_quantile, quantiles)):
        raise Refused(400, f"'quantiles' is {quantiles!r}; it must list numbers from 0 to 1, like \"0.5\".")
    return Wanted(samples, tuple(outputs), tuple(map(str, quantiles)))


def _preset() -> Wanted:
    text = os.environ.get("DEEPAR_INFERENCE_CONFIG")
    try:
        return wanted({} if not text else _json(text.encode()))
    except Refused as wrong:
        raise UserError(f"The environment variable DEEPAR_INFERENCE_CONFIG is wrong: {wrong.text}") from wrong


def _told(drawn: NDArray[np.float32], asked: Wanted) -> dict[str, object]:
    told: dict[str, object] = {}
    if "quantiles" in asked.outputs and asked.quantiles:
        table = np.quantile(drawn, [float(one) for one in asked.quantiles], axis=0)
        told["quantiles"] = dict(zip(asked.quantiles, table.tolist(), strict=True))
    if "samples" in asked.outputs:
        told["samples"] = drawn.tolist()
    if "mean" in asked.outputs:
        told["mean"] = drawn.mean(axis=0).tolist()
    return told


def _is_quantile(value: object) -> bool:
    try:
        return not isinstance(value, bool) and 0 <= float(str(value)) <= 1
    except ValueError:
        return False


def _lines(body: bytes) -> list[object]:
    found = [_json(line) for line in body.splitlines() if line.strip()]
    if not found:
        raise Refused(400, "There is no series in the request.")
    return found


def _json(body: bytes) -> object:
    try:
        found: object = json.loads(body)
    except ValueError as wrong:
        raise Refused(400, f"The request is not JSON: {wrong}.") from wrong
    return found


if __name__ == "__main__":
    if "MODEL_SERVER_WORKERS" in os.environ:  # DeepAR's own name for it
        os.environ.setdefault("SAGEMAKER_MODEL_SERVER_WORKERS", os.environ["MODEL_SERVER_WORKERS"])
    sys.exit(main(Trained()))
