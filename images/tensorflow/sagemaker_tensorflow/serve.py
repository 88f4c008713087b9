"""`python -m sagemaker_tensorflow.serve`: serves SavedModel bundles as Amazon's container does, which has
TensorFlow Serving inside. What it accepts and answers: evidence/tensorflow.md."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from toolkit.contract import layout
from toolkit.serve import main
from toolkit.server.messages import JSON, Answer, Refused, Request

from sagemaker_tensorflow import payloads, rest, scripts
from sagemaker_tensorflow.bundle import Address, Bundles
from toolkit import handlers, source

_ATTRIBUTE = re.compile(r"(tfs-[a-z-]+)=([^,]+)")


class Models:
    """Answers with the bundles of the archive, by way of the script where there is one."""

    together = False

    def __init__(self, bundles: Bundles, script: scripts.Script | None) -> None:
        self._bundles, self._script = bundles, script

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer each request in turn."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Request) -> Answer:
        address = self._address(request)
        if self._script:
            return self._script.answer(request, address)
        try:
            body = payloads.request(request.body, request.media)
        except Refused as refused:
            return Answer(refused.status, JSON, refused.text.encode())
        reply = rest.answer(self._bundles, address, body)
        wanted = request.accept.replace(" ", "").split(",")
        media = wanted[0] if {"application/jsonlines", JSON} & set(wanted) else JSON
        return Answer(reply.status_code, media, reply.content)

    def _address(self, request: Request) -> Address:
        told = dict(_ATTRIBUTE.findall(scripts.attributes_of(request) or ""))
        return Address(
            told.get("tfs-model-name", self._bundles.default),
            told.get("tfs-model-version", ""),
            told.get("tfs-method", "predict"),
        )


class SavedModels:
    """A source that loads the archive's bundles and its inference.py."""

    def __init__(self) -> None:
        self._script: Path | None = None

    def preload(self) -> None:
        """Import the framework once for many models."""
        import tensorflow  # noqa: F401

    def prepare(self) -> None:
        """Install what the script needs; `code/lib` stands in for requirements.txt."""
        where = layout()
        folder = handlers.code_folder()
        self._script = handlers.find_script(folder)
        if (folder / "lib").is_dir():
            sys.path.insert(0, str(folder / "lib"))
        elif folder.is_dir():
            source.install(where, folder)
            source.offer(where)
        sys.path.insert(0, str(folder))
        import tensorflow  # noqa: F401 - once for all workers

    def load(self) -> Models:
        """Load the default model, and the script."""
        bundles = Bundles(layout().model)
        module = handlers.load_script(self._script) if self._script else None
        return Models(bundles, scripts.Script(module, bundles) if module else None)


if __name__ == "__main__":
    sys.exit(main(SavedModels()))
