"""A whole gateway on loopback, for every suite that speaks HTTP to one."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import hypothesis
import pytest
import uvloop
from botocore.config import Config
from tests import databases

from clary.app import Stores, gateway_parts, open_home
from clary.core.clock import SystemClock
from clary.core.listening import listen, port_of
from clary.core.settings import Home, Settings
from clary.gateway.app import Gateway
from clary.gateway.certificates import Leaves
from clary.gateway.exchange import Parts
from clary.gateway.redirect import Redirect
from clary.gateway.server import Server as Network

# What a property needs to be shown is not measured: a busy machine takes as long as it takes.
hypothesis.settings.register_profile(
    "unhurried",
    hypothesis.settings(),
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("unhurried")


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running gateway and what it is made of."""

    home: Home
    port: int
    proxy_port: int
    stores: Stores
    parts: Parts
    keys: dict[str, str]

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def audit(self) -> list[str]:
        """Return the lines of the audit log; one that is being written is none yet."""
        return (self.home.logs / "audit-0.jsonl").read_bytes().rpartition(b"\n")[0].decode().splitlines()

    def audited(self, words: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait for so many lines of the audit log that have these words: a thread of its own writes it."""
        end = time.monotonic() + 90
        while len(found := [line for line in self.audit() if words in line]) < count:
            assert time.monotonic() < end, found
            time.sleep(0.01)
        return [json.loads(line) for line in found]

    # boto3's clients are typed loosely.
    def client(self, service: str, keys: dict[str, str] | None = None, **options: Any) -> Any:
        """Return a client of the administrator, or of other keys in the form STS answers them."""
        keys = keys or self.keys
        settings = {"retries": {"total_max_attempts": 1, "mode": "standard"}, "proxies": {}}
        return boto3.client(  # type: ignore[call-overload]  # the stubs know each service by its literal name
            service,
            endpoint_url=options.pop("endpoint_url", self.url),
            region_name=options.pop("region_name", "us-east-1"),
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys.get("SessionToken"),
            config=Config(**{**settings, **options.pop("config", {})}),
            **options,
        )


@pytest.fixture(autouse=True)
def _databases() -> Iterator[None]:
    """Close what a test opened, when it is over."""
    before = databases.count()
    yield
    databases.close_all(but=before)


@contextmanager
def strict(server: Server) -> Iterator[str]:
    """Run another gateway of the same home in strict mode; give its address."""
    parts = replace(server.parts, settings=replace(server.parts.settings, strict=True))
    listener = listen("127.0.0.1", 0, shared=False, alone=True)
    ready = threading.Event()
    network = Network(Gateway(parts), ready.set)
    thread = threading.Thread(target=lambda: asyncio.run(network.serve([listener])), name="strict")
    thread.start()
    assert ready.wait(90)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        network.stop()
        thread.join(10)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run one gateway for the whole session; tests keep apart by the names they give things."""
    root = tmp_path_factory.mktemp("home")
    settings = Settings(home=Home(root), port=0, cache=root / "cache")
    clock = SystemClock()
    stores = open_home(settings, clock)
    parts = gateway_parts(settings, clock, stores, settings.home.logs / "audit-0.jsonl")
    listener = listen(settings.host, 0)
    ready = threading.Event()
    network = Network(Gateway(parts), ready.set)
    proxy_port = 0

    async def serve() -> None:
        nonlocal proxy_port
        redirect = Redirect(Leaves(settings.home.keys), listener.getsockname())
        front = listen(settings.host, 0)
        proxy_port = port_of(front)
        await redirect.start(front)
        await network.serve([listener])
        redirect.close()

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run, name="gateway")
    thread.start()
    port = listener.getsockname()[1]
    assert ready.wait(90)
    keys = json.loads(Path(settings.home.keys / "administrator.json").read_text())
    yield Server(home=settings.home, port=port, proxy_port=proxy_port, stores=stores, parts=parts, keys=keys)
    network.stop()
    thread.join(10)
    parts.pool.shutdown()
    parts.audit.close()
    stores.objects.close()
    stores.database.close()
