"""Which thread asks a model: the loop's own while the model is quick, another one otherwise."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.images.container import START_SECONDS, Container, Server, answers

ONE = {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
HEAD = b"POST /invocations HTTP/1.1\r\nContent-Type: text/csv\r\nAccept: text/csv\r\n"
THREADS = """
import asyncio, os, threading, time
async def own_loop():
    return None
def model_fn(model_dir):
    def model(data):
        assert threading.current_thread() is threading.main_thread()
        asyncio.run(own_loop())
        if data[0, 0] == -1: time.sleep(0.05)
        gate = {-7: "/go", -9: "/on"}.get(data[0, 0])
        if gate: print("held" + gate, flush=True)
        while gate and not os.path.exists(os.environ["SAGEMAKER_BASE_DIR"] + gate):
            time.sleep(0.01)
        return data * 0 + threading.active_count()
    return model
"""
PINGS = """
import os, socket, threading, time
asked, answered = [], []
def model_fn(model_dir):
    def model(data):
        if data[0, 0] == 1: return data * 0 + threading.active_count()
        time.sleep(0.001)
        if not asked:
            asked.append(socket.socket(socket.AF_UNIX))
            asked[0].connect(os.environ["SAGEMAKER_BIND_TO_SOCKET"])
            asked[0].sendall(b"GET /ping HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
            asked[0].setblocking(False)
        try:
            answered.append(asked[0].recv(64))
        except BlockingIOError:
            pass
        return data * 0 + bool(answered)
    return model
"""
OWN = THREADS + "def predict_fn(data, model): return model(data)\n"


def _script(container: Container, text: str) -> Container:
    folder = container.ml / "model" / "code"
    folder.mkdir(parents=True)
    (folder / "inference.py").write_text(text)
    return container


def _threads(server: Server, body: str = "1") -> int:
    status, _, said = server.invoke(body, accept="text/csv")
    assert status == 200, said
    return int(float(said))


def _until(server: Server, threads: int) -> None:
    """Ask until the worker has so many threads; the test's own time limit ends what never comes."""
    while _threads(server) != threads:
        continue


def test_a_quick_model_is_asked_by_the_loop_until_it_is_slow_once(container: Container) -> None:
    with _script(container, THREADS).serve("plain", **ONE) as server:
        assert _threads(server) == 2
        for _ in range(3):
            _until(server, 1)
            _threads(server, "-1")
            assert _threads(server) == 2


def test_ping_is_answered_once_a_model_has_become_slow(container: Container) -> None:
    with _script(container, THREADS).serve("plain", **ONE) as server, server.connect() as slow:
        _until(server, 1)
        _threads(server, "-1")
        slow.sendall(HEAD + b"Content-Length: 2\r\n\r\n-7")
        server.wait_for("held")
        assert server.request("GET", "/ping")[0] == 200
        (container.ml / "go").touch()
        assert answers(slow, 1) == [(200, b"2.0\n")]


def test_ping_is_answered_in_the_midst_of_many_quick_requests(container: Container) -> None:
    """The model itself asks at the first of them, and looks for the answer at each of the others."""
    with _script(container, PINGS).serve("plain", **ONE) as server, server.connect() as many:
        _until(server, 1)
        many.sendall((HEAD + b"Content-Length: 1\r\n\r\n2") * 500)
        assert answers(many, 500)[-1] == (200, b"1.0\n")


def test_a_slow_request_among_those_that_wait_when_threads_change_holds_nobody_up(
    container: Container,
) -> None:
    with _script(container, THREADS).serve("plain", **ONE) as server, server.connect() as held:
        bodies = [b"-7", *[b"1"] * 16, b"-1", b"1"]
        for body in bodies:
            held.sendall(HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        server.wait_for("held")
        others = [server.connect() for _ in range(18)]
        for other, body in zip(others, bodies[1:], strict=True):
            other.sendall(HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            assert server.request("GET", "/ping")[0] == 200
        (container.ml / "go").touch()
        for other in others:
            assert answers(other, 1)[0][0] == 200
            other.close()
        assert len(answers(held, len(bodies))) == len(bodies)


def test_ping_is_answered_during_a_long_request_behind_a_slow_one_when_threads_change(
    container: Container,
) -> None:
    with _script(container, THREADS).serve("plain", **ONE) as server, server.connect() as held:
        bodies = [b"-7", *[b"1"] * 200, b"-1", b"-9"]
        held.sendall(b"".join(HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(each), each) for each in bodies))
        server.wait_for("held/go")
        assert server.request("GET", "/ping")[0] == 200  # all that was sent before it has been read
        (container.ml / "go").touch()
        server.wait_for("held/on")
        assert server.request("GET", "/ping")[0] == 200
        (container.ml / "on").touch()
        assert [status for status, _ in answers(held, len(bodies))] == [200] * len(bodies)


def test_a_model_with_a_function_of_the_users_stays_in_a_thread_of_its_own(container: Container) -> None:
    with _script(container, OWN).serve("plain", **ONE) as server:
        assert {_threads(server) for _ in range(100)} == {2}


@pytest.mark.parametrize("threads", [1, 2])
def test_sigterm_ends_the_worker_wherever_its_loop_runs(container: Container, threads: int) -> None:
    with _script(container, THREADS).serve("plain", **ONE) as server, server.connect() as idle:
        _until(server, threads)
        server.process.send_signal(signal.SIGTERM)
        assert idle.recv(1) == b""
        assert server.process.wait(START_SECONDS) == 0


def test_no_answer_is_lost_or_mixed_up_while_threads_change(container: Container) -> None:
    script = (
        "import time\ndef model_fn(d): return lambda x: (x[:, 0] == 77).any() and time.sleep(0.03) or x * 2\n"
    )
    many = {**ONE, "SAGEMAKER_MODEL_SERVER_BATCH_SIZE": "4"}
    serve = _script(container, script).serve("plain", **many)
    with serve as server, ThreadPoolExecutor(8) as pool:
        asked = [77 if number % 100 == 99 else number for number in range(1500)]
        found = list(pool.map(lambda n: server.invoke(str(n), accept="text/csv")[2], asked))
    assert found == [f"{number * 2.0}\n".encode() for number in asked]
