"""Who may do what, asked over the wire: condition keys, other accounts' resources, words of refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conformance.iam.people import allow, deny, fresh, policy, user
from tests.conformance.organizations.people import administrator, made

if TYPE_CHECKING:
    from tests.conftest import Server

HOME = "000000000000"
ROLE = f"arn:aws:iam::{HOME}:role/SageMakerExecutionRole"
IMAGE = f"{HOME}.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
M5, P3 = "ml.m5.large", "ml.p3.2xlarge"


def person(server: Server, *statements: dict[str, Any]) -> Any:
    """Return a SageMaker client of a user with one inline policy."""
    _, keys = user(server, *statements)
    return server.client("sagemaker", keys)


def refusal(client: Any, operation: str, **request: Any) -> str:
    """Call what must be refused for want of a permission; answer the words."""
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**request)
    error = caught.value.response["Error"]
    assert error["Code"] in ("AccessDeniedException", "AccessDenied"), error
    return str(error["Message"])


def training(instance: str) -> dict[str, Any]:
    return {
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://b/o"},
        "ResourceConfig": {"InstanceType": instance, "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }


def processing(instance: str) -> dict[str, Any]:
    return {
        "ProcessingJobName": "j",
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": IMAGE},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": instance, "InstanceCount": 1, "VolumeSizeInGB": 1}
        },
    }


def variants(*instances: str) -> dict[str, Any]:
    absent = fresh("model")
    return {
        "EndpointConfigName": fresh("config"),
        "ProductionVariants": [
            {"VariantName": f"v{n}", "ModelName": absent, "InstanceType": one, "InitialInstanceCount": 1}
            for n, one in enumerate(instances)
        ],
    }


def tuning(*instances: str) -> dict[str, Any]:
    definitions = [
        {**training(instance), "DefinitionName": f"d{n}", "StaticHyperParameters": {}}
        for n, instance in enumerate(instances)
    ]
    limits = {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1}
    return {
        "HyperParameterTuningJobName": "t",
        "HyperParameterTuningJobConfig": {"Strategy": "Random", "ResourceLimits": limits},
        "TrainingJobDefinitions": definitions,
    }


@pytest.mark.parametrize("operator", ["ForAllValues:StringLike", "StringLike"])
def test_who_may_use_only_m5_starts_nothing_else(server: Server, operator: str) -> None:
    only = {operator: {"sagemaker:InstanceTypes": "ml.m5.*"}}
    client = person(server, allow("sagemaker:*", Condition=only), allow("iam:PassRole", ROLE))
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/i"}}
    transform = {
        "TransformJobName": "t",
        "ModelName": "m",
        "TransformInput": {"DataSource": source},
        "TransformOutput": {"S3OutputPath": "s3://b/o"},
        "TransformResources": {"InstanceType": P3, "InstanceCount": 1},
    }
    app = {"DomainId": "d-1", "UserProfileName": "u", "AppType": "JupyterLab", "AppName": "a"}
    for operation, request in (
        ("create_training_job", {"TrainingJobName": "j", **training(P3)}),
        ("create_processing_job", processing(P3)),
        ("create_hyper_parameter_tuning_job", tuning(M5, P3)),
        ("create_transform_job", transform),
        ("create_endpoint_config", variants(M5, P3)),
        ("create_notebook_instance", {"NotebookInstanceName": "n", "InstanceType": P3, "RoleArn": ROLE}),
        ("create_app", {**app, "ResourceSpec": {"InstanceType": P3}}),
    ):
        assert "no identity-based policy allows" in refusal(client, operation, **request), operation
    with pytest.raises(ClientError, match="Could not find model"):  # allowed, but there is no such model
        client.create_endpoint_config(**variants(M5, M5))


def test_a_deny_of_other_types_holds_for_every_variant(server: Server) -> None:
    other = {"StringNotLike": {"sagemaker:InstanceTypes": "ml.m5.*"}}
    client = person(server, allow("*"), deny("sagemaker:Create*", Condition=other))
    told = refusal(client, "create_endpoint_config", **variants(M5, P3))
    assert told.endswith("with an explicit deny in an identity-based policy")


def test_tags_at_creation_need_a_permission_that_may_name_the_creation(server: Server) -> None:
    request = {"ModelPackageGroupName": fresh("group"), "Tags": [{"Key": "a", "Value": "b"}]}
    create = allow("sagemaker:CreateModelPackageGroup")
    assert "sagemaker:AddTags" in refusal(person(server, create), "create_model_package_group", **request)
    naming = {"StringEquals": {"sagemaker:TaggingAction": "CreateModelPackageGroup"}}
    client = person(server, create, allow("sagemaker:AddTags", Condition=naming))
    arn = client.create_model_package_group(**request)["ModelPackageGroupArn"]
    assert "sagemaker:AddTags" in refusal(client, "add_tags", ResourceArn=arn, Tags=request["Tags"])


def shared_group(server: Server, *actions: str) -> tuple[str, str, Any]:
    """Share a group with a version from another account; answer both ARNs and a client there."""
    theirs = server.client("sagemaker", administrator(server, made(server)))
    name = fresh("group")
    group = theirs.create_model_package_group(ModelPackageGroupName=name)["ModelPackageGroupArn"]
    containers = [{"Image": IMAGE}]
    version = theirs.create_model_package(
        ModelPackageGroupName=name,
        InferenceSpecification={
            "Containers": containers,
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )["ModelPackageArn"]
    if actions:
        everything = [group, f"{group.replace(':model-package-group/', ':model-package/')}/*"]
        shared = allow(list(actions), everything, Principal={"AWS": f"arn:aws:iam::{HOME}:root"})
        theirs.put_model_package_group_policy(ModelPackageGroupName=name, ResourcePolicy=policy(shared))
    return group, version, theirs


def test_a_model_package_of_another_account_needs_both_sides(server: Server) -> None:
    may = (
        "sagemaker:DescribeModelPackage",
        "sagemaker:DescribeModelPackageGroup",
        "sagemaker:ListModelPackages",
    )
    group, version, _ = shared_group(server, *may)
    client = person(server, allow("sagemaker:*"))
    assert client.describe_model_package(ModelPackageName=version)["ModelPackageArn"] == version
    assert client.describe_model_package_group(ModelPackageGroupName=group)["ModelPackageGroupArn"] == group
    told = refusal(client, "delete_model_package", ModelPackageName=version)
    assert told.endswith(
        f"sagemaker:DeleteModelPackage on resource: {version} because no resource-based policy allows the "
        "sagemaker:DeleteModelPackage action"
    )
    poor = person(server, allow("sagemaker:List*"))
    assert "no identity-based policy" in refusal(poor, "describe_model_package", ModelPackageName=version)


def test_what_another_account_keeps_for_itself_is_refused_by_every_spelling(server: Server) -> None:
    group, version, theirs = shared_group(server)
    account = group.split(":")[4]
    client = server.client("sagemaker")
    tags = [{"Key": "a", "Value": "b"}]
    for operation, request in (
        ("describe_model_package", {"ModelPackageName": version}),
        ("describe_model_package_group", {"ModelPackageGroupName": group}),
        ("list_model_packages", {"ModelPackageGroupName": group}),
        ("batch_describe_model_package", {"ModelPackageArnList": [version]}),
        ("get_model_package_group_policy", {"ModelPackageGroupName": group}),
        ("delete_model_package", {"ModelPackageName": version}),
        ("add_tags", {"ResourceArn": group, "Tags": tags}),
        ("list_tags", {"ResourceArn": group}),
        ("query_lineage", {"StartArns": [version]}),
        (
            "create_model",
            {
                "ModelName": "m",
                "ExecutionRoleArn": ROLE,
                "PrimaryContainer": {"ModelPackageName": version},
            },
        ),
        (
            "create_model",
            {
                "ModelName": "m",
                "ExecutionRoleArn": f"arn:aws:iam::{account}:role/SageMakerExecutionRole",
                "PrimaryContainer": {"Image": IMAGE},
            },
        ),
    ):
        assert "no resource-based policy allows" in refusal(client, operation, **request), operation
    assert theirs.describe_model_package(ModelPackageName=version)["ModelPackageVersion"] == 1


def test_a_refusal_names_action_resource_and_layer(server: Server) -> None:
    iam = server.client("iam")
    narrow = iam.create_policy(PolicyName=fresh("b"), PolicyDocument=policy(allow("s3:*")))["Policy"]["Arn"]
    name, keys = user(server, allow("*"))
    iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary=narrow)
    bounded = server.client("sagemaker", keys)
    arn = f"arn:aws:sagemaker:us-east-1:{HOME}:model/m"
    assert refusal(bounded, "describe_model", ModelName="m").endswith(
        f"is not authorized to perform: sagemaker:DescribeModel on resource: {arn} because no permissions "
        "boundary allows the sagemaker:DescribeModel action"
    )
    session = server.client("sts").assume_role(
        RoleArn=ROLE, RoleSessionName="narrow", Policy=policy(allow("s3:*"))
    )["Credentials"]
    told = refusal(server.client("sagemaker", session), "describe_model", ModelName="m")
    assert told.startswith(f"User: arn:aws:sts::{HOME}:assumed-role/SageMakerExecutionRole/narrow ")
    assert told.endswith("because no session policy allows the sagemaker:DescribeModel action")


def test_conditions_may_ask_for_tags_and_stages_of_what_is_there(server: Server) -> None:
    mine = server.client("sagemaker")
    red, blue = fresh("red"), fresh("blue")
    for name, team in ((red, "red"), (blue, "blue")):
        tags = [{"Key": "Team", "Value": team}]
        mine.create_model_package_group(ModelPackageGroupName=name, Tags=tags)
    for key in ("aws:ResourceTag/team", "sagemaker:ResourceTag/Team"):
        own = {"StringEquals": {key: "red"}}
        client = person(server, allow("sagemaker:Describe*", Condition=own))
        client.describe_model_package_group(ModelPackageGroupName=red)
        refusal(client, "describe_model_package_group", ModelPackageGroupName=blue)


def test_a_prediction_is_refused_in_the_same_words(server: Server) -> None:
    _, keys = user(server, allow("*"), deny("sagemaker:InvokeEndpoint"))
    with pytest.raises(ClientError) as caught:
        server.client("sagemaker-runtime", keys).invoke_endpoint(EndpointName="e", Body=b"1")
    assert caught.value.response["Error"]["Message"].endswith(
        f"sagemaker:InvokeEndpoint on resource: arn:aws:sagemaker:us-east-1:{HOME}:endpoint/e "
        "with an explicit deny in an identity-based policy"
    )
