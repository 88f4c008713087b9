"""A call that its host was not there to take is answered by another; what a model may have seen is not."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.serving.test_holding import Sleeping
from tests.serving.test_router import Model, code_of, endpoint, ok

if TYPE_CHECKING:
    from tests.conftest import Server


def test_no_call_fails_for_a_host_that_does_not_listen_any_more(server: Server, tmp_path: Path) -> None:
    left, right = (Model(tmp_path / f"{name}.sock", lambda *_: ok(b"here")) for name in ("left", "right"))
    with endpoint(server, "halved", ("v", 1.0, left.path), ("v", 1.0, right.path)):
        runtime = server.client("sagemaker-runtime")
        asked: Any = {"EndpointName": "halved", "Body": b"x"}
        for _ in range(6):
            assert runtime.invoke_endpoint(**asked)["Body"].read() == b"here"
        assert left.connections
        left.close()
        for _ in range(6):
            assert runtime.invoke_endpoint(**asked)["Body"].read() == b"here"
        streamed = runtime.invoke_endpoint_with_response_stream(**asked)["Body"]
        assert b"".join(event["PayloadPart"]["Bytes"] for event in streamed) == b"here"
    right.close()


def test_a_call_that_a_host_had_taken_in_is_not_made_again(server: Server, tmp_path: Path) -> None:
    asked: list[bytes] = []

    def silent(_line: str, _headers: dict[str, str], body: bytes) -> bytes:
        asked.append(body)
        return b""

    models = [Model(tmp_path / f"{name}.sock", silent) for name in ("left", "right")]
    runtime, hosts = server.client("sagemaker-runtime"), [("v", 1.0, model.path) for model in models]
    with endpoint(server, "silent", *hosts), pytest.raises(ClientError) as refused:
        runtime.invoke_endpoint(EndpointName="silent", Body=b"once")
    assert code_of(refused) == "ServiceUnavailable"
    assert asked == [b"once"]
    for model in models:
        model.close()


def test_calls_wait_for_the_host_that_replaces_a_lost_one(server: Server, tmp_path: Path) -> None:
    model = Model(tmp_path / "next.sock", lambda *_: ok(b"next"))
    replaced = Sleeping(server, "replaced", model)
    gone = {"Variant": "a", "Weight": 1.0, "Socket": str(tmp_path / "gone.sock"), "Uid": "gone"}
    wanted = {"Variants": [{"VariantName": "a", "Count": 1}]}
    record = replaced.records.update(replaced.read(replaced.endpoint), {"_Hosts": [gone], "_Wanted": wanted})
    told: list[str] = []
    caller = threading.Thread(target=lambda: told.append(replaced.call()))
    caller.start()
    replaced.records.update(replaced.read(record), {"_Hosts": []})
    replaced.wake("a")
    caller.join()
    assert told == ["next"]
    replaced.records.update(replaced.read(record), {"_Hosts": [gone], "_Deaths": 4})
    with pytest.raises(ClientError, match="does not accept connections"):  # nobody knows when one will stay
        replaced.call()
    replaced.forget()
    model.close()
