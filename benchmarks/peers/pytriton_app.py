"""PyTriton with two functions a model, batched and not. `… FOLDER PORT MODEL`."""

from __future__ import annotations

import os
import sys
import sysconfig
from typing import Any

import numpy as np
from benchmarks.peers.served import FEATURES, MOST, Predict, load
from pytriton.decorators import batch  # type: ignore[import-not-found]
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor  # type: ignore[import-not-found]
from pytriton.triton import Triton, TritonConfig  # type: ignore[import-not-found]


def function(predict: Predict) -> Any:
    """Return what Triton calls with the rows of one batch."""

    @batch  # type: ignore[untyped-decorator]
    def infer(input: Any) -> dict[str, Any]:
        return {"score": np.asarray(predict(input), np.float32).reshape(-1, 1)}

    return infer


def main(folder: str, port: int, name: str) -> None:
    """Serve until the end."""
    # Triton's own process links Python's library and must not find another Python's.
    os.environ["LD_LIBRARY_PATH"] = sysconfig.get_config_var("LIBDIR")
    config = TritonConfig(
        http_address="127.0.0.1", http_port=port, allow_grpc=False, allow_metrics=False, log_verbose=0
    )
    given = [Tensor(name="input", dtype=np.float32, shape=(FEATURES,))]
    told = [Tensor(name="score", dtype=np.float32, shape=(1,))]
    with Triton(config=config) as triton:
        for batched in (False, True):
            dynamic = DynamicBatcher(max_queue_delay_microseconds=0)  # a batch is what waits anyway
            triton.bind(
                model_name=f"{name}-batched" if batched else name,
                infer_func=function(load(name, folder)),
                inputs=given,
                outputs=told,
                config=ModelConfig(
                    max_batch_size=MOST if batched else 1, **({"batcher": dynamic} if batched else {})
                ),
            )
        triton.serve()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
