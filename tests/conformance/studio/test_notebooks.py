"""Notebook instances, lifecycle configurations and code repositories as boto3 sees them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import WaiterError
from tests.conformance.studio.people import ARN, ROLE, domain, refusal

if TYPE_CHECKING:
    from tests.conftest import Server

SCRIPT = base64.b64encode(b"#!/bin/sh").decode()


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


def notebook(sagemaker: Any, name: str, **members: Any) -> None:
    sagemaker.create_notebook_instance(
        NotebookInstanceName=name, InstanceType="ml.t3.medium", RoleArn=ROLE, **members
    )


def test_an_instance_is_kept_as_what_nothing_runs(sagemaker: Any) -> None:
    notebook(sagemaker, "Kept", SecurityGroupIds=["sg-1"])
    told = sagemaker.describe_notebook_instance(NotebookInstanceName="Kept")
    assert told["NotebookInstanceArn"] == f"{ARN}:notebook-instance/kept"
    assert (told["NotebookInstanceStatus"], told["SecurityGroups"]) == ("Failed", ["sg-1"])
    assert "docs/reference/operations.md" in told["FailureReason"]
    assert (told["VolumeSizeInGB"], told["RootAccess"]) == (5, "Enabled")
    assert not {"Url", "NetworkInterfaceId", "SecurityGroupIds"} & set(told)
    for waiter in ("notebook_instance_in_service", "notebook_instance_stopped"):
        with pytest.raises(WaiterError):
            sagemaker.get_waiter(waiter).wait(NotebookInstanceName="Kept")
    start = refusal(sagemaker.start_notebook_instance, NotebookInstanceName="Kept")
    assert start[0] == "ValidationException"
    assert start[1].startswith("Status (Failed) not in ([Stopped]). Unable to transition to (Pending)")
    assert refusal(sagemaker.stop_notebook_instance, NotebookInstanceName="Kept")[0] == "ValidationException"
    url = refusal(sagemaker.create_presigned_notebook_instance_url, NotebookInstanceName="Kept")
    assert url[0] == "ValidationException"
    taken = refusal(
        sagemaker.create_notebook_instance,
        NotebookInstanceName="Kept",
        InstanceType="ml.t3.medium",
        RoleArn=ROLE,
    )
    assert taken == (
        "ValidationException",
        f"Cannot create a duplicate Notebook Instance ({ARN}:notebook-instance/kept)",
    )
    sagemaker.delete_notebook_instance(NotebookInstanceName="Kept")
    sagemaker.get_waiter("notebook_instance_deleted").wait(NotebookInstanceName="Kept")
    gone = refusal(sagemaker.describe_notebook_instance, NotebookInstanceName="Kept")
    assert gone == ("ValidationException", "RecordNotFound")


def test_what_an_instance_names_must_be_there_and_can_be_taken_away(sagemaker: Any) -> None:
    sagemaker.create_notebook_instance_lifecycle_config(
        NotebookInstanceLifecycleConfigName="script", OnStart=[{"Content": SCRIPT}]
    )
    git = {"RepositoryUrl": "https://example.com/a.git", "Branch": "main"}
    sagemaker.create_code_repository(CodeRepositoryName="code", GitConfig=git)
    url = "https://example.com/b.git"
    notebook(
        sagemaker,
        "named",
        LifecycleConfigName="script",
        DefaultCodeRepository="code",
        AdditionalCodeRepositories=[url],
    )
    for wrong in ({"LifecycleConfigName": "none"}, {"DefaultCodeRepository": "none"}):
        request = {"NotebookInstanceName": "n", "InstanceType": "ml.t3.medium", "RoleArn": ROLE}
        assert refusal(sagemaker.create_notebook_instance, **request, **wrong)[0] == "ValidationException"

    def found(**filters: str) -> list[str]:
        listed = sagemaker.list_notebook_instances(**filters)["NotebookInstances"]
        return [each["NotebookInstanceName"] for each in listed]

    assert found(NotebookInstanceLifecycleConfigNameContains="CRIP") == ["named"]
    assert found(DefaultCodeRepositoryContains="od") == ["named"]
    assert found(AdditionalCodeRepositoryEquals=url) == ["named"]
    assert found(AdditionalCodeRepositoryEquals=url[:-1]) == []
    deletion = refusal(
        sagemaker.delete_notebook_instance_lifecycle_config, NotebookInstanceLifecycleConfigName="script"
    )
    assert deletion[0] == "ValidationException"
    sagemaker.update_notebook_instance(
        NotebookInstanceName="named",
        InstanceType="ml.t3.large",
        DisassociateLifecycleConfig=True,
        DisassociateAdditionalCodeRepositories=True,
    )
    told = sagemaker.describe_notebook_instance(NotebookInstanceName="named")
    assert (told["InstanceType"], told["DefaultCodeRepository"]) == ("ml.t3.large", "code")
    assert not {"NotebookInstanceLifecycleConfigName", "AdditionalCodeRepositories"} & set(told)
    sagemaker.delete_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName="script")
    gone = refusal(
        sagemaker.describe_notebook_instance_lifecycle_config, NotebookInstanceLifecycleConfigName="script"
    )
    assert gone[0] == "ValidationException"
    assert gone[1].startswith("Unable to describe Notebook Instance Lifecycle Config")


def test_a_code_repository_keeps_its_url_when_its_secret_changes(sagemaker: Any) -> None:
    url = "https://example.com/c.git"
    sagemaker.create_code_repository(CodeRepositoryName="secret", GitConfig={"RepositoryUrl": url})
    arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:s"
    sagemaker.update_code_repository(CodeRepositoryName="secret", GitConfig={"SecretArn": arn})
    told = sagemaker.describe_code_repository(CodeRepositoryName="secret")
    assert told["GitConfig"] == {"RepositoryUrl": url, "SecretArn": arn}
    assert told["LastModifiedTime"] > told["CreationTime"]
    sagemaker.delete_code_repository(CodeRepositoryName="secret")
    code, text = refusal(sagemaker.describe_code_repository, CodeRepositoryName="secret")
    assert (code, text) == (
        "ValidationException",
        f'Cannot find CodeRepository: "{ARN}:code-repository/secret"',
    )


def test_a_studio_script_in_use_stays(sagemaker: Any) -> None:
    create = sagemaker.create_studio_lifecycle_config
    request = {"StudioLifecycleConfigName": "hello", "StudioLifecycleConfigAppType": "JupyterLab"}
    assert refusal(create, **request, StudioLifecycleConfigContent="no base64!")[0] == "ValidationException"
    arn = create(**request, StudioLifecycleConfigContent=SCRIPT)["StudioLifecycleConfigArn"]
    home = domain(sagemaker, "scripted")
    sagemaker.update_domain(
        DomainId=home, DefaultUserSettings={"JupyterLabAppSettings": {"LifecycleConfigArns": [arn]}}
    )
    delete = sagemaker.delete_studio_lifecycle_config
    assert refusal(delete, StudioLifecycleConfigName="hello")[0] == "ResourceInUse"
    sagemaker.delete_domain(DomainId=home)
    delete(StudioLifecycleConfigName="hello")
    assert refusal(delete, StudioLifecycleConfigName="hello")[0] == "ResourceNotFound"


def test_an_app_image_config_is_replaced_part_by_part(sagemaker: Any) -> None:
    request = {
        "AppImageConfigName": "kernels",
        "KernelGatewayImageConfig": {"KernelSpecs": [{"Name": "python3"}]},
    }
    sagemaker.create_app_image_config(**request)
    taken = refusal(sagemaker.create_app_image_config, **request)
    assert taken == ("ResourceInUse", "The ID or Name specified is already in use.")
    sagemaker.update_app_image_config(
        AppImageConfigName="kernels",
        JupyterLabAppImageConfig={"ContainerConfig": {"ContainerArguments": ["a"]}},
    )
    told = sagemaker.describe_app_image_config(AppImageConfigName="kernels")
    assert told["KernelGatewayImageConfig"] == request["KernelGatewayImageConfig"]
    assert told["JupyterLabAppImageConfig"] == {"ContainerConfig": {"ContainerArguments": ["a"]}}
