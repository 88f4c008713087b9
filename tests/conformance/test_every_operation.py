"""Every operation of every SageMaker service is called with the least it takes, and answers as modelled."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from tests.conformance.modelled import codes, faults
from tests.generated_requests import ACCOUNT, Author

from clary.operations import reference
from clary.wire import models

if TYPE_CHECKING:
    from tests.conftest import Server

SERVICES = sorted(name for name in models.names() if name.startswith("sagemaker"))
OPERATIONS = [(service, name) for service in SERVICES for name in models.service(service).operation_names]
ROUNDS = 3  # What refers to something else may come before it in the first.
REGION = "ap-south-1"  # of no other test


@dataclass(frozen=True)
class Outcome:
    """What one call came to: an answer or an error's code, status and message."""

    answer: dict[str, Any]
    code: str = ""
    status: int = 200
    message: str = ""


def turn(name: str) -> int:
    """Order calls so that most find what they need: make, look, change, stop, delete."""
    verbs = (
        ("Create", "Register", "Import", "Put", "Start", "Add", "Associate"),
        ("Describe", "List", "Get"),
    )
    for index, group in enumerate(verbs):
        if name.startswith(group):
            return index
    if name.startswith(("Delete", "Deregister", "Disassociate")):
        return 4
    return 3 if name.startswith("Stop") else 2


@pytest.fixture(scope="module")
def outcomes(server: Server) -> dict[tuple[str, str], Outcome]:
    """Call everything, with the ARNs and ids that were answered before; of several tries the best counts."""
    server.client("s3").put_object(Bucket=f"sagemaker-us-east-1-{ACCOUNT}", Key="every/x", Body=b"x")
    told: dict[str, str] = {}
    best: dict[tuple[str, str], Outcome] = {}
    ordered = sorted(OPERATIONS, key=lambda pair: turn(pair[1]))
    for service, name in [pair for pair in ordered if turn(pair[1]) == 0] * (ROUNDS - 1) + ordered:
        found = call(server, service, name, Author(name="every", known=told))
        told |= {
            member: value
            for member, value in found.answer.items()
            if isinstance(value, str) and member.endswith(("Arn", "ARN", "Id"))
        }
        known = best.get((service, name))
        if known is None or known.code or found.status >= 500:
            best[service, name] = found if known is None or known.status < 500 else known
    return best


def call(server: Server, service: str, name: str, author: Author) -> Outcome:
    """Call one operation with the least it takes."""
    operation = models.service(service).operation_model(name)
    client = server.client(service, region_name=REGION, config={"parameter_validation": False})
    try:
        answer = getattr(client, xform_name(name))(**author.request(operation))
    except ClientError as error:
        said = error.response
        status = int(said["ResponseMetadata"]["HTTPStatusCode"])
        return Outcome({}, said["Error"]["Code"], status, said["Error"].get("Message", ""))
    return Outcome({name: value for name, value in answer.items() if not isinstance(value, StreamingBody)})


@pytest.mark.parametrize(("service", "name"), OPERATIONS, ids=[f"{s}-{n}" for s, n in OPERATIONS])
def test_it_answers_as_modelled(outcomes: dict[tuple[str, str], Outcome], service: str, name: str) -> None:
    operation = models.service(service).operation_model(name)
    outcome = outcomes[service, name]
    if outcome.code:
        assert outcome.code in codes(operation), outcome.message
        assert outcome.status < 500, outcome.message
        assert outcome.message
        return
    assert faults(operation.output_shape, outcome.answer) == []


@pytest.mark.parametrize("service", SERVICES)
def test_only_what_the_reference_calls_absent_is_absent(
    outcomes: dict[tuple[str, str], Outcome], service: str
) -> None:
    said = reference.levels(service)
    absent = {name for name, level in said.items() if level == "absent"}
    refused = {
        name for (of, name), outcome in outcomes.items() if of == service and outcome.code == "InvalidAction"
    }
    assert refused <= absent
    for name in refused:
        assert name in outcomes[service, name].message
        assert "docs/reference/operations.md" in outcomes[service, name].message


def test_most_calls_succeed(outcomes: dict[tuple[str, str], Outcome]) -> None:
    counted = Counter(bool(outcome.code) for (of, _), outcome in outcomes.items() if of == "sagemaker")
    assert counted[False] > counted[True], "the requests that are made refer to too little"
