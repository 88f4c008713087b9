"""Resource policies of endpoints: who of another account may call them."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ResourceNotFound
from clary.operations.registry import Call, operation
from clary.operations.resource_policy import POLICY, asked
from clary.resources.inference.endpoint import ENDPOINT
from clary.store.record import Record, key_of


@operation("sagemaker", "PutEndpointPolicy")
def put(call: Call) -> Document:
    """Give an endpoint a policy, or another one."""
    text = asked(call)
    with call.records.database.write():
        record = _endpoint(call)
        call.records.update(record, {POLICY: text}, touch=False)
    return {"EndpointArn": record.arn}


@operation("sagemaker", "GetEndpointPolicy")
def get(call: Call) -> Document:
    """Answer an endpoint's policy."""
    record = _endpoint(call)
    if POLICY not in record.doc:
        raise ResourceNotFound(f"The endpoint {record.arn} has no resource policy.")
    return {
        "EndpointName": record.name,
        "EndpointArn": record.arn,
        "ResourcePolicy": record.doc[POLICY],
    }


@operation("sagemaker", "DeleteEndpointPolicy")
def delete(call: Call) -> None:
    """Take an endpoint's policy away; an endpoint without one is no mistake."""
    with call.records.database.write():
        record = _endpoint(call)
        call.records.update(record, {}, remove=(POLICY,), touch=False)


def _endpoint(call: Call) -> Record:
    record = call.records.find(ENDPOINT, key_of(ENDPOINT, call.request))
    if record is None:
        raise ResourceNotFound(f"Could not find endpoint {call.records.arn(ENDPOINT, call.request)}.")
    return record
