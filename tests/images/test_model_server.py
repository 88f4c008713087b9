"""The model server: one worker's mistakes stay its own, and the server says why it ends."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.images.container import START_SECONDS, Container, Server, answers

DOUBLE = """
import os, signal, threading, time
def model_fn(model_dir):
    return lambda data: data * 2
def predict_fn(data, model):
    first = float(data.flat[0])
    if first == -1: raise ValueError("negative age")
    if first == -8: raise SystemExit("not today")
    if first == -9: os.kill(os.getpid(), signal.SIGSEGV)
    if first == -60: time.sleep(60)
    if first == -7: time.sleep(0.5)
    if first == -5: threading.Timer(0.05, os._exit, [9]).start()
    return model(data)
"""


def _with_script(container: Container, text: str = DOUBLE) -> Container:
    folder = container.ml / "model" / "code"
    folder.mkdir(parents=True)
    (folder / "inference.py").write_text(text)
    return container


def test_requests_are_answered_by_the_scripts_functions(container: Container) -> None:
    with _with_script(container).serve("plain", SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        assert server.request("GET", "/ping")[0] == 200
        assert server.invoke("1,2\n3,4") == (200, "application/json", b"[[2.0, 4.0], [6.0, 8.0]]")
        assert server.invoke("1,2", accept="text/csv") == (200, "text/csv", b"2.0,4.0\n")
        assert json.loads(server.request("GET", "/execution-parameters")[2])["MaxConcurrentTransforms"] == 1
    assert server.process.returncode == 0


def test_a_request_that_cannot_be_read_or_answered_is_refused_with_a_clear_text(container: Container) -> None:
    with _with_script(container).serve("plain", SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        status, _, body = server.invoke("<a/>", "text/xml")
        assert (status, body[:39]) == (415, b"Content type text/xml is not supported ")
        assert server.invoke("{", "application/json")[0] == 415
        assert server.invoke("garbage", "text/libsvm")[0] == 415
        assert server.invoke(b"\x93NUMPY\x01", "application/x-npy")[0] == 415
        status, _, body = server.invoke("1", accept="image/png")
        assert (status, body[:36]) == (406, b"Accept type image/png is not support")
        assert server.request("GET", "/nothing")[0] == 404
        assert server.request("GET", "/invocations")[0] == 405
        assert server.invoke("-1") == (500, "text/plain; charset=utf-8", b"ValueError: negative age")
        assert server.invoke("-8") == (500, "text/plain; charset=utf-8", b"SystemExit: not today")
        assert server.invoke("2")[0] == 200
    assert 'raise ValueError("negative age")' in server.output


def test_pipelined_and_chunked_requests_are_answered_in_order(container: Container) -> None:
    with _with_script(container).serve("plain", SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nAccept: text/csv\r\n"
        chunked = head + b"Transfer-Encoding: chunked\r\n\r\n1\r\n1\r\n1\r\n0\r\n0\r\n\r\n"
        plain = head + b"Content-Length: 1\r\n\r\n3"
        with server.connect() as connection:
            connection.sendall(chunked + plain + b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
            assert answers(connection, 3) == [(200, b"20.0\n"), (200, b"6.0\n"), (200, b"")]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01garbage\r\n\r\n", 400),
        (b"POST /invocations HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n", 413),
        (b"POST /invocations HTTP/1.1\r\nContent-Length: nine\r\n\r\n", 400),
    ],
)
def test_what_is_not_a_fair_request_is_refused_and_the_connection_closed(
    container: Container, sent: bytes, status: int
) -> None:
    with _with_script(container).serve("plain", SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        with server.connect() as connection:
            connection.sendall(sent)
            assert answers(connection, 1)[0][0] == status
            assert connection.recv(1) == b""
        assert server.request("GET", "/ping")[0] == 200


def test_ping_is_answered_during_a_long_prediction(container: Container) -> None:
    serve = _with_script(container).serve("plain", SAGEMAKER_MODEL_SERVER_WORKERS="1")
    with serve as server, server.connect() as slow:
        slow.sendall(b"POST /invocations HTTP/1.1\r\nContent-Type: text/csv\r\nContent-Length: 2\r\n\r\n-7")
        assert server.request("GET", "/ping")[0] == 200
        slow.setblocking(False)
        with pytest.raises(BlockingIOError):
            slow.recv(1)
        slow.settimeout(START_SECONDS)
        assert answers(slow, 1) == [(200, b"[[-14.0]]")]


def test_a_worker_that_crashes_is_replaced(container: Container) -> None:
    with _with_script(container).serve("plain", SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        _drop(server, b"-9")
        server.wait_for("was killed by SIGSEGV; it is replaced.")
        assert server.invoke("2", accept="text/csv")[2] == b"4.0\n"


def test_workers_that_keep_crashing_end_the_server_with_the_reason(container: Container) -> None:
    with _with_script(container).serve("plain", SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        while server.process.poll() is None:
            with contextlib.suppress(OSError, http.client.HTTPException):  # it ends between two requests
                server.invoke("-5")
        assert server.process.wait(START_SECONDS) == 1
    assert (
        "5 model server workers ended within 60 s; the last one ended with exit code 9." in container.failure
    )


def test_requests_that_end_their_workers_do_not_end_the_server(container: Container) -> None:
    with _with_script(container).serve("plain", SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        for _ in range(8):  # an SDK tries one such call five times
            _drop(server, b"-9")
        assert server.invoke("2", accept="text/csv")[2] == b"4.0\n"


def test_a_worker_that_hangs_shows_where_and_is_replaced(container: Container) -> None:
    one = {"SAGEMAKER_MODEL_SERVER_WORKERS": "1", "SAGEMAKER_MODEL_SERVER_TIMEOUT": "0.3"}
    with _with_script(container).serve("plain", **one) as server:
        _drop(server, b"-60")
        server.wait_for("it is replaced.")
        assert 'inference.py", line' in server.output
        assert "SAGEMAKER_MODEL_SERVER_TIMEOUT" in server.output
        assert server.invoke("2", accept="text/csv")[2] == b"4.0\n"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("def model_fn(d):\n    raise FileNotFoundError('model.joblib')", "FileNotFoundError: model.joblib"),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("import no_such_module  # inference.py", "No module named 'no_such_module'"),
        (
            "def f(n): f(n - 1) if n else model_gone()\ndef model_fn(d): f(200)",
            "NameError: name 'model_gone' is not defined",
        ),
        (
            "import os\ndef model_fn(d):\n    os.kill(os.getpid(), 9)",
            "killed by SIGKILL (out of memory?) before its model",
        ),
        ("x = 1", "Please provide a model_fn implementation"),
    ],
)
def test_a_model_that_cannot_be_loaded_ends_the_server_with_the_traceback(
    container: Container, script: str, reason: str
) -> None:
    process = _with_script(container, script).start(
        "plain", SAGEMAKER_BIND_TO_SOCKET=str(container.base / "s")
    )
    said, _ = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 1
    assert reason in said
    assert reason in container.failure
    assert ("inference.py" in container.failure) == ("SIGKILL" not in reason and script != "x = 1")


def test_a_model_without_a_script_says_what_is_missing(container: Container) -> None:
    process = container.start("plain", SAGEMAKER_BIND_TO_SOCKET=str(container.base / "s"))
    assert process.wait(START_SECONDS) == 1
    assert "The inference script 'inference.py' is not in" in container.failure


def test_sigterm_answers_what_has_arrived_then_ends(container: Container) -> None:
    with _with_script(container).serve("plain", SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        with server.connect() as busy, server.connect() as idle:
            busy.sendall(
                b"POST /invocations HTTP/1.1\r\nContent-Type: text/csv\r\nContent-Length: 2\r\n\r\n-7"
            )
            assert server.request("GET", "/ping")[0] == 200  # so the request before it has arrived
            server.process.send_signal(signal.SIGTERM)
            assert idle.recv(1) == b""
            assert answers(busy, 1) == [(200, b"[[-14.0]]")]
        assert server.process.wait(START_SECONDS) == 0
    assert not server.path.exists()


def test_workers_do_not_outlive_the_master(container: Container) -> None:
    serve = _with_script(container).serve("plain", SAGEMAKER_MODEL_SERVER_WORKERS="1")
    with serve as server, server.connect() as connection:
        connection.sendall(b"GET /ping HTTP/1.1\r\n\r\n")
        assert answers(connection, 1) == [(200, b"")]
        server.process.kill()
        assert connection.recv(1) == b""


def test_many_callers_each_get_their_own_answer(container: Container) -> None:
    serve = _with_script(container).serve("plain", SAGEMAKER_MODEL_SERVER_WORKERS="2")
    with serve as server, ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda n: server.invoke(str(n), accept="text/csv")[2], range(200)))
    assert found == [f"{n * 2.0}\n".encode() for n in range(200)]


def test_a_script_may_take_a_context_and_answer_with_its_own_content_type(container: Container) -> None:
    script = (
        "def model_fn(model_dir, context):\n    return context.system_properties['model_dir']\n"
        "def transform_fn(model, data, content_type, accept, context):\n"
        "    return repr((type(data).__name__, content_type, accept)), 'text/x-mine'\n"
    )
    with _with_script(container, script).serve("plain", SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        assert server.invoke("1", "text/csv; header=no", "*/*") == (
            200,
            "text/x-mine",
            b"('str', 'text/csv; header=no', 'application/json')",
        )


def _drop(server: Server, body: bytes) -> None:
    """Send a request whose worker will not live to answer it."""
    with server.connect() as connection:
        connection.sendall(
            b"POST /invocations HTTP/1.1\r\nContent-Type: text/csv\r\nContent-Length: %d\r\n\r\n%s"
            % (len(body), body)
        )
        try:
            assert connection.recv(1) == b""
        except ConnectionResetError:
            return
