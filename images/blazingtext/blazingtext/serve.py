"""`python -m blazingtext.serve`: answers with labels and their probabilities, or with word vectors.

Any model file of fastText can be hosted: evidence/blazingtext.md.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from toolkit.contract import layout
from toolkit.failure import UserError
from toolkit.serve import main
from toolkit.server.messages import JSON, JSON_LINES, Answer, Model, Refused, Request, unsupported

from blazingtext.vectors import Vectors

NAMES = ("model.bin", "vectors.bin")


class Asked(NamedTuple):
    """One text or word, and how many labels are wanted."""

    text: str
    labels: int


class Texts:
    """A model of fastText behind /invocations."""

    together = True

    def __init__(self, model: Any) -> None:
        import fasttext_pybind as library

        self._model = model
        classifies = model.getArgs().model == library.model_name.supervised
        self._vectors = None if classifies else Vectors(model)

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer every request; a bad one is refused alone."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Request) -> Answer:
        # AWS answers in the content type of the request, whatever Accept says.
        media = JSON if request.media in ("", "application/octet-stream") else request.media
        try:
            if media not in (JSON, JSON_LINES):
                raise unsupported(request.content_type, (JSON, JSON_LINES))
            told = [self._told(one) for one in (_listed if media == JSON else _lines)(request.body)]
        except Refused as wrong:
            return wrong.answer()
        if media == JSON:
            return Answer(200, JSON, json.dumps(told).encode())
        return Answer(200, JSON_LINES, "".join(json.dumps(one) + "\n" for one in told).encode())

    def _told(self, asked: Asked) -> dict[str, Any]:
        if self._vectors is not None:
            return {"vector": self._vectors.of(asked.text).tolist(), "word": asked.text}
        text = " ".join(asked.text.splitlines()) + "\n"
        found = self._model.predict(text, asked.labels, 0.0, "replace")
        return {"label": [label for _, label in found], "prob": [chance for chance, _ in found]}


class Artefact:
    """The model file in /opt/ml/model, loaded once; the workers share its memory."""

    def __init__(self) -> None:
        self._model: Any = None

    def prepare(self) -> None:
        """Load it, or say what is not there."""
        import fasttext_pybind as library

        path = _found(layout().model)
        self._model = library.fasttext()
        try:
            self._model.loadModel(str(path))
        except (ValueError, RuntimeError) as wrong:
            raise UserError(f"{path} is not a model file of fastText: {wrong}") from wrong

    def load(self) -> Model:
        """Return it."""
        return Texts(self._model)


def _found(folder: Path) -> Path:
    named = [folder / name for name in NAMES if (folder / name).is_file()]
    other = sorted(path for path in folder.glob("*") if path.suffix in (".bin", ".ftz"))
    if named or len(other) == 1:
        return (named or other)[0]
    raise UserError(
        f"There is no model: {folder} must have a model.bin, a vectors.bin, or one other file of fastText "
        f"(.bin, .ftz); it has {', '.join(sorted(path.name for path in folder.glob('*'))) or 'nothing'}."
    )


def _listed(body: bytes) -> list[Asked]:
    told = _json(body)
    instances = told.get("instances")
    if not isinstance(instances, list) or any(not isinstance(one, str) for one in instances):
        raise Refused(400, 'The body must be like {"instances": ["a sentence of words"]}.')
    configuration = told.get("configuration", {})
    labels = _labels(configuration.get("k", 1) if isinstance(configuration, dict) else configuration)
    return [Asked(one, labels) for one in instances]


def _lines(body: bytes) -> list[Asked]:
    asked = []
    for number, line in enumerate(filter(None, map(bytes.strip, body.splitlines())), 1):
        told = _json(line)
        if not isinstance(told.get("source"), str):
            raise Refused(400, f'Line {number} must be like {{"source": "a sentence of words"}}.')
        asked.append(Asked(told["source"], _labels(told.get("k", 1))))
    return asked


def _json(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as wrong:
        raise Refused(400, f"The body is not JSON: {wrong}") from wrong
    return told if isinstance(told, dict) else {}


def _labels(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise Refused(400, f"k is {json.dumps(value)}; it must be a whole number of at least 1.")
    return min(value, 2**31 - 1)


if __name__ == "__main__":
    sys.exit(main(Artefact()))
