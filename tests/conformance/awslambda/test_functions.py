"""Lambda's functions as boto3 sees them: created, told of, changed, shared, refused."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import struct
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conformance.awslambda.functions import ECHO, TRUST, create, role_for_functions, zipped
from tests.conformance.iam.people import ACCOUNT, allow, fresh, refused, user
from tests.conformance.organizations.people import administrator, made
from tests.controllers.events.carrying import means

from clary.core.errors import ApiError
from clary.core.principal import Principal

if TYPE_CHECKING:
    from tests.conftest import Server


@pytest.fixture(scope="module")
def functions(server: Server) -> Any:
    return server.client("lambda")


@pytest.fixture(scope="module")
def role(server: Server) -> str:
    return role_for_functions(server.client("iam"))


def error_of(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as told:
        call(**request)
    return told.value.response["Error"]["Code"], told.value.response["Error"]["Message"]


def test_a_function_is_told_of_as_it_was_created(functions: Any, role: str) -> None:
    code = zipped(app=ECHO)
    variables = {"Variables": {"MODE": "a"}}
    name = create(
        functions,
        role,
        Code={"ZipFile": code},
        Timeout=7,
        MemorySize=256,
        Tags={"a": "b"},
        Environment=variables,
    )
    for waiter in ("function_exists", "function_active_v2", "function_updated_v2"):
        functions.get_waiter(waiter).wait(FunctionName=name)
    found = functions.get_function(FunctionName=name)
    told = found["Configuration"]
    assert found["Tags"] == {"a": "b"}
    assert told["FunctionArn"] == f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"
    assert (told["Timeout"], told["MemorySize"], told["Environment"]) == (7, 256, variables)
    assert (told["State"], told["LastUpdateStatus"], told["Version"]) == ("Active", "Successful", "$LATEST")
    assert told["CodeSha256"] == base64.b64encode(hashlib.sha256(code).digest()).decode()
    assert told["CodeSize"] == len(code)
    same = functions.get_function_configuration(FunctionName=told["FunctionArn"])
    assert same["RevisionId"] == told["RevisionId"]
    short = functions.get_function_configuration(FunctionName=f"{ACCOUNT}:function:{name}:$LATEST")
    assert short["FunctionName"] == name


def test_code_comes_from_s3(server: Server, functions: Any, role: str) -> None:
    s3, bucket = server.client("s3"), fresh("code")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="f.zip", Body=zipped(app=ECHO))
    name = create(functions, role, Code={"S3Bucket": bucket, "S3Key": "f.zip"})
    assert functions.get_function_configuration(FunctionName=name)["CodeSize"] == len(zipped(app=ECHO))
    code, words = error_of(functions.update_function_code, FunctionName=name, S3Bucket=bucket, S3Key="none")
    assert code == "InvalidParameterValueException"
    assert "NoSuchKey" in words


def test_changes_make_another_revision(functions: Any, role: str) -> None:
    name = create(functions, role)
    before = functions.get_function_configuration(FunctionName=name)
    dry = functions.update_function_code(FunctionName=name, ZipFile=zipped(app=ECHO + "\n"), DryRun=True)
    assert dry["CodeSha256"] != before["CodeSha256"]
    assert functions.get_function_configuration(FunctionName=name)["CodeSha256"] == before["CodeSha256"]
    after = functions.update_function_configuration(FunctionName=name, Timeout=9, Description="new")
    assert (after["Timeout"], after["Description"]) == (9, "new")
    assert after["RevisionId"] != before["RevisionId"]
    code, _ = error_of(
        functions.update_function_configuration, FunctionName=name, RevisionId=before["RevisionId"], Timeout=1
    )
    assert code == "PreconditionFailedException"


def test_functions_are_listed_by_pages_and_deleted(functions: Any, role: str) -> None:
    names = {create(functions, role) for _ in range(3)}
    pages = functions.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
    listed = [each["FunctionName"] for page in pages for each in page["Functions"]]
    assert names <= set(listed)
    assert listed == sorted(listed)
    gone = names.pop()
    functions.delete_function(FunctionName=gone)
    code, words = error_of(functions.get_function, FunctionName=gone)
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{gone}"
    assert (code, words) == ("ResourceNotFoundException", f"Function not found: {arn}")
    create(functions, role, FunctionName=gone)
    with refused("ResourceConflictException", f"Function already exist: {gone}"):
        create(functions, role, FunctionName=gone)


def test_tags_come_and_go(functions: Any, role: str) -> None:
    arn = functions.get_function_configuration(FunctionName=create(functions, role))["FunctionArn"]
    functions.tag_resource(Resource=arn, Tags={"a": "1", "b": "2"})
    functions.untag_resource(Resource=arn, TagKeys=["a"])
    assert functions.list_tags(Resource=arn)["Tags"] == {"b": "2"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"Runtime": "nodejs22.x"}, "which has Python"),
        ({"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:a:1"]}, "Layers must be empty"),
        ({"VpcConfig": {"SubnetIds": ["subnet-1"]}}, "VpcConfig must be empty"),
        ({"Publish": True}, "versions are not built"),
        (
            {"Environment": {"Variables": {"AWS_REGION": "x"}}},
            "Reserved keys used in this request: AWS_REGION",
        ),
        ({"Environment": {"Variables": {"LARGE": "x" * 5000}}}, "exceeded the 4KB limit"),
        ({"Code": {"ZipFile": b"no zip"}}, "Could not unzip uploaded file"),
        ({"Code": {"ZipFile": zipped()}}, "non-empty zip"),
        ({"Code": {"ZipFile": zipped(**{"../app": ECHO})}}, "Could not unzip uploaded file"),
        ({"Code": {"ImageUri": "image"}, "PackageType": "Image"}, "PackageType must be Zip"),
    ],
)
def test_what_cannot_be_honoured_is_refused(
    functions: Any, role: str, options: dict[str, Any], words: str
) -> None:
    given = {"Runtime": "python3.12", "Handler": "app.handler", "Code": {"ZipFile": zipped(app=ECHO)}}
    code, told = error_of(
        functions.create_function, FunctionName=fresh("fn"), Role=role, **{**given, **options}
    )
    assert code == "InvalidParameterValueException"
    assert words in told


def test_a_zip_that_would_fill_the_disk_is_refused(functions: Any, role: str) -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.bin", "w") as file:
        for _ in range(251):
            file.write(bytes(1 << 20))
    with pytest.raises(ClientError, match="Unzipped size must be smaller than 262144000 bytes"):
        create(functions, role, Code={"ZipFile": written.getvalue()})


@pytest.mark.parametrize(("files", "said"), [(1, 1 << 25), (50_001, None)])
def test_a_zip_whose_list_is_too_long_is_not_read(
    functions: Any, role: str, files: int, said: int | None
) -> None:
    listed = b"PK\x01\x02" + bytes(42)
    size = said or files * len(listed)
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, size, 0, 0)
    with pytest.raises(ClientError, match="at most 50000 files and 16777216 bytes"):
        create(functions, role, Code={"ZipFile": listed * files + end})


@pytest.mark.parametrize("place", ["us-east-1:000000000001", "eu-west-1:000000000000"])
def test_a_function_is_created_where_its_arn_says(functions: Any, role: str, place: str) -> None:
    with pytest.raises(ClientError, match="is of another account or region"):
        create(functions, role, FunctionName=f"arn:aws:lambda:{place}:function:{fresh('fn')}")
    name = fresh("fn")
    create(functions, role, FunctionName=f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}")
    assert functions.get_function_configuration(FunctionName=name)["FunctionName"] == name


def test_a_version_of_an_object_is_for_those_who_may_read_versions(server: Server, role: str) -> None:
    bucket = fresh("code")
    server.client("s3").create_bucket(Bucket=bucket)
    _, keys = user(server, allow("lambda:*"), allow("iam:PassRole"), allow("s3:GetObject"))
    code = {"S3Bucket": bucket, "S3Key": "a.zip"}
    theirs = server.client("lambda", keys)
    with pytest.raises(ClientError, match="NoSuchKey"):
        create(theirs, role, Code=code)
    with refused("AccessDeniedException", "s3:GetObjectVersion"):
        create(theirs, role, Code={**code, "S3ObjectVersion": "null"})


def test_lambda_must_be_trusted_and_its_role_passed(server: Server, functions: Any, role: str) -> None:
    other = role_for_functions(
        server.client("iam"), trust={**TRUST, "Principal": {"Service": "sagemaker.amazonaws.com"}}
    )
    with pytest.raises(ClientError, match="cannot be assumed by Lambda"):
        create(functions, other)
    _, keys = user(server, allow("lambda:*"))
    with refused("AccessDeniedException", "iam:PassRole"):
        create(server.client("lambda", keys), role)


def test_concurrency_is_reserved_within_the_account(functions: Any, role: str) -> None:
    name = create(functions, role)
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=5)
    assert functions.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 5
    assert functions.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] <= 995
    code, words = error_of(
        functions.put_function_concurrency, FunctionName=name, ReservedConcurrentExecutions=950
    )
    assert code == "InvalidParameterValueException"
    assert "minimum value of [100]" in words
    functions.delete_function_concurrency(FunctionName=name)
    assert "ReservedConcurrentExecutions" not in functions.get_function_concurrency(FunctionName=name)


def test_a_functions_policy_has_statements(functions: Any, role: str) -> None:
    name = create(functions, role)
    added = functions.add_permission(
        FunctionName=name,
        StatementId="events",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn="arn:aws:events:us-east-1:000000000000:rule/a",
    )
    [statement] = json.loads(functions.get_policy(FunctionName=name)["Policy"])["Statement"]
    assert statement == json.loads(added["Statement"])
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Condition"] == {
        "ArnLike": {"AWS:SourceArn": "arn:aws:events:us-east-1:000000000000:rule/a"}
    }
    request = {"Action": "lambda:InvokeFunction", "Principal": ACCOUNT, "StatementId": "events"}
    assert error_of(functions.add_permission, FunctionName=name, **request)[0] == "ResourceConflictException"
    functions.remove_permission(FunctionName=name, StatementId="events")
    assert error_of(functions.get_policy, FunctionName=name)[0] == "ResourceNotFoundException"
    gone = error_of(functions.remove_permission, FunctionName=name, StatementId="events")
    assert gone == ("ResourceNotFoundException", "Statement events is not found in resource policy.")
    code, _ = error_of(functions.add_permission, FunctionName=name, **{**request, "Principal": "nobody"})
    assert code == "InvalidParameterValueException"


def test_who_may_call_is_for_policies_to_say(server: Server, functions: Any, role: str) -> None:
    name = create(functions, role)
    mate, keys = user(server)
    theirs = server.client("lambda", keys)
    with refused("AccessDeniedException", "lambda:InvokeFunction"):
        theirs.invoke(FunctionName=name, InvocationType="DryRun")
    functions.add_permission(
        FunctionName=name,
        StatementId="mate",
        Action="lambda:InvokeFunction",
        Principal=f"arn:aws:iam::{ACCOUNT}:user/{mate}",
    )
    for each in (name, f"{name}:$LATEST"):
        assert theirs.invoke(FunctionName=each, InvocationType="DryRun")["StatusCode"] == 204
    with refused("AccessDeniedException", "lambda:DeleteFunction"):
        theirs.delete_function(FunctionName=name)


def test_a_payload_is_json_and_not_too_long(functions: Any, role: str) -> None:
    name = create(functions, role)
    code, words = error_of(functions.invoke, FunctionName=name, Payload=b"{")
    assert code == "InvalidRequestContentException"
    assert words.startswith("Could not parse request body into json")
    too_long = json.dumps("x" * 1_048_576).encode()
    code, words = error_of(functions.invoke, FunctionName=name, Payload=too_long, InvocationType="Event")
    assert code == "RequestTooLargeException"
    assert words == "Request must be smaller than 1048576 bytes for the InvokeFunction operation"
    code, _ = error_of(functions.invoke, FunctionName=name, Qualifier="7", InvocationType="DryRun")
    assert code == "ResourceNotFoundException"


@pytest.mark.parametrize(
    "context", ["no base64!", "bm8ganNvbg==", "WzFd", "e30=\r\nX-Lambda-Durable: a", "e30"]
)
def test_a_client_context_is_an_object_in_base64(
    server: Server, functions: Any, role: str, context: str
) -> None:
    name, given = create(functions, role), {"ClientContext": context, "InvocationType": "Event"}
    with pytest.raises(ApiError, match="Client context must be a valid Base64-encoded JSON object") as told:
        inside(server, "lambda:Invoke", {"FunctionName": name, **given})
    assert (told.value.code, told.value.status) == ("InvalidRequestContentException", 400)
    inside(server, "lambda:Invoke", {"FunctionName": name, **given, "ClientContext": "e30="})


def inside(server: Server, operation: str, request: dict[str, Any]) -> None:
    """Ask as a controller does: no head of HTTP has looked at the request."""
    mine = Principal(account=ACCOUNT, arn="arn:aws:iam::000000000000:user/a", user_id="a", grants="")
    means(server).call(mine, "us-east-1", operation, request, {})


def test_no_concurrency_is_no_call(functions: Any, role: str) -> None:
    name = create(functions, role)
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError) as told:
        functions.invoke(FunctionName=name)
    assert told.value.response["Error"]["Code"] == "TooManyRequestsException"
    answer: Any = told.value.response
    assert answer["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_another_account_calls_by_arn_where_the_policy_lets_it(
    server: Server, functions: Any, role: str
) -> None:
    name = create(functions, role)
    arn = functions.get_function_configuration(FunctionName=name)["FunctionArn"]
    number = made(server)
    theirs = server.client("lambda", administrator(server, number))
    with refused("AccessDeniedException"):
        theirs.invoke(FunctionName=arn, InvocationType="DryRun")
    functions.add_permission(
        FunctionName=name, StatementId="them", Action="lambda:InvokeFunction", Principal=number
    )
    assert theirs.invoke(FunctionName=arn, InvocationType="DryRun")["StatusCode"] == 204
    with refused("AccessDeniedException"):
        theirs.get_function(FunctionName=arn)


def test_a_refused_creation_leaves_no_code(server: Server, functions: Any, role: str) -> None:
    name = create(functions, role)
    before = len([*server.home.functions.iterdir()])
    with refused("ResourceConflictException"):
        create(functions, role, FunctionName=name)
    assert len([*server.home.functions.iterdir()]) == before
