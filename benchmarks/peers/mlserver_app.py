"""MLServer with an own runtime a model, batched and not. `… FOLDER PORT MODEL`."""

from __future__ import annotations

import asyncio
import os
import sys

import numpy as np
from benchmarks.peers.served import FEATURES, MOST, load
from mlserver import MLModel, MLServer, ModelSettings, Settings  # type: ignore[import-not-found]
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput  # type: ignore[import-not-found]

WAIT = 0.001  # seconds; the least with which batches form


class Served(MLModel):  # type: ignore[misc]
    """One of the models, spoken to in the protocol's own numbers."""

    async def load(self) -> bool:
        self.model = load(self.name.removesuffix("-batched"), os.environ["MODELS"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        rows = np.array(payload.inputs[0].data.root, np.float32).reshape(-1, FEATURES)
        scores = self.model(rows)
        told = ResponseOutput(name="score", shape=[len(scores), 1], datatype="FP32", data=scores.tolist())
        return InferenceResponse(model_name=self.name, outputs=[told])


def settings(name: str, batched: bool) -> ModelSettings:
    """Return a model's settings."""
    batch = {"max_batch_size": MOST, "max_batch_time": WAIT} if batched else {}
    return ModelSettings(name=f"{name}-batched" if batched else name, implementation=Served, **batch)


async def main(port: int, name: str) -> None:
    """Serve in one process: workers beside it are slower for models as quick as these."""
    server = MLServer(
        Settings(
            host="127.0.0.1",
            http_port=port,
            grpc_port=port + 1,
            metrics_endpoint=None,
            parallel_workers=0,
            gzip_enabled=False,
            debug=False,
        )
    )
    await server.start([settings(name, batched) for batched in (False, True)])


if __name__ == "__main__":
    os.environ["MODELS"] = sys.argv[1]
    asyncio.run(main(int(sys.argv[2]), sys.argv[3]))
