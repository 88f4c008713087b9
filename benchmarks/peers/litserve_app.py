"""LitServe with an API a model, batched and not. `… FOLDER PORT MODEL`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import litserve  # type: ignore[import-not-found]
from benchmarks.peers.served import MOST, load, row, rows, text
from fastapi import Response  # type: ignore[import-not-found]

WAIT = 0.001  # seconds; with 0 an idle worker keeps a core busy


class Served(litserve.LitAPI):  # type: ignore[misc]
    """One of the models in a worker of its own."""

    def __init__(self, name: str, batched: bool) -> None:
        path = f"/{name}-batched" if batched else f"/{name}"
        more = {"max_batch_size": MOST, "batch_timeout": WAIT} if batched else {}
        super().__init__(api_path=path, **more)
        self.name, self.batched = name, batched

    def setup(self, device: str) -> None:
        self.model = load(self.name, sys.argv[1])

    def decode_request(self, request: dict[str, str]) -> bytes:
        return request["row"].encode()

    def batch(self, inputs: Sequence[bytes]) -> Any:
        return rows(inputs)

    def predict(self, given: Any) -> Any:
        return self.model(given) if self.batched else self.model(row(given))[0]

    def unbatch(self, output: Any) -> Any:
        return list(output)

    def encode_response(self, output: Any) -> Response:
        return Response(text(output), media_type="text/csv")


if __name__ == "__main__":
    apis = [Served(sys.argv[3], batched) for batched in (False, True)]
    litserve.LitServer(apis, accelerator="cpu", workers_per_device=1, fast_queue=True).run(
        host="127.0.0.1",
        port=int(sys.argv[2]),
        num_api_servers=1,
        log_level="warning",
        access_log=False,
        generate_client_file=False,
    )
