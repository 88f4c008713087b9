"""No operation reaches another account's resources, whatever names them; none runs without its permission."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from botocore import xform_name
from botocore.model import OperationModel
from tests.conformance.iam.people import allow, fresh, policy, refused
from tests.generated_requests import IMAGE, Author
from tests.two_accounts import KINDS, Caller, Owner, Stranger, named_members, owner, stranger

from clary.operations.dispatch import Dispatcher
from clary.operations.kinds import Kind, members
from clary.wire import models

if TYPE_CHECKING:
    from tests.conftest import Server

SAGEMAKER = models.service("sagemaker")
OPERATIONS = [SAGEMAKER.operation_model(name) for name in SAGEMAKER.operation_names]
VERBS = {"GET": "get_object", "PUT": "put_object", "DELETE": "delete_object", "HEAD": "head_object"}
TAGS = {"Tags": [{"Key": "k", "Value": "v"}], "TagKeys": ["mark"]}


@pytest.fixture(scope="module")
def anna(server: Server) -> Owner:
    return owner(server)


@pytest.fixture(scope="module")
def by_name(server: Server) -> Stranger:
    """Calls things by the owner's names."""
    return stranger(server)


@pytest.fixture(scope="module")
def by_arn(server: Server) -> Stranger:
    """Calls things by the owner's ARNs."""
    return stranger(server)


@pytest.fixture(scope="module")
def limited(anna: Owner) -> Caller:
    """A user in the owner's account."""
    iam = anna.client("iam")
    iam.create_user(UserName="limited")
    return Caller(anna.server, anna.number, iam.create_access_key(UserName="limited")["AccessKey"])


def _served(service: str) -> list[OperationModel]:
    model, found = models.service(service), Dispatcher().find
    every = [model.operation_model(name) for name in model.operation_names if found(service, name)]
    return [one for one in every if not one.has_event_stream_output and not one.has_event_stream_input]


def _ids(operation: OperationModel) -> str:
    return operation.name


@pytest.mark.parametrize("operation", OPERATIONS, ids=_ids)
def test_a_name_reaches_nothing_of_another_account(
    anna: Owner, by_name: Stranger, operation: OperationModel
) -> None:
    author = Author(account=by_name.number, name=anna.name, known=anna.known)
    before = anna.state()
    by_name.attempt(anna, operation, author.request(operation))
    by_name.attempt(anna, operation, author.request(operation, also=named_members(operation, anna.known)))
    assert anna.state() == before


@pytest.mark.parametrize("operation", OPERATIONS, ids=_ids)
def test_an_arn_reaches_nothing_of_another_account(
    anna: Owner, by_arn: Stranger, operation: OperationModel
) -> None:
    author = Author(account=anna.number, name=anna.name, arns=anna.arns)
    before = anna.state()
    by_arn.attempt(anna, operation, author.request(operation, by_arn=True))
    also = [name for name in named_members(operation, {}) if name.endswith("Arn")]
    by_arn.attempt(anna, operation, author.request(operation, by_arn=True, also=also))
    assert anna.state() == before


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.resource.kind)
@pytest.mark.parametrize("operation", ["AddTags", "ListTags", "DeleteTags"])
def test_tags_are_out_of_reach(anna: Owner, by_arn: Stranger, kind: Kind, operation: str) -> None:
    model, arn = SAGEMAKER.operation_model(operation), anna.records[kind.resource.kind].arn
    before = anna.state()
    request = {name: value for name, value in TAGS.items() if name in members(model.input_shape)}
    assert by_arn.attempt(anna, model, {"ResourceArn": arn, **request}) == "AccessDeniedException"
    assert anna.state() == before


@pytest.mark.parametrize("resource", SAGEMAKER.shape_for("ResourceType").metadata["enum"])
def test_search_finds_nothing_of_another_account(anna: Owner, by_name: Stranger, resource: str) -> None:
    by_name.attempt(anna, SAGEMAKER.operation_model("Search"), {"Resource": resource, "MaxResults": 100})
    tagged = {"Filters": [{"Name": "Tags.mark", "Operator": "Exists"}]}
    request = {"Resource": resource, "SearchExpression": tagged}
    by_name.attempt(anna, SAGEMAKER.operation_model("Search"), request)
    request = {"Resource": resource, "SuggestionQuery": {"PropertyNameQuery": {"PropertyNameHint": "Tags."}}}
    by_name.attempt(anna, SAGEMAKER.operation_model("GetSearchSuggestions"), request)


@pytest.mark.parametrize("operation", OPERATIONS, ids=_ids)
def test_an_action_that_is_not_allowed_is_denied(
    anna: Owner, limited: Caller, operation: OperationModel
) -> None:
    statement = {"Effect": "Allow", "NotAction": f"sagemaker:{operation.name}", "Resource": "*"}
    anna.client("iam").put_user_policy(
        UserName="limited", PolicyName="all-but-one", PolicyDocument=policy(statement)
    )
    request = Author(account=anna.number, name=anna.name, known=anna.known).request(operation)
    before = anna.state()
    with refused("AccessDeniedException", f"sagemaker:{operation.name}"):
        getattr(limited.client("sagemaker"), xform_name(operation.name))(**request)
    assert anna.state() == before


