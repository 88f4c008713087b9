"""The gateway as a process: it announces itself, shares its port with siblings, drains and ends."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from clary.core.listening import listen, port_of
from clary.gateway.server import take_slot


@contextmanager
def gateway(
    home: Path, name: str = "gateway.json", passed: Sequence[int] = (), /, **settings: str
) -> Iterator[dict[str, int]]:
    """Run a gateway process until the block ends; give what it announced."""
    source = str(Path(__file__).parents[2] / "src")
    environment = {**os.environ, "CLARY_HOME": str(home), "CLARY_PORT": "0", "PYTHONPATH": source, **settings}
    command = [sys.executable, "-m", "clary.app", "gateway"]
    environment["CLARY_LISTENERS"] = ",".join(map(str, passed))
    with subprocess.Popen(  # noqa: S603 - our own module
        command, env=environment, stderr=subprocess.PIPE, pass_fds=passed
    ) as process:
        assert process.stderr is not None
        line = b""
        while b"listening on" not in line:
            line = process.stderr.readline()
            assert line, "the gateway ended without a word"
        threading.Thread(target=process.stderr.read, daemon=True).start()
        told: dict[str, int] = json.loads((home / "run" / name).read_text())
        assert told["pid"] == process.pid
        yield told
        process.send_signal(signal.SIGTERM)  # harmless where it has ended already
        assert process.wait(90) == 0


def health(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=90)
    connection.request("GET", "/_clary/health")
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_restart_keeps_the_administrator_and_the_authority(tmp_path: Path) -> None:
    kept = ("administrator.json", "master.key", "ca.pem")
    with gateway(tmp_path) as first:
        assert health(first["port"]) == 200
        before = [(tmp_path / "keys" / name).read_bytes() for name in kept]
    with gateway(tmp_path, CLARY_PORT=str(first["port"])) as again:
        assert again["port"] == first["port"]
        assert [(tmp_path / "keys" / name).read_bytes() for name in kept] == before


def test_siblings_share_one_port_and_one_proxy_port(tmp_path: Path) -> None:
    with gateway(tmp_path, CLARY_GATEWAYS="2") as first:
        ports = {"CLARY_PORT": str(first["port"]), "CLARY_PROXY_PORT": str(first["proxy_port"])}
        with gateway(tmp_path, "gateway-1.json", CLARY_GATEWAYS="2", **ports) as second:
            assert (second["port"], second["proxy_port"]) == (first["port"], first["proxy_port"])
            assert health(first["port"]) == 200
    assert sorted(path.name for path in (tmp_path / "logs").glob("audit-*")) == [
        "audit-0.jsonl",
        "audit-1.jsonl",
    ]


def test_a_call_that_meets_no_gateway_waits_for_the_next_one(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as api, listen("127.0.0.1", 0) as redirect:
        passed = (api.fileno(), redirect.fileno())
        with gateway(tmp_path, "gateway.json", passed) as told:
            assert told["port"] == port_of(api)
            assert told["proxy_port"] == port_of(redirect)
        connection = http.client.HTTPConnection("127.0.0.1", port_of(api), timeout=90)
        connection.request("GET", "/_clary/health")
        with gateway(tmp_path, "gateway.json", passed):
            assert connection.getresponse().status == 200
        connection.close()


def test_a_gateway_that_gives_way_closes_no_connection_before_its_next_answer(tmp_path: Path) -> None:
    with (
        listen("127.0.0.1", 0) as api,
        listen("127.0.0.1", 0) as redirect,
        gateway(tmp_path, "gateway.json", (api.fileno(), redirect.fileno())) as told,
    ):
        connection = http.client.HTTPConnection("127.0.0.1", told["port"], timeout=90)
        connection.request("GET", "/_clary/health")
        assert connection.getresponse().read()
        os.kill(told["pid"], signal.SIGUSR1)
        last = False
        while not last:  # until it has heard the signal
            connection.request("GET", "/_clary/health")
            answer = connection.getresponse()
            assert answer.read()
            assert answer.status == 200
            last = answer.getheader("connection") == "close"
        connection.close()


def test_a_port_that_a_stranger_holds_is_an_error_even_when_shared() -> None:
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        for shared in (False, True):
            with pytest.raises(OSError, match="in use"):
                listen("127.0.0.1", port, shared=shared, alone=True)


def test_the_lowest_free_slot_is_taken(tmp_path: Path) -> None:
    first, second = take_slot(tmp_path), take_slot(tmp_path)
    assert (first.number, first.alone, second.number, second.alone) == (0, True, 1, False)
    first.lock.close()
    again = take_slot(tmp_path)
    assert (again.number, again.alone) == (0, False)
    for slot in (second, again):
        slot.lock.close()
    assert take_slot(tmp_path).alone
