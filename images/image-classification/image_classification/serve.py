"""`python -m image_classification.serve`: answers a picture with the probabilities of all classes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from toolkit.contract import layout
from toolkit.failure import UserError
from toolkit.serve import main
from toolkit.server.messages import JSON, JSON_LINES, Answer, Model, Refused, Request, negotiate, unsupported

from image_classification.pictures import Malformed, decode, stretched

if TYPE_CHECKING:
    from image_classification.network import Network

MEDIA = ("application/x-image", "image/jpeg", "image/png")


class Classifier:
    """A trained network behind /invocations."""

    together = False

    def __init__(self, network: Network) -> None:
        self._network = network.eval()

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer every request; a bad one is refused alone."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Request) -> Answer:
        try:
            if request.media not in MEDIA:
                raise unsupported(request.content_type, MEDIA)
            # A batch transform that says nothing gets lines, as AWS's does.
            media = negotiate(request.accept, (JSON, JSON_LINES), JSON_LINES if _batch() else JSON)
            chances = self._chances(request.body)
        except Refused as wrong:
            return wrong.answer()
        if media == JSON:
            return Answer(200, JSON, json.dumps(chances).encode())
        return Answer(200, JSON_LINES, json.dumps({"prediction": chances}).encode() + b"\n")

    def _chances(self, body: bytes) -> list[float]:
        import torch

        from image_classification.artefact import prepared

        design = self._network.design
        try:
            picture = stretched(decode(body, design.shape.channels), design.shape)
        except Malformed as wrong:
            raise Refused(
                400, f"The body is not a picture: {wrong}. Send the bytes of a JPEG or PNG file."
            ) from wrong
        with torch.no_grad():
            scores = self._network(prepared([picture], design.shape))[0]
        chances: list[float] = (scores.sigmoid() if design.many else scores.softmax(0)).tolist()
        return chances


class Trained:
    """The model that a training left in /opt/ml/model."""

    def prepare(self) -> None:
        """Nothing to fetch."""

    def load(self) -> Model:
        """Load it, or say what is not there."""
        import torch

        from image_classification import artefact

        torch.set_num_threads(1)  # a worker for each processor is how predictions share them
        try:
            return Classifier(artefact.load(layout().model))
        except FileNotFoundError as wrong:
            raise UserError(
                f"There is no model: {wrong.filename} is missing. It must be what a training of image "
                "classification left."
            ) from wrong


def _batch() -> bool:
    return os.environ.get("SAGEMAKER_BATCH", "").lower() == "true"


if __name__ == "__main__":
    sys.exit(main(Trained()))
