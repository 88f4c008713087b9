"""Ray Serve with a deployment a model, batched and not. `… FOLDER PORT MODEL`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import ray  # type: ignore[import-not-found]
from benchmarks.peers.served import MOST, load, row, rows, text
from ray import serve
from ray.serve.config import HTTPOptions  # type: ignore[import-not-found]
from ray.serve.schema import LoggingConfig  # type: ignore[import-not-found]
from starlette.requests import Request  # type: ignore[import-not-found]
from starlette.responses import Response  # type: ignore[import-not-found]

CALLERS = 128


@serve.deployment(num_replicas=1, max_ongoing_requests=CALLERS, ray_actor_options={"num_cpus": 0})
class Plain:
    """One of the models, a request at a time."""

    def __init__(self, name: str, folder: str) -> None:
        self.model = load(name, folder)

    async def __call__(self, request: Request) -> Response:
        return Response(text(self.model(row(await request.body()))[0]), media_type="text/csv")


@serve.deployment(num_replicas=1, max_ongoing_requests=CALLERS, ray_actor_options={"num_cpus": 0})
class Batched:
    """One of the models, as many requests at a time as wait."""

    def __init__(self, name: str, folder: str) -> None:
        self.model = load(name, folder)

    @serve.batch(max_batch_size=MOST, batch_wait_timeout_s=0.0)  # type: ignore[untyped-decorator]
    async def answers(self, bodies: list[bytes]) -> list[bytes]:
        return [text(score) for score in self.model(rows(bodies))]

    async def __call__(self, request: Request) -> Response:
        return Response(await self.answers(await request.body()), media_type="text/csv")


def main(folder: str, port: int, name: str) -> None:
    """Serve until the end."""
    ray.init(
        num_cpus=4,
        include_dashboard=False,
        log_to_driver=False,
        configure_logging=False,
        _temp_dir=str(Path.cwd()),
    )
    quiet = LoggingConfig(enable_access_log=False, log_level="WARNING")
    serve.start(http_options=HTTPOptions(host="127.0.0.1", port=port), logging_config=quiet)
    kind: Any
    for kind, path in ((Plain, f"/{name}"), (Batched, f"/{name}-batched")):
        serve.run(kind.bind(name, folder), name=path[1:], route_prefix=path, logging_config=quiet)
    stop: Any = signal.sigwait([signal.SIGTERM, signal.SIGINT])
    serve.shutdown()
    ray.shutdown()
    sys.exit(0 if stop else 1)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
    for what, file in (
        ("CONFIG_FILE_LOC", "haproxy.cfg"),
        ("SOCKET_PATH", "admin"),
        ("SERVER_STATE_BASE", ""),
    ):
        os.environ[f"RAY_SERVE_HAPROXY_{what}"] = str(Path.cwd() / "haproxy" / file)
    os.environ["RAY_SERVE_HAPROXY_SERVER_STATE_FILE"] = str(Path.cwd() / "haproxy" / "server-state")
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
