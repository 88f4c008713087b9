"""Requests that wait are predicted together, and each gets the answer that it would get alone."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count

import numpy as np
import pytest
from sagemaker_pytorch import serve as pytorch
from sagemaker_xgboost import payloads
from tests.images.container import Container, Server, answers
from toolkit.algorithm import serving
from toolkit.failure import UserError
from toolkit.server.messages import Limits

from toolkit import batching

Image = Callable[[str], Container]
ONE = {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
TEN = {**ONE, "SAGEMAKER_MODEL_SERVER_BATCH_SIZE": "10"}
HEAD = b"POST /invocations HTTP/1.1\r\nContent-Type: text/csv\r\nAccept: text/csv\r\n"
WAIT = """
import os, time
def wait(data):
    if float(data.flat[0]) == -7:
        print("held", int(data.flat[1]), flush=True)
        while not os.path.exists(os.environ["SAGEMAKER_BASE_DIR"] + "/go"): time.sleep(0.01)
"""
"""What the scripts below hold a request at until the test lets it go: what comes meanwhile waits together."""
HOLDS = count()
DOUBLE = """
def model_fn(model_dir):
    return lambda data: data * 2
def predict_fn(data, model):
    wait(data)
    print("rows:", len(data), flush=True)
    if (data == -1).any(): raise ValueError("negative age")
    return model(data)