@pytest.mark.parametrize(
    "service", ["iam", "sts", "logs", "cloudwatch", "organizations", "sagemaker-runtime", "sns", "sqs"]
)
def test_the_neighbours_tell_nothing_of_another_account(anna: Owner, by_name: Stranger, service: str) -> None:
    arn = anna.client("iam").create_policy(
        PolicyName=f"{anna.name}-{service}", PolicyDocument=policy(allow("s3:*"))
    )["Policy"]["Arn"]
    if service == "logs":
        anna.client("logs").create_log_group(logGroupName=anna.name, tags={"mark": anna.mark})
        anna.client("logs").create_log_stream(logGroupName=anna.name, logStreamName=anna.name)
    known = {
        **anna.known,
        "PolicyArn": arn,
        "RoleName": "SageMakerExecutionRole",
        "UserName": "administrator",
    }
    author = Author(account=anna.number, name=anna.name, known=known, arns=[arn])
    before = anna.state()
    for operation in _served(service):
        by_name.attempt(anna, operation, author.request(operation))
    assert anna.state() == before


@pytest.mark.parametrize(
    "operation", [op for op in _served("s3") if "Bucket" in members(op.input_shape)], ids=_ids
)
def test_a_bucket_of_another_account_is_closed(
    anna: Owner, by_name: Stranger, operation: OperationModel
) -> None:
    bucket, s3 = f"sagemaker-us-east-1-{anna.number}", anna.client("s3")
    s3.put_object(Bucket=bucket, Key="kept", Body=anna.mark.encode())
    known = {
        "Bucket": bucket,
        "Key": "kept",
        "CopySource": f"{bucket}/kept",
        "UploadId": "x",
        "PartNumber": 1,
    }
    request = Author(account=by_name.number, known=known).request(operation)
    assert by_name.attempt(anna, operation, request) != ""
    assert s3.get_object(Bucket=bucket, Key="kept")["Body"].read() == anna.mark.encode()


def test_what_a_stranger_presigns_opens_nothing(anna: Owner, by_name: Stranger) -> None:
    bucket, s3 = f"sagemaker-us-east-1-{anna.number}", by_name.client("s3")
    anna.client("s3").put_object(Bucket=bucket, Key="kept", Body=b"x")
    for verb, method in VERBS.items():
        url = s3.generate_presigned_url(method, Params={"Bucket": bucket, "Key": "kept"})
        asked = Request(url, method=verb, data=b"y" if verb == "PUT" else None)  # noqa: S310 - our own server
        with pytest.raises(HTTPError) as refusal:
            urlopen(asked)  # noqa: S310 - our own server
        assert refusal.value.code == 403
    copied = {"Bucket": bucket, "Key": "kept"}
    mine = f"sagemaker-us-east-1-{by_name.number}"
    with refused("AccessDenied"):
        s3.copy_object(Bucket=mine, Key="copy", CopySource=copied)
    assert anna.client("s3").get_object(Bucket=bucket, Key="kept")["Body"].read() == b"x"


def test_roles_of_another_account_are_neither_assumed_nor_passed(anna: Owner, by_name: Stranger) -> None:
    for role in ("SageMakerExecutionRole", "OrganizationAccountAccessRole"):
        arn = f"arn:aws:iam::{anna.number}:role/{role}"
        with refused("AccessDenied", "sts:AssumeRole"):
            by_name.client("sts").assume_role(RoleArn=arn, RoleSessionName="visit")
        with refused("AccessDeniedException", "iam:PassRole"):
            by_name.client("sagemaker").create_model(
                ModelName=fresh("model"),
                ExecutionRoleArn=arn,
                PrimaryContainer={"Image": IMAGE},
            )


def test_a_page_s_token_of_another_account_opens_nothing(anna: Owner, by_name: Stranger) -> None:
    for _ in range(2):
        anna.client("sagemaker").create_code_repository(
            CodeRepositoryName=fresh("code"), GitConfig={"RepositoryUrl": "https://example.com/x"}
        )
    token = anna.client("sagemaker").list_code_repositories(MaxResults=1)["NextToken"]
    with refused("ValidationException"):
        by_name.client("sagemaker").list_code_repositories(MaxResults=1, NextToken=token)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.resource.kind)
def test_the_owner_itself_is_answered(anna: Owner, kind: Kind) -> None:
    """The matrix would prove nothing if nobody were answered."""
    if "Describe" not in kind.operations or kind.resource.kind in PUT:
        return
    author = Author(account=anna.number, name=anna.name, known=anna.known, arns=anna.arns)
    operation = kind.operations["Describe"]
    getattr(anna.client("sagemaker"), xform_name(operation.name))(**author.request(operation))


PUT = {"App", "TrainingPlan"}
"""Kinds that answer only for records with more than a Create request has; their tests are their own."""
