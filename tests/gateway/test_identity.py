"""Who may come in: sessions, keys just deleted, jobs' credentials; and what the audit log keeps of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError

from clary.gateway.audit import broken_lines

if TYPE_CHECKING:
    from tests.conftest import Server

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"


def test_sts_is_reached_at_its_own_address(server: Server) -> None:
    sts = server.client(
        "sts",
        endpoint_url="https://sts.eu-west-1.amazonaws.com",
        region_name="eu-west-1",
        verify=str(server.home.keys / "ca.pem"),
        config={"proxies": {"https": f"http://127.0.0.1:{server.proxy_port}"}},
    )
    assert sts.get_caller_identity()["Account"] == "000000000000"


def test_a_session_works_until_its_token_is_altered(server: Server) -> None:
    session = server.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="tester")["Credentials"]
    who = server.client("sts", session).get_caller_identity()
    assert who["Arn"] == "arn:aws:sts::000000000000:assumed-role/SageMakerExecutionRole/tester"
    altered = {**session, "SessionToken": session["SessionToken"][:-4] + "AAAA"}
    with pytest.raises(ClientError) as refused:
        server.client("sts", altered).get_caller_identity()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_key_deleted_a_moment_ago_is_refused(server: Server) -> None:
    iam = server.client("iam")
    iam.create_user(UserName="leaver")
    key = iam.create_access_key(UserName="leaver")["AccessKey"]
    theirs = server.client("sts", key)
    assert theirs.get_caller_identity()["Arn"].endswith(":user/leaver")
    iam.delete_access_key(UserName="leaver", AccessKeyId=key["AccessKeyId"])
    with pytest.raises(ClientError) as refused:
        theirs.get_caller_identity()
    assert refused.value.response["Error"]["Code"] == "InvalidClientTokenId"


def test_a_user_without_policies_may_not_list(server: Server) -> None:
    iam = server.client("iam")
    iam.create_user(UserName="stranger")
    key = iam.create_access_key(UserName="stranger")["AccessKey"]
    with pytest.raises(ClientError, match="not authorized to perform: sagemaker:ListModels") as refused:
        server.client("sagemaker", key).list_models()
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"


def fetch(server: Server, run: str, role: str, token: str) -> dict[str, Any]:
    address = f"{server.url}/_clary/credentials/{run}?role={quote(role, safe='')}"
    request = Request(address, headers={"Authorization": token})  # noqa: S310 - our own server
    with urlopen(request, timeout=90) as answer:  # noqa: S310
        told: dict[str, Any] = json.loads(answer.read())
        return told


def test_a_running_job_gets_its_role_s_credentials_and_nobody_else_s(server: Server) -> None:
    run = "0" * 32 + "-1"
    directory = server.home.jobs / run
    directory.mkdir()
    (directory / "spec.json").write_text("{}")
    token = server.stores.credentials.run_token(run, ROLE)
    told = fetch(server, run, ROLE, token)
    keys = {**told, "SessionToken": told["Token"]}
    who = server.client("sts", keys).get_caller_identity()
    assert who["Arn"] == "arn:aws:sts::000000000000:assumed-role/SageMakerExecutionRole/SageMaker"
    for wrong in ((run, ROLE, "0" * 64), (run, ROLE + "2", token), ("1" * 32, ROLE, token)):
        with pytest.raises(HTTPError, match="403"):
            fetch(server, *wrong)
    (directory / "exit.json").write_text("{}")
    with pytest.raises(HTTPError, match="404"):
        fetch(server, run, ROLE, token)


def test_every_call_leaves_a_line_and_a_changed_line_shows(server: Server) -> None:
    request = server.client("sagemaker").list_models()["ResponseMetadata"]["RequestId"]
    (line,) = server.audited(request)
    assert (line["service"], line["operation"], line["status"]) == ("sagemaker", "ListModels", 200)
    assert line["accessKey"] == server.keys["AccessKeyId"]
    lines = server.audit()
    assert server.keys["SecretAccessKey"] not in "".join(lines)
    assert list(broken_lines(lines)) == []
    changed = [*lines[:2], lines[2].replace('"status":', '"status":1'), *lines[3:]]
    assert list(broken_lines(changed)) == [3]
    assert list(broken_lines([lines[0], *lines[2:]]))[:1] == [2]
