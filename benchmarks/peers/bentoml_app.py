"""BentoML with two methods a model, batched and not. `… FOLDER PORT MODEL`."""

from __future__ import annotations

import os
import sys
from typing import Any

import bentoml  # type: ignore[import-not-found]
from benchmarks.peers.served import MOST, load, row, rows

PATIENCE = 60_000  # ms; BentoML refuses requests that it thinks will take longer


def methods(name: str) -> dict[str, Any]:
    """Return a model's two methods; both run in the loop's thread, for a pool's costs more than the model."""

    async def plain(self: Any, row_: str) -> float:
        return float(self.model(row(row_.encode()))[0])

    async def batched(self: Any, rows_: list[str]) -> list[float]:
        found: list[float] = self.model(rows([each.encode() for each in rows_])).tolist()
        return found

    batch = {"batchable": True, "max_batch_size": MOST, "max_latency_ms": PATIENCE}
    plain.__name__, batched.__name__ = (f"{name.replace('-', '_')}{end}" for end in ("", "_batched"))
    return {
        plain.__name__: bentoml.api(plain, route=f"/{name}"),
        batched.__name__: bentoml.api(batched, route=f"/{name}-batched", **batch),
    }


def _init(self: Any) -> None:
    self.model = load(os.environ["MODEL"], os.environ["MODELS"])


Served = bentoml.service(
    type("Served", (), {"__init__": _init, **methods(os.environ.get("MODEL", ""))}),
    workers=1,
    metrics={"enabled": False},
    monitoring={"enabled": False},
    logging={"access": {"enabled": False}},
)

if __name__ == "__main__":
    known = {**os.environ, "MODELS": sys.argv[1], "MODEL": sys.argv[3], "BENTOML_DO_NOT_TRACK": "1"}
    line = [sys.executable, "-m", "bentoml", "serve", "benchmarks.peers.bentoml_app:Served"]
    line += ["--working-dir", os.environ["PYTHONPATH"], "--host", "127.0.0.1", "--port", sys.argv[2]]
    os.execve(sys.executable, line, known)  # noqa: S606 - the server's own program
