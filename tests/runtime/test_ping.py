"""Whether a server that was ready still is: what its answers add up to."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.runtime.machine import Machine

from clary.runtime.ping import LOST, UNHEALTHY, Health, Ping

SILENT = """
import os, socket, time
listener = socket.socket(socket.AF_UNIX)
listener.bind(os.environ["SAGEMAKER_BIND_TO_SOCKET"])
listener.listen()
caller, _ = listener.accept()
caller.recv(1000)
caller.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
caller.close()
print("hangs", flush=True)
time.sleep(600)
"""


def test_bad_answers_in_a_row_make_a_server_unhealthy_and_in_the_end_lost(tmp_path: Path) -> None:
    ping, health = Ping(tmp_path / "nobody.sock"), Health(3600.0)
    bad = [health.take(ping, ping.try_once()) for _ in range(LOST)]
    assert bad == [""] * (UNHEALTHY - 1) + ["unhealthy"] * (LOST - UNHEALTHY) + ["lost"]
    assert health.take(ping, True) == "ready"
    assert health.take(ping, ping.try_once()) == ""
    assert ping.heard.startswith("nobody listens")


def test_a_server_that_is_silent_may_be_busy_for_as_long_as_a_call_may_take(tmp_path: Path) -> None:
    ping = Ping(tmp_path / "busy.sock")
    ping.silent = True
    assert [Health(3600.0).take(ping, False) for _ in range(3 * LOST)] == [""] * 3 * LOST
    assert Health(-3600.0).take(ping, False) == "lost"


@pytest.mark.slow
def test_a_server_that_hangs_is_ended_and_says_so(machine: Machine) -> None:
    uid = machine.start("python", "-c", SILENT, program="serve", serves=True, longest_call=1.0)
    seen = machine.until(uid, "exited")
    # What is said of a server that was ready, and of no other.
    assert "The server has not answered GET /ping with 200 for" in seen.failure
    assert "it takes connections and has no answer within 2 s" in seen.failure
    assert "hangs" in seen.failure
