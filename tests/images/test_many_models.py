"""The multi-model server by its contract: models come and go, and none touches another."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import resource
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.images.container import Container, Server

TIMES = """
import os, signal, time
print("loading times {factor}")
HELD = bytearray({held})
def model_fn(model_dir):
    return lambda data: data * {factor}
def predict_fn(data, model):
    first = float(data.flat[0])
    if first == -9: os.kill(os.getpid(), signal.SIGSEGV)
    if first == -60: time.sleep(60)
    if first == -1: raise ValueError("negative age")
    if first == -100:
        for _ in range(20): HELD.extend(os.urandom(1 << 20))
    print("asked", first)
    return model(data)
"""


class Many:
    """A server of many models, spoken to as SageMaker does."""

    def __init__(self, container: Container, server: Server) -> None:
        self.container, self.server = container, server

    def place(self, name: str, text: str) -> str:
        """Put a model where the server can load it from."""
        folder = self.container.ml / "models" / name / "model"
        (folder / "code").mkdir(parents=True)
        (folder / "code" / "inference.py").write_text(text)
        return str(folder)

    def load(self, name: str, factor: int = 2, *, text: str = TIMES, held: int = 0) -> tuple[int, Any]:
        """Place a model that multiplies, and have it loaded."""
        url = str(self.container.ml / "models" / name / "model")
        if not Path(url).exists():
            self.place(name, text.replace("{factor}", str(factor)).replace("{held}", str(held)))
        body = json.dumps({"model_name": name, "url": url})
        headers = {"Content-Type": "application/json", "X-Amzn-SageMaker-Target-Model": f"{name}.tar.gz"}
        return self.ask("POST", "/models", body, headers)

    def ask(self, method: str, path: str, body: str | None = None, headers: Any = None) -> tuple[int, Any]:
        """Send a request whose answer is JSON, or a text."""
        status, kind, said = self.server.request(method, path, body, headers)
        return status, json.loads(said) if kind == "application/json" else said.decode()

    def invoke(self, name: str, row: str) -> tuple[int, Any]:
        """Ask a model by way of the contract."""
        return self.ask("POST", f"/models/{name}/invoke", row, {"Content-Type": "text/csv"})

    def direct(self, name: str, row: str) -> tuple[int, bytes]:
        """Ask a model at its own socket."""
        told = self.ask("GET", f"/models/{name}")[1]
        client = http.client.HTTPConnection("localhost")
        client.sock = socket.socket(socket.AF_UNIX)
        client.sock.connect(str(self.server.path.parent / told["socket"]))
        client.request("POST", "/invocations", row, {"Content-Type": "text/csv"})
        answer = client.getresponse()
        return answer.status, answer.read()

    def names(self) -> list[str]:
        """Return the models that are loaded."""
        return [each["modelName"] for each in self.ask("GET", "/models")[1]["models"]]


@contextmanager
def _many(container: Container, module: str = "plain", **environment: str) -> Iterator[Many]:
    with container.serve(module, SAGEMAKER_MULTI_MODEL="true", **environment) as server:
        yield Many(container, server)


def test_models_are_loaded_listed_asked_and_unloaded(container: Container) -> None:
    with _many(container) as many:
        assert many.server.request("GET", "/ping")[0] == 200
        assert many.names() == []
        status, told = many.load("a", 2)
        assert (status, told["modelName"], told["modelUrl"][-14:]) == (200, "a", "models/a/model")
        assert many.load("b", 3)[0] == 200
        assert many.load("a", 2)[0] == 409
        assert many.names() == ["a", "b"]
        assert many.invoke("a", "1,2") == (200, [[2.0, 4.0]])
        assert many.invoke("b", "1,2") == (200, [[3.0, 6.0]])
        assert many.direct("b", "5") == (200, b"[[15.0]]")
        assert many.ask("DELETE", "/models/a")[0] == 200
        assert many.names() == ["b"]
        assert many.invoke("a", "1")[0] == 404
        assert many.ask("DELETE", "/models/a")[0] == 404
        assert many.ask("GET", "/models/a") == (
            404,
            {"error": "The model a is not loaded. unloaded", "ended": "unloaded"},
        )
        assert many.load("a")[0] == 200
    assert many.server.process.returncode == 0
    assert "[a.tar.gz] loading times 2" in many.server.output
    assert "[b.tar.gz] asked 5.0" in many.server.output


def test_a_request_that_is_not_the_contracts_is_refused(container: Container) -> None:
    with _many(container) as many:
        assert many.ask("POST", "/models", "{")[0] == 400
        assert many.ask("POST", "/models", '{"model_name": 1, "url": "/"}')[0] == 400
        status, said = many.ask("POST", "/models", '{"model_name": "x", "url": "/nowhere"}')
        assert (status, said["error"]) == (400, "There is no directory /nowhere.")
        assert many.ask("PUT", "/models")[0] == 405
        assert many.ask("PUT", "/models/x")[0] == 405
        assert many.ask("GET", "/models/x/y")[0] == 404
        assert many.ask("POST", "/invocations", "1")[0] == 400


def test_a_name_that_is_too_long_or_no_text_is_refused_and_the_server_goes_on(container: Container) -> None:
    long, half = "x" * 70_000, "\ud800"
    body = json.dumps({"model_name": "x", "url": "/x"})
    with _many(container) as many:
        refused = [
            many.ask("GET", f"/models/{long}"),
            many.ask("DELETE", f"/models/{long}"),
            many.ask("POST", f"/models/{long}/invoke", "1"),
            many.ask("GET", f"/models?next_page_token={long}"),
            many.ask("POST", "/models", body, {"X-Amzn-SageMaker-Target-Model": long}),
            *(
                many.ask("POST", "/models", json.dumps({"model_name": "x", "url": "/x", key: value}))
                for key in ("model_name", "url")
                for value in (long, half)
            ),
        ]
        assert {said for _, said in refused} == {
            "The name of a model has 70000 characters; it may have 1024.",
            "next_page_token has 70000 characters; it may have 1024.",
            "x-amzn-sagemaker-target-model has 70000 characters; it may have 1024.",
            "model_name has 70000 characters; it may have 1024.",
            "url has 70000 characters; it may have 4096.",
            "model_name is not Unicode: '\\ud800' has half a surrogate pair.",
            "url is not Unicode: '\\ud800' has half a surrogate pair.",
        }
        assert [status for status, _ in refused] == [400] * 9
        widest = {"model_name": "\U0001f98a" * 1024, "url": "\1" * 4096}
        status, said = many.ask("POST", "/models", json.dumps(widest))
        assert (status, said["error"][:21]) == (400, "There is no directory")
        assert many.load("a")[0] == 200


def descriptors(many: Many) -> list[str]:
    """Return what the master has open; a file that it reads is soon closed."""
    folder = Path(f"/proc/{many.server.process.pid}/fd")
    found = []
    for each in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(str(each.readlink()))
    return sorted(each for each in found if each.startswith(("socket:", "pipe:")))


def test_a_model_for_which_there_are_no_descriptors_is_refused_until_another_goes(
    container: Container,
) -> None:
    with _many(container) as many:
        resource.prlimit(many.server.process.pid, resource.RLIMIT_NOFILE, (56, 56))
        loaded = 0
        while (told := many.load(f"m{loaded}"))[0] == 200:
            loaded += 1
        assert told[0] == 507
        assert told[1]["error"].endswith("no other starts: [Errno 24] Too many open files.")
        assert loaded >= 2
        before, files = descriptors(many), sorted(many.server.path.parent.iterdir())
        assert many.load("another")[0] == 507
        assert (descriptors(many), sorted(many.server.path.parent.iterdir())) == (before, files)
        assert many.ask("DELETE", "/models/m0")[0] == 200
        assert many.load("another")[0] == 200
        assert many.invoke("another", "1") == (200, [[2.0]])
    assert many.server.process.returncode == 0


def test_a_model_that_does_not_load_says_why_and_leaves_the_others_alone(container: Container) -> None:
    with _many(container) as many:
        assert many.load("good")[0] == 200
        status, said = many.load("bad", text="raise KeyError('no weights')")
        assert status == 500
        assert "The model bad.tar.gz could not be loaded." in said["error"]
        assert "KeyError: 'no weights'" in said["error"]
        status, said = many.load("dead", text="import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
        assert (status, "The process that loaded it was killed by SIGSEGV." in said["error"]) == (500, True)
        status, said = many.load("empty", text="def model_fn(model_dir):\n    raise MemoryError()")
        assert status == 507
        assert many.names() == ["good"]
        assert many.invoke("good", "4") == (200, [[8.0]])


def test_a_model_that_crashes_or_hangs_is_gone_and_its_neighbour_is_not(container: Container) -> None:
    with _many(container, SAGEMAKER_MODEL_SERVER_TIMEOUT="1") as many:
        for name in ("a", "b", "c"):
            many.load(name)
        assert many.invoke("a", "-1")[0] == 500
        with ThreadPoolExecutor(2) as pool:
            hung = pool.submit(many.invoke, "b", "-60")
            assert many.invoke("a", "-9")[0] in (404, 500)
            assert many.invoke("c", "1") == (200, [[2.0]])
            assert hung.result()[0] in (404, 500)
        status, said = many.ask("GET", "/models/b")
        while status == 200:  # the answer broke off a moment before the process was buried
            status, said = many.ask("GET", "/models/b")
        assert "was in one prediction for more than 1 s" in said["ended"]
        assert "SIGSEGV" in many.ask("GET", "/models/a")[1]["ended"]
        assert many.names() == ["c"]
        assert many.load("a")[0] == 200
        assert many.invoke("a", "3") == (200, [[6.0]])
    assert "[a.tar.gz]" in many.server.output


def test_a_model_for_which_there_is_no_memory_is_refused_until_another_goes(container: Container) -> None:
    with _many(container, SAGEMAKER_MULTI_MODEL_MEMORY_MB="120") as many:
        loaded = 0
        while (told := many.load(f"m{loaded}", held=20 << 20))[0] == 200:
            loaded += 1
        assert told[0] == 507
        assert told[1]["error"].startswith("Not enough memory: the model")
        assert 2 <= loaded <= 5
        assert many.ask("DELETE", "/models/m0")[0] == 200
        assert many.load(f"m{loaded}")[0] == 200
        assert many.invoke(f"m{loaded}", "1") == (200, [[2.0]])


def test_a_model_that_grows_beyond_the_memory_is_unloaded(container: Container) -> None:
    with _many(container, SAGEMAKER_MULTI_MODEL_MEMORY_MB="110") as many:
        assert many.load("small")[0] == 200
        assert many.load("leaks")[0] == 200
        for _ in range(4):
            if many.invoke("leaks", "-100")[0] != 200:
                break
        many.server.wait_for("[leaks.tar.gz] The models have grown")
        assert many.invoke("small", "1") == (200, [[2.0]])
        assert many.load("leaks")[0] in (200, 409)


@pytest.mark.parametrize("fails", ["4", "5"])  # the door is the first, then come two for each model
def test_a_model_whose_processes_do_not_all_start_is_refused_and_leaves_nothing(
    container: Container, fails: str
) -> None:
    more = {"FAILS": fails, "SAGEMAKER_MODEL_SERVER_WORKERS": "2"}
    with _many(container, "few_forks", **more) as many:
        assert many.load("a")[0] == 200
        before, files = descriptors(many), sorted(many.server.path.parent.iterdir())
        status, told = many.load("b")
        assert status == 507
        assert told["error"].endswith("no other starts: [Errno 11] Resource temporarily unavailable.")
        while descriptors(many) != before:  # what was begun is ended; the test's own time limit ends this
            assert many.names() == ["a"]
        assert sorted(many.server.path.parent.iterdir()) == files
        assert many.load("b")[0] == 200
        assert many.invoke("b", "1") == (200, [[2.0]])


def test_callers_of_a_model_that_is_loading_wait_for_one_load(container: Container) -> None:
    text = "import time; time.sleep(0.3)\n" + TIMES
    with _many(container) as many, ThreadPoolExecutor(8) as pool:
        many.place("slow", text.replace("{factor}", "2").replace("{held}", "0"))
        answers = list(pool.map(lambda _: many.load("slow"), range(8)))
        assert [status for status, _ in answers] == [200] * 8
    assert many.server.output.count("loading times 2") == 1


def test_a_model_can_have_several_processes(container: Container) -> None:
    with _many(container, SAGEMAKER_MODEL_SERVER_WORKERS="2") as many, ThreadPoolExecutor(4) as pool:
        assert many.load("a")[0] == 200
        assert set(pool.map(lambda _: many.invoke("a", "1")[0], range(20))) == {200}
    assert many.server.output.count("loading times 2") == 2


def test_models_that_come_and_go_all_at_once_answer_for_themselves_or_not_at_all(
    container: Container,
) -> None:
    with _many(container, SAGEMAKER_MULTI_MODEL_MEMORY_MB="120") as many, ThreadPoolExecutor(4) as pool:
        for number in range(12):
            text = TIMES.replace("{held}", str(10 << 20))
            many.place(f"m{number}", text.replace("{factor}", str(number)))

        def some(seed: int) -> set[int]:
            chance, found = random.Random(seed), set()  # noqa: S311 - which models, not a secret
            for _ in range(40):
                number = chance.randrange(12)
                status, said = many.load(f"m{number}")
                assert status != 500 or "was unloaded while it was loading" in said["error"], said
                found.add(status)
                status, said = many.invoke(f"m{number}", "1")
                gone = f"The process of the model m{number} ended before it answered."  # unloaded meanwhile
                assert status == 404 or said in ([[number]], gone), said
                if chance.random() < 0.5:
                    found.add(many.ask("DELETE", f"/models/m{chance.randrange(12)}")[0])
            return found

        found = set.union(*pool.map(some, range(4)))
        assert {200, 404, 409} <= found <= {200, 404, 409, 500, 507}
        assert many.server.process.poll() is None
    assert many.server.process.returncode == 0


def test_models_of_the_same_module_names_do_not_meet(container: Container) -> None:
    text = "import own\ndef model_fn(d): return own.FACTOR\ndef predict_fn(data, model): return data * model"
    with _many(container) as many:
        for name, factor in (("a", 5), ("b", 7)):
            folder = Path(many.place(name, text))
            (folder / "code" / "own.py").write_text(f"FACTOR = {factor}")
            assert many.load(name)[0] == 200
        assert many.invoke("a", "1") == (200, [[5.0]])
        assert many.invoke("b", "1") == (200, [[7.0]])


def test_the_door_comes_back_and_knows_what_is_loaded(container: Container) -> None:
    with _many(container) as many:
        assert many.load("a")[0] == 200
        children = Path(f"/proc/{many.server.process.pid}/task/{many.server.process.pid}/children")
        front = min(map(int, children.read_text().split()))
        os.kill(front, signal.SIGKILL)
        many.server.output = ""
        many.server.wait_for("Model server ready")
        assert many.names() == ["a"]
        assert many.invoke("a", "1") == (200, [[2.0]])


def test_memory_that_the_server_itself_needs_is_too_little(container: Container) -> None:
    code, _ = container.run("plain", SAGEMAKER_MULTI_MODEL="true", SAGEMAKER_MULTI_MODEL_MEMORY_MB="16")
    assert code == 1
    assert "before any model is loaded, of the 16 MB that there are" in container.failure


@pytest.mark.parametrize("setting", ["a lot", "0", "-5"])
def test_a_memory_setting_that_is_none_is_refused(container: Container, setting: str) -> None:
    code, _ = container.run("plain", SAGEMAKER_MULTI_MODEL="true", SAGEMAKER_MULTI_MODEL_MEMORY_MB=setting)
    assert code == 1
    assert "SAGEMAKER_MULTI_MODEL_MEMORY_MB" in container.failure
