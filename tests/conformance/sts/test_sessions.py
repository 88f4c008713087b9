"""Temporary credentials: who gets them, what they may do, when they end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.iam.people import ACCOUNT, allow, policy, refused, role, trust, user

if TYPE_CHECKING:
    from tests.conftest import Server

ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


def _assume(server: Server, arn: str, keys: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
    answer: dict[str, Any] = server.client("sts", keys).assume_role(
        RoleArn=arn, RoleSessionName=options.pop("name", "one"), **options
    )
    return answer


def test_a_session_is_named_after_role_and_session_and_may_do_what_the_role_may(server: Server) -> None:
    arn = role(server, ROOT, allow("s3:ListAllMyBuckets"))
    answer = _assume(server, arn, name="visit")
    name = arn.rsplit("/", 1)[-1]
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/visit"
    keys = answer["Credentials"]
    who = server.client("sts", keys).get_caller_identity()
    assert who["Arn"] == answer["AssumedRoleUser"]["Arn"]
    assert who["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]
    server.client("s3", keys).list_buckets()
    with refused(
        "AccessDenied",
        f"User: {who['Arn']} is not authorized to perform: s3:CreateBucket on resource: "
        '"arn:aws:s3:::nope-nope" because no identity-based policy allows the s3:CreateBucket action',
    ):
        server.client("s3", keys).create_bucket(Bucket="nope-nope")
    with refused(
        "AccessDeniedException",
        f"User: {who['Arn']} is not authorized to perform: sagemaker:CreateModel on resource: "
        f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:model/m because no identity-based policy allows the "
        "sagemaker:CreateModel action",
    ):
        server.client("sagemaker", keys).create_model(ModelName="m", ExecutionRoleArn=arn)


def test_a_role_nobody_trusted_you_with_and_one_that_is_not_there_look_the_same(server: Server) -> None:
    closed = role(server, {"Service": "sagemaker.amazonaws.com"})
    for arn in (closed, f"arn:aws:iam::{ACCOUNT}:role/not-there", "arn:aws:iam::111111111111:role/other"):
        words = f"is not authorized to perform: sts:AssumeRole on resource: {arn}"
        with refused("AccessDenied", words):
            _assume(server, arn)


def test_a_trusted_account_still_needs_the_user_s_own_permission(server: Server) -> None:
    arn = role(server, ROOT)
    _, stranger = user(server)
    _, friend = user(server, allow("sts:AssumeRole", arn))
    with refused("AccessDenied", "sts:AssumeRole"):
        _assume(server, arn, stranger)
    assert _assume(server, arn, friend)["Credentials"]


def test_a_user_the_trust_policy_names_needs_nothing_else(server: Server) -> None:
    name, keys = user(server)
    arn = role(server, {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{name}"})
    assert _assume(server, arn, keys)["Credentials"]


def test_the_external_id_is_asked_for(server: Server) -> None:
    arn = role(server, ROOT)
    condition = {"StringEquals": {"sts:ExternalId": "secret-word"}}
    server.client("iam").update_assume_role_policy(
        RoleName=arn.rsplit("/", 1)[-1], PolicyDocument=trust(ROOT, Condition=condition)
    )
    with refused("AccessDenied"):
        _assume(server, arn)
    with refused("AccessDenied"):
        _assume(server, arn, ExternalId="other-word")
    assert _assume(server, arn, ExternalId="secret-word")["Credentials"]


def test_session_policies_narrow_and_never_widen(server: Server) -> None:
    arn = role(server, ROOT, allow(["s3:ListAllMyBuckets", "iam:GetRole"]))
    narrow = _assume(server, arn, Policy=policy(allow(["s3:*", "sagemaker:*"])))
    assert narrow["PackedPolicySize"] > 0
    keys = narrow["Credentials"]
    server.client("s3", keys).list_buckets()
    with refused("AccessDenied", "because no session policy allows the iam:GetRole action"):
        server.client("iam", keys).get_role(RoleName=arn.rsplit("/", 1)[-1])
    with refused("AccessDeniedException", "no identity-based policy"):
        server.client("sagemaker", keys).list_models()
    by_arn = _assume(server, arn, PolicyArns=[{"arn": "arn:aws:iam::aws:policy/IAMReadOnlyAccess"}])
    server.client("iam", by_arn["Credentials"]).get_role(RoleName=arn.rsplit("/", 1)[-1])
    with refused("AccessDenied", "session policy"):
        server.client("s3", by_arn["Credentials"]).list_buckets()
    with refused("MalformedPolicyDocument"):
        _assume(server, arn, Policy="{}")
    with refused("PackedPolicyTooLarge"):
        _assume(server, arn, Policy=policy(allow("s3:*", [f"arn:aws:s3:::{n:060d}" for n in range(40)])))


def test_a_session_lasts_as_long_as_the_role_allows(server: Server) -> None:
    arn = role(server, ROOT, allow("sts:AssumeRole"), MaxSessionDuration=7200)
    assert _assume(server, arn, DurationSeconds=7200)["Credentials"]
    with refused("ValidationError", "exceeds the MaxSessionDuration"):
        _assume(server, arn, DurationSeconds=7201)
    first = _assume(server, arn)["Credentials"]
    with refused("ValidationError", "role chaining"):
        _assume(server, arn, first, DurationSeconds=7200)


def test_tags_need_their_own_permission_and_reach_conditions(server: Server) -> None:
    tagged = {"StringEquals": {"aws:PrincipalTag/Team": "ml"}}
    arn = role(server, ROOT, allow("s3:ListAllMyBuckets", Condition=tagged))
    name = arn.rsplit("/", 1)[-1]
    tags = [{"Key": "Team", "Value": "ml"}]
    with refused("AccessDenied", "sts:TagSession"):
        _assume(server, arn, Tags=tags)
    server.client("iam").update_assume_role_policy(
        RoleName=name,
        PolicyDocument=trust(ROOT, ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]),
    )
    with refused("AccessDenied"):
        server.client("s3", _assume(server, arn)["Credentials"]).list_buckets()
    answer = _assume(server, arn, Tags=tags, SourceIdentity="bob")
    assert answer["SourceIdentity"] == "bob"
    server.client("s3", answer["Credentials"]).list_buckets()


def test_a_session_ends_at_once_with_its_role(server: Server) -> None:
    arn = role(server, ROOT)
    keys = _assume(server, arn)["Credentials"]
    server.client("sts", keys).get_caller_identity()
    server.client("iam").delete_role(RoleName=arn.rsplit("/", 1)[-1])
    with refused("InvalidClientTokenId"):
        server.client("sts", keys).get_caller_identity()


def test_a_session_token_is_the_user_for_a_while(server: Server) -> None:
    name, keys = user(server, allow("*"))
    session = server.client("sts", keys).get_session_token()["Credentials"]
    assert server.client("sts", session).get_caller_identity()["Arn"].endswith(f":user/{name}")
    server.client("s3", session).list_buckets()
    with refused("AccessDenied", "Cannot call GetSessionToken with session credentials"):
        server.client("sts", session).get_session_token()
    with refused("InvalidClientTokenId"):
        server.client("iam", session).list_users()


def test_an_access_key_tells_its_account(server: Server) -> None:
    sts = server.client("sts")
    assert sts.get_access_key_info(AccessKeyId=server.keys["AccessKeyId"])["Account"] == ACCOUNT
    with refused("ValidationError"):
        sts.get_access_key_info(AccessKeyId="NOTANACCESSKEYID")


def test_transitive_tags_go_along_and_cannot_be_changed(server: Server) -> None:
    tagged = {"StringEquals": {"aws:PrincipalTag/Team": "ml"}}
    both = ["sts:AssumeRole", "sts:TagSession"]
    second = role(server, ROOT, allow("s3:ListAllMyBuckets", Condition=tagged))
    first = role(server, ROOT, allow(both, second))
    for arn in (first, second):
        server.client("iam").update_assume_role_policy(
            RoleName=arn.rsplit("/", 1)[-1], PolicyDocument=trust(ROOT, both)
        )
    tags = [{"Key": "Team", "Value": "ml"}, {"Key": "Desk", "Value": "4"}]
    kept = _assume(server, first, Tags=tags, TransitiveTagKeys=["Team"])["Credentials"]
    server.client("s3", _assume(server, second, kept)["Credentials"]).list_buckets()
    lost = _assume(server, first, Tags=tags)["Credentials"]
    with refused("AccessDenied"):
        server.client("s3", _assume(server, second, lost)["Credentials"]).list_buckets()
    with refused("InvalidParameterValue", "team"):
        _assume(server, second, kept, Tags=[{"Key": "team", "Value": "other"}])
    with refused("InvalidParameterValue", "Desk"):
        _assume(server, first, TransitiveTagKeys=["Desk"])


def test_a_federated_user_may_what_both_policies_allow_and_nothing_of_iam(server: Server) -> None:
    name, keys = user(server, allow(["s3:*", "sts:GetFederationToken", "iam:*"]))
    sts = server.client("sts", keys)
    answer = sts.get_federation_token(
        Name="bob", Policy=policy(allow(["s3:ListAllMyBuckets", "logs:*", "iam:*"]))
    )
    assert answer["FederatedUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:federated-user/bob"
    assert answer["PackedPolicySize"] > 0
    session = answer["Credentials"]
    who = server.client("sts", session).get_caller_identity()
    assert (who["Arn"], who["UserId"]) == (answer["FederatedUser"]["Arn"], f"{ACCOUNT}:bob")
    server.client("s3", session).list_buckets()
    with refused("AccessDenied", "session policy"):
        server.client("s3", session).create_bucket(Bucket="not-to-be-made")
    with refused("AccessDeniedException", "identity-based policy"):
        server.client("logs", session).describe_log_groups()
    with refused("InvalidClientTokenId"):
        server.client("iam", session).list_users()
    with refused("AccessDenied"):
        server.client("sts", session).get_federation_token(Name="eve")
    bare = sts.get_federation_token(Name="bob")["Credentials"]
    with refused("AccessDenied"):
        server.client("s3", bare).list_buckets()
    server.client("iam").delete_user_policy(UserName=name, PolicyName="own")
    with refused("AccessDenied"):
        server.client("s3", session).list_buckets()
    with refused("AccessDenied", "sts:GetFederationToken"):
        sts.get_federation_token(Name="bob")


def test_a_user_s_tags_reach_conditions(server: Server) -> None:
    tagged = {"StringEquals": {"aws:PrincipalTag/Team": "ml"}}
    name, keys = user(server, allow("s3:ListAllMyBuckets", Condition=tagged))
    with refused("AccessDenied"):
        server.client("s3", keys).list_buckets()
    server.client("iam").tag_user(UserName=name, Tags=[{"Key": "Team", "Value": "ml"}])
    server.client("s3", keys).list_buckets()


def test_devices_and_encoded_messages_are_refused_by_what_they_are(server: Server) -> None:
    arn = role(server, ROOT)
    with refused("AccessDenied", "no MFA devices"):
        _assume(server, arn, SerialNumber=f"arn:aws:iam::{ACCOUNT}:mfa/bob", TokenCode="123456")
    with refused("InvalidAuthorizationMessageException", "encodes no authorization messages"):
        server.client("sts").decode_authorization_message(EncodedMessage="abc")


@pytest.mark.parametrize("seconds", [899, 43201])
def test_a_session_s_length_has_bounds(server: Server, seconds: int) -> None:
    arn = role(server, ROOT, MaxSessionDuration=43200)
    sts = server.client("sts", config={"parameter_validation": False})
    with refused("ValidationError", "durationSeconds"):
        sts.assume_role(RoleArn=arn, RoleSessionName="one", DurationSeconds=seconds)


def test_what_is_not_built_says_so(server: Server) -> None:
    with refused("InvalidAction", "AssumeRoot"):
        server.client("sts").assume_root(
            TargetPrincipal=ACCOUNT, TaskPolicyArn={"arn": "arn:aws:iam::aws:policy/root-task/X"}
        )


def test_tokens_of_other_providers_are_refused_by_name(server: Server) -> None:
    sts, arn = server.client("sts"), f"arn:aws:iam::{ACCOUNT}:role/SageMakerExecutionRole"
    with refused("InvalidAction", "AssumeRoleWithWebIdentity"):
        sts.assume_role_with_web_identity(RoleArn=arn, RoleSessionName="one", WebIdentityToken="header.body")
    with refused("InvalidAction", "AssumeRoleWithSAML"):
        provider = f"arn:aws:iam::{ACCOUNT}:saml-provider/other"
        sts.assume_role_with_saml(RoleArn=arn, PrincipalArn=provider, SAMLAssertion="PHg+PC94Pg==")
