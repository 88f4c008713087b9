"""An account that has one of everything, and strangers who try to reach it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import OperationModel, StructureShape
from sqlalchemy import select
from tests.conformance.organizations.people import administrator, made
from tests.generated_requests import IMAGE, Author

from clary.core import ids
from clary.operations.dispatch import Dispatcher
from clary.operations.kinds import Kind
from clary.store.records import Record
from clary.store.tables import RECORDS

if TYPE_CHECKING:
    from tests.conftest import Server

REGION = "us-east-1"
KINDS = Dispatcher().kinds("sagemaker")
SERVER_ERRORS = {"InternalFailure", "InternalError", "InternalServerError", "ServiceFailure"}


@dataclass(frozen=True)
class Caller:
    """Somebody with a key."""

    server: Server
    number: str
    keys: Mapping[str, str]
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """Return a client that sends whatever it is given."""
        if service not in self.clients:
            made = self.server.client(service, dict(self.keys), config={"parameter_validation": False})
            self.clients[service] = made
        return self.clients[service]


@dataclass(frozen=True, kw_only=True)
class Owner(Caller):
    """The account with one record of every kind; each carries `mark`, which no stranger may be told."""

    name: str
    mark: str
    records: Mapping[str, Record]

    @property
    def known(self) -> dict[str, object]:
        """What the owner's resources are called, by the member that says so."""
        found: dict[str, object] = {}
        for kind in KINDS:
            doc, own = self.records[kind.resource.kind].doc, kind.resource.generated
            found |= {name: doc[name] for name in kind.resource.key() if name in own or name not in found}
        return found

    @property
    def arns(self) -> list[str]:
        """The owner's ARNs."""
        return [record.arn for record in self.records.values()]

    def state(self) -> set[tuple[str, int]]:
        """Return which records the owner has, in which version."""
        with self.server.stores.database.read() as connection:
            found = connection.execute(
                select(RECORDS.c.uid, RECORDS.c.version).where(RECORDS.c.account == self.number)
            )
            return {(row.uid, row.version) for row in found}


@dataclass(frozen=True)
class Stranger(Caller):
    """Another account's administrator. What it ever sent may come back to it."""

    sent: set[str] = field(default_factory=set)

    def attempt(self, owner: Owner, operation: OperationModel, request: dict[str, Any]) -> str:
        """Make a call; return the error's code, "" for success. Nothing of the owner's may be answered."""
        service = operation.service_model.service_name
        client = self.client(service)
        self.sent.update(texts(request))
        try:
            answer = getattr(client, xform_name(operation.name))(**request)
        except ClientError as error:
            code: str = error.response["Error"]["Code"]
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            assert code not in SERVER_ERRORS and (status < 500 or code == "NotImplemented"), error
            assert owner.mark not in str(error)
            return code
        answer.pop("ResponseMetadata")
        if operation.name == "DeleteObjects" and not answer.get("Deleted"):  # refuses key by key
            [refused] = {each["Code"] for each in answer["Errors"]}
            return str(refused)
        told = {read(value) for value in texts(answer)}
        leaked = {text for text in told - self.sent if owner.number in text or owner.mark in text}
        assert not leaked, f"{operation.name} answers {leaked}"
        return ""


def owner(server: Server) -> Owner:
    """Make an account with one record of every kind: by its Create, or else behind the API's back."""
    number, name = made(server), f"ofa{uuid4().hex[:8]}"
    keys, mark = administrator(server, number), f"mark{uuid4().hex}"
    known: dict[str, object] = {**_MEANT, "Tags": [{"Key": "mark", "Value": mark}], "Description": mark}
    client = server.client("sagemaker", keys, config={"parameter_validation": False})
    records: dict[str, Record] = {}
    for _ in range(3):  # what another one must be there for, is made in a later round
        for kind in KINDS:
            if kind.resource.kind not in records and "Create" in kind.operations:
                author = Author(
                    account=number, name=name, known=known, arns=[r.arn for r in records.values()]
                )
                if record := _created(server, client, author, kind):
                    records[kind.resource.kind] = record
                    known |= {member: record.doc[member] for member in kind.resource.key()}
    for kind in KINDS:
        if kind.resource.kind not in records:
            author = Author(account=number, name=name, known=known, arns=[r.arn for r in records.values()])
            record = records[kind.resource.kind] = _put(server, author, kind)
            known |= {member: record.doc[member] for member in kind.resource.generated}
    return Owner(server=server, number=number, keys=keys, name=name, mark=mark, records=records)


def stranger(server: Server) -> Stranger:
    """Make another account."""
    number = made(server)
    return Stranger(server, number, administrator(server, number))


def named_members(operation: OperationModel, known: Mapping[str, object]) -> list[str]:
    """Return the top members of a request that name something: by a known name, or by ARN."""
    shape = operation.input_shape
    if not isinstance(shape, StructureShape):
        return []
    return [
        member
        for member, target in shape.members.items()
        if target.type_name == "string" and (member in known or member.endswith(("Arn", "Name", "Id")))
        if member not in ("NextToken", "ClientToken", "ClientRequestToken")
    ]


def texts(value: object) -> Iterator[str]:
    """Yield every text in a document, keys included."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from (*texts(key), *texts(item))
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str | bytes) or hasattr(value, "read"):
        yield read(value)


def read(value: Any) -> str:
    """Return a text, a body's bytes as one."""
    content = value.read() if hasattr(value, "read") else value
    return content.decode(errors="replace") if isinstance(content, bytes) else str(content)


_ALSO = {
    "CreateCompilationJob": ("InputConfig",),
    "CreateHyperParameterTuningJob": ("TrainingJobDefinition",),
    "CreateInferenceComponent": ("Specification",),
    "CreateModel": ("PrimaryContainer", "ExecutionRoleArn"),
    "CreatePipeline": ("PipelineDefinition",),
}
"""Optional members without which a kind is not created."""
_MEANT: dict[str, object] = {
    "Content": "{}",
    "HubContentDocument": "{}",
    "PipelineDefinition": '{"Version": "2020-12-01", "Steps": []}',
    "PrimaryContainer": {"Image": IMAGE},
    "StudioLifecycleConfigContent": "ZWNobw==",
}


def _created(server: Server, client: Any, author: Author, kind: Kind) -> Record | None:
    operation = kind.operations["Create"]
    request = author.request(operation, also=("Tags", "Description", *_ALSO.get(operation.name, ())))
    try:
        getattr(client, xform_name(operation.name))(**request)
    except ClientError:
        return None
    return next(server.stores.records.scoped(author.account, REGION).each(kind.resource), None)


def _put(server: Server, author: Author, kind: Kind) -> Record:
    resource = kind.resource
    doc = author.request(kind.operations["Create"]) if "Create" in kind.operations else {}
    doc |= {member: ids.made_up(form, author.name) for member, form in resource.generated.items()}
    for member in resource.key():
        doc.setdefault(member, author.known.get(member, author.name))
    records = server.stores.records.scoped(author.account, REGION)
    doc |= {name: author.known[name] for name in ("Tags", "Description")}
    doc[kind.arn_member] = records.arn(resource, doc)
    return records.create(resource, doc)
