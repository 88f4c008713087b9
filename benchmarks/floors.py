"""What a call of boto3 costs when the other side does nothing: the floor of every call."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from benchmarks.harness import Clary

NULL_SERVER = """
import asyncio, sys
HEAD = b"HTTP/1.1 200 OK\\r\\ncontent-type: application/x-amz-json-1.1\\r\\ncontent-length: 2\\r\\n\\r\\n{}"
class Null(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data): self.transport.write(HEAD)
async def main():
    server = await asyncio.get_running_loop().create_server(Null, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""
NULL = "null call"
Call = tuple[str, dict[str, Any]]
"""The client's method and its request."""


@contextmanager
def null_client(clary: Clary) -> Iterator[Any]:
    """Give a client of SageMaker whose every call is answered at once with nothing."""
    with subprocess.Popen([sys.executable, "-c", NULL_SERVER], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        try:
            yield replace(clary, port=int(process.stdout.readline())).client("sagemaker")
        finally:
            process.terminate()


def beside_null(clary: Clary, calls: Mapping[str, Call], rounds: int) -> dict[str, list[float]]:
    """Return seconds by name: each call beside a null call, round by round, after one that does not count."""
    sagemaker = clary.client("sagemaker")
    taken: dict[str, list[float]] = {NULL: [], **{name: [] for name in calls}}
    with null_client(clary) as null:
        for number in range(rounds + 1):
            for name, (method, request) in calls.items():
                for label, client in ((NULL, null), (name, sagemaker)):
                    seconds = _timed(getattr(client, method), request)
                    if number:
                        taken[label].append(seconds)
    return taken


def _timed(call: Callable[..., Any], request: dict[str, Any]) -> float:
    begun = time.perf_counter()
    call(**request)
    return time.perf_counter() - begun
