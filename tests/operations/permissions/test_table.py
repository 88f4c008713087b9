"""The tables of documented permissions: how they are written, and what can be read from them."""

from __future__ import annotations

import json

from clary.operations.permissions.generate import text
from clary.operations.permissions.on_resource import bearers
from clary.operations.permissions.plan import declarations
from clary.operations.permissions.table import ResourceType, actions_of, prefix_of, table

GROUP = ResourceType("group", "arn:${Partition}:sagemaker:${Region}:${Account}:group/${GroupName}")
VERSION = ResourceType("version", f"{GROUP.arn}/version/${{Number}}")


def test_an_action_is_one_line_of_types_and_keys() -> None:
    on = [
        {"name": "group", "required": True, "conditionKeys": ["sagemaker:Stage"]},
        {"name": "any", "required": False, "conditionKeys": []},
    ]
    actions = {
        "x": {
            "name": "Do",
            "description": "a sentence",
            "resourceTypes": on,
            "conditionKeys": ["aws:TagKeys"],
        }
    }
    keys = {name: {"key": name, "type": "String"} for name in ("sagemaker:Stage", "www.example.com:sub")}
    written = text("somewhere", actions, {"group": {"key": "group", "arn": GROUP.arn}}, keys)
    assert json.loads(written) == {
        "source": "somewhere",
        "actions": {"Do": ["any group!", "aws:TagKeys sagemaker:Stage"]},
        "types": {"group": GROUP.arn},
        "keys": {"sagemaker:Stage": "String"},
    }


def test_a_type_fits_the_arns_it_may_have() -> None:
    arn = "arn:aws:sagemaker:us-east-1:000000000000:group/a"
    assert GROUP.fits(arn) and not VERSION.fits(arn)
    assert GROUP.fits(f"{arn}/version/1") and VERSION.fits(f"{arn}/version/1")
    assert VERSION.literal > GROUP.literal  # so that a version is taken for a version
    assert not GROUP.fits("arn:aws:sagemaker:us-east-1:000000000000:groups/a")
    assert not GROUP.fits("arn:aws:s3:us-east-1:000000000000:group/a")
    assert GROUP.covers("group/{}") and GROUP.covers("group/fixed/{}") and not GROUP.covers("other/{}")


def test_an_unknown_service_has_an_empty_table() -> None:
    assert not table("nothing").actions


def test_prefixes_and_actions_go_by_the_names_iam_has_for_them() -> None:
    assert prefix_of("sagemaker-featurestore-runtime") == "sagemaker"
    assert prefix_of("cloudwatch") == "cloudwatch"
    assert prefix_of("resourcegroupstaggingapi") == "tag"
    assert actions_of("s3", "ListObjectsV2") == ("ListBucket",)
    assert actions_of("sagemaker", "CreateModel") == ("CreateModel",)
    for operation in ("HeadObject", "UploadPart", "DeletePublicAccessBlock"):
        assert actions_of("s3", operation)[0] in table("s3").actions


def test_declared_kinds_go_by_the_prefix_that_their_service_signs_with() -> None:
    for (prefix, _), kind in declarations().items():
        assert prefix == prefix_of(kind.service), kind.kind


def test_what_can_have_a_policy_is_told_by_its_operations() -> None:
    assert {kind.kind for kind in bearers().values()} >= {"Endpoint", "ModelPackageGroup", "Repository"}
