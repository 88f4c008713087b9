"""Bad calls, and models that fail at them: a modelled error that names cause and cure; no neighbour pays."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, EventStreamError
from tests.stories.bad_predictions import (
    ARCHIVES,
    CALLS,
    GOOD,
    NPY,
    PICKLE,
    PYTORCH,
    STREAMED,
    Neighbour,
    deploy,
    prepare,
)
from tests.stories.planted import archive, put, settled
from tests.stories.server import Clary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
TORCH = """
import torch
def model_fn(folder):
    return torch.nn.Linear(2, 1)
"""


@pytest.fixture(scope="module")
def serving(clary: Clary) -> Clary:
    """A server with all endpoints."""
    prepare(clary)
    return clary


@pytest.fixture(scope="module")
def hosts(serving: Clary) -> set[str]:
    """What served before anything bad was asked."""
    found = runs(serving)
    assert len(found) == len(GOOD)
    return found


@pytest.fixture(scope="module")
def archives(serving: Clary, hosts: set[str]) -> Clary:
    """Endpoints that cannot come into service, on their way."""
    for name, (data, _) in ARCHIVES.items():
        deploy(serving, name, "naughty", put(serving, f"bad-input/{name}.tar.gz", data))
    return serving


@pytest.fixture(scope="module")
def neighbour(serving: Clary, hosts: set[str]) -> Iterator[Neighbour]:
    """Somebody who calls a healthy endpoint all the while."""
    made = Neighbour(serving)
    yield made
    made.end()


def runs(clary: Clary) -> set[str]:
    """Return the runs of model servers."""
    specs = (clary.home / "jobs").glob("[0-9a-f]*/spec.json")
    return {path.parent.name for path in specs if '"serve"' in path.read_text()}


def served(clary: Clary, name: str) -> None:
    """Check that an endpoint answers."""
    body, answer = GOOD[name]
    got = clary.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=name,
        Body=body,
        ContentType="text/csv",
        **({"Accept": "application/json"} if name == "scripted" else {}),
    )
    assert re.fullmatch(answer, got["Body"].read().strip())


def logged(clary: Clary, name: str, words: str) -> bool:
    """Say whether the endpoint's log has something, or has it soon: it is taken in every two seconds."""
    until = time.monotonic() + 90
    while time.monotonic() < until:
        if re.search(words, clary.command("logs", name).stdout):
            return True
    return False


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_told_what_was_wrong_and_costs_nobody_anything(
    serving: Clary, neighbour: Neighbour, name: str
) -> None:
    bad, runtime = CALLS[name], serving.client("sagemaker-runtime")
    with pytest.raises(ClientError) as refused:
        runtime.invoke_endpoint(EndpointName=bad.endpoint, Body=bad.body, ContentType=bad.kind, **bad.more)
    told: dict[str, Any] = dict(refused.value.response)
    assert (told["Error"]["Code"], told.get("OriginalStatusCode", 0)) == (bad.code, bad.status), told
    words = told.get("OriginalMessage", told["Error"]["Message"])
    assert re.search(bad.says, words, re.DOTALL), words
    assert "/opt/toolkit" not in words
    if bad.code == "ModelError":
        assert f"log-group:/aws/sagemaker/Endpoints/{bad.endpoint}" in told["LogStreamArn"]
    if bad.endpoint in GOOD:
        served(serving, bad.endpoint)
        assert not bad.lost or logged(serving, bad.endpoint, bad.lost)
    assert not neighbour.wrong


@pytest.mark.parametrize("name", STREAMED)
def test_a_stream_says_how_it_failed(serving: Clary, neighbour: Neighbour, name: str) -> None:
    endpoint, body, code, says = STREAMED[name]
    runtime = serving.client("sagemaker-runtime")
    with pytest.raises((ClientError, EventStreamError)) as refused:
        got = runtime.invoke_endpoint_with_response_stream(
            EndpointName=endpoint, Body=body, ContentType="text/csv"
        )
        list(got["Body"])
    assert refused.value.response["Error"]["Code"] == code
    assert re.search(says, refused.value.response["Error"]["Message"])
    served(serving, endpoint)
    assert not neighbour.wrong


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_that_is_no_model_is_not_unpacked(archives: Clary, name: str) -> None:
    endpoint = settled(archives, name)
    assert endpoint["EndpointStatus"] == "Failed"
    assert "Failed to extract model data archive" in endpoint["FailureReason"]
    assert re.search(ARCHIVES[name][1], endpoint["FailureReason"]), endpoint["FailureReason"]


def test_pytorch_refuses_what_is_no_tensor(serving: Clary, neighbour: Neighbour) -> None:
    code = put(serving, "bad-input/torch.tar.gz", archive({"inference.py": TORCH}))
    script = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": code}
    deploy(serving, "torch", PYTORCH, code, script)
    assert (now := settled(serving, "torch", 240))["EndpointStatus"] == "InService", now.get("FailureReason")
    runtime = serving.client("sagemaker-runtime")
    for body, kind, status, says in (
        (PICKLE, NPY, 415, "never unpickled"),
        (b"[[1, 2", "application/json", 415, "Expecting"),
        (b"[[1, 2, 3]]", "application/json", 500, "shapes cannot be multiplied"),
        (b"<a/>", "text/xml", 415, "text/xml is not supported"),
    ):
        with pytest.raises(ClientError) as refused:
            runtime.invoke_endpoint(EndpointName="torch", Body=body, ContentType=kind)
        told: dict[str, Any] = dict(refused.value.response)
        assert (told["Error"]["Code"], told["OriginalStatusCode"]) == ("ModelError", status)
        assert says in told["OriginalMessage"]
    assert not neighbour.wrong


def test_the_neighbour_was_answered_all_the_while(
    serving: Clary, neighbour: Neighbour, hosts: set[str]
) -> None:
    neighbour.end()
    assert hosts <= runs(serving)
    assert neighbour.calls > 100
    assert neighbour.wrong == []
    for name in GOOD:
        served(serving, name)
    for path in (serving.home / "logs").glob("gateway*.log"):
        text = path.read_text()
        assert "Traceback" not in text and " ERROR " not in text, text[-4000:]