"""


def _script(container: Container, text: str) -> Container:
    folder = container.ml / "model" / "code"
    folder.mkdir(parents=True)
    (folder / "inference.py").write_text(WAIT + text)
    return container


def _at_once(server: Server, container: Container, bodies: list[bytes]) -> list[tuple[int, bytes]]:
    """Send requests while the worker is held, let it go, and return the answers."""
    go, number = container.ml / "go", next(HOLDS)
    with ExitStack() as open_ones:
        connections = [open_ones.enter_context(server.connect()) for _ in range(len(bodies) + 1)]
        _send(connections[0], b"-7,%d" % number)
        server.wait_for(f"held {number}\n")
        for connection, body in zip(connections[1:], bodies, strict=True):
            _send(connection, body)
            # An answer on another connection: what was sent before it has been read.
            assert server.request("GET", "/ping")[0] == 200
        go.touch()
        found = [answers(connection, 1)[0] for connection in connections]
        go.unlink()
    return found[1:]


def _send(connection: socket.socket, body: bytes) -> None:
    connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))


def _sizes(server: Server) -> list[int]:
    """Return the rows of every call that a server that has ended made."""
    return [int(line.split()[1]) for line in server.output.splitlines() if line.startswith("rows:")]


def test_requests_that_wait_are_one_call_once_joined_answers_were_proved(container: Container) -> None:
    with _script(container, DOUBLE).serve("plain", **TEN) as server:
        for _ in range(9):
            found = _at_once(server, container, [b"1,2", b"3,4\n5,6", b"7,8"])
            assert found == [(200, b"2.0,4.0\n"), (200, b"6.0,8.0\n10.0,12.0\n"), (200, b"14.0,16.0\n")]
    assert _sizes(server) == [1, 4, 1, 2, 1] * 8 + [1, 4]


def test_no_more_requests_than_the_limit_are_one_call(container: Container) -> None:
    two = {**ONE, "SAGEMAKER_MODEL_SERVER_BATCH_SIZE": "2"}
    with _script(container, DOUBLE).serve("plain", **two) as server:
        found = _at_once(server, container, [b"1", b"2", b"3", b"4", b"5"])
        assert [body for _, body in found] == [b"2.0\n", b"4.0\n", b"6.0\n", b"8.0\n", b"10.0\n"]
    assert max(_sizes(server)) == 2


def test_a_bad_request_is_refused_alone(container: Container) -> None:
    with _script(container, DOUBLE).serve("plain", **TEN) as server:
        found = _at_once(server, container, [b"1,2", b"-1,2", b"3", b"a,b\nc", b"5,6"])
        assert [status for status, _ in found] == [200, 500, 200, 415, 200]
        assert found[1][1] == b"ValueError: negative age"
        assert [found[place][1] for place in (0, 2, 4)] == [b"2.0,4.0\n", b"6.0\n", b"10.0,12.0\n"]


@pytest.mark.parametrize(
    ("predict", "says"),
    [
        ("data - data.mean(axis=0)", "is another than for each alone"),
        ("data.sum(axis=0)", "has not one entry for each row"),
        ("{'mean': data.mean(axis=0)}", "has not one entry for each row"),
    ],
)
def test_a_model_that_looks_from_row_to_row_is_asked_one_by_one(
    container: Container, predict: str, says: str
) -> None:
    script = f"def model_fn(d): return 0\ndef predict_fn(data, _):\n    wait(data)\n    return {predict}\n"
    with _script(container, script).serve("plain", **TEN) as server:
        alone = [server.invoke(body, accept="application/json")[2] for body in ("1,2", "5,9")]
        for _ in range(3):
            _at_once(server, container, [b"1,2", b"5,9", b"1,2"])
        assert [server.invoke(body, accept="application/json")[2] for body in ("1,2", "5,9")] == alone
        server.wait_for(says)
    assert server.output.count("one by one from now on") == 1


def test_each_shape_proves_itself_for_a_model_may_join_rows_of_one_only(container: Container) -> None:
    script = (
        "def model_fn(d): return 0\ndef predict_fn(data, _):\n    wait(data)\n"
        "    return data * 2 if data.shape[1] < 3 else data.cumsum(axis=0)\n"
    )
    with _script(container, script).serve("plain", **TEN) as server:
        for _ in range(9):
            _at_once(server, container, [b"1,2", b"3,4"])
        found = _at_once(server, container, [b"1,2,3", b"1,2,3"])
        assert found == [(200, b"1.0,2.0,3.0\n")] * 2


def test_a_call_of_many_is_not_taken_for_one_that_hangs(container: Container) -> None:
    script = (
        "def model_fn(d): return 0\ndef predict_fn(data, model):\n    wait(data)\n"
        "    if len(data) > 1: raise ValueError\n    time.sleep(0.3)\n    return data\n"
    )
    with _script(container, script).serve("plain", SAGEMAKER_MODEL_SERVER_TIMEOUT="1.2", **TEN) as server:
        found = _at_once(server, container, [b"%d" % number for number in range(8)])
        assert found == [(200, b"%d.0\n" % number) for number in range(8)]


def test_a_first_request_waits_for_others_when_it_is_told_to(container: Container) -> None:
    two = {**ONE, "SAGEMAKER_MODEL_SERVER_BATCH_SIZE": "2", "PLAIN_DELAY_SECONDS": "60"}
    serve = _script(container, DOUBLE).serve("plain", **two)
    with serve as server, server.connect() as first, server.connect() as second:
        _send(first, b"1")
        assert server.request("GET", "/ping")[0] == 200
        _send(second, b"2")
        assert [answers(first, 1)[0][1], answers(second, 1)[0][1]] == [b"2.0\n", b"4.0\n"]
    assert _sizes(server)[0] == 2


@pytest.mark.parametrize("size", ["0", "-1", "many"])
def test_a_limit_that_is_no_number_is_refused(size: str) -> None:
    with pytest.raises(UserError, match=f"BATCH_SIZE is '{size}'; it must be a whole number of at least 1"):
        batching.limits(1, {"SAGEMAKER_MODEL_SERVER_BATCH_SIZE": size})


def test_torchserves_variables_are_read_as_in_aws_container() -> None:
    assert pytorch.limits({}) == Limits(1, 0.0)
    assert pytorch.limits({"SAGEMAKER_TS_BATCH_SIZE": "8"}) == Limits(8, 0.0)
    both = {"SAGEMAKER_TS_BATCH_SIZE": "8", "SAGEMAKER_TS_MAX_BATCH_DELAY": "50"}
    assert pytorch.limits(both) == Limits(8, 0.05)
    chosen = {"SAGEMAKER_TS_MIN_WORKERS": "3", "SAGEMAKER_TS_RESPONSE_TIMEOUT": "90"}
    pytorch.settle(chosen)
    assert chosen["SAGEMAKER_MODEL_SERVER_WORKERS"] == "3"
    assert chosen["SAGEMAKER_MODEL_SERVER_TIMEOUT"] == "90"


def test_a_prediction_is_parted_by_rows_or_not_at_all() -> None:
    table = np.arange(6).reshape(3, 2)
    assert [one.tolist() for one in batching.part(table, [1, 2]) or ()] == [[[0, 1]], [[2, 3], [4, 5]]]
    assert batching.part(["a", "b", "c"], [2, 1]) == [["a", "b"], ["c"]]
    assert batching.part({"x": [1, 2, 3]}, [1, 2]) == [{"x": [1]}, {"x": [2, 3]}]
    assert batching.part((table, table), [3])
    for other in (table[:2], 5.0, np.float64(1), "abc", {}, None, {"x": [1, 2]}):
        assert batching.part(other, [1, 2]) is None


def test_answers_that_are_no_numbers_are_null_in_json(container: Container) -> None:
    script = "def model_fn(d): return 0\ndef predict_fn(x, _): return {'a': x / 0, 'b': float('nan')}\n"
    with _script(container, script).serve("plain", **ONE) as server:
        body = server.invoke("1,0", accept="application/json")[2]
        assert json.loads(body, parse_constant=pytest.fail) == {"a": [[None, None]], "b": None}


def test_built_in_algorithms_answer_in_json_too_when_a_score_is_no_number() -> None:
    scores = np.array([np.inf, 1.0], np.float32)
    assert serving.write({"score": scores}, "application/json", "predictions") == (
        b'{"predictions": [{"score": null}, {"score": 1.0}]}'
    )
    assert payloads.write(scores.reshape(-1, 1), "application/jsonlines") == (
        b'{"score": null}\n{"score": 1.0}\n'
    )
