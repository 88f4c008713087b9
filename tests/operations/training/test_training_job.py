"""What CreateTrainingJob refuses, and how; what Stop and Delete do."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import Server

from clary.core.document import Document
from clary.resources.training.training_job import TRAINING_JOB

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
BUCKET = "sagemaker-us-east-1-000000000000"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


def request(name: str = "checked", **members: object) -> Document:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/training-checks/"}
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **members,
    }


def changed(path: str, value: object) -> Document:
    """Return the request with one member set to something else, or left out for None."""
    asked: Any = copy.deepcopy(request())
    *way, last = path.split(".")
    place = asked
    for part in way:
        place = place[int(part)] if part.isdigit() else place.setdefault(part, {})
    if value is None:
        del place[last]
    else:
        place[last] = value
    return dict(asked)


@pytest.fixture
def sagemaker(server: Server) -> Any:
    server.client("s3").put_object(Bucket=BUCKET, Key="training-checks/a.csv", Body=b"1,2")
    return server.client("sagemaker")


FILES = {
    "FileSystemId": "fs-0123456789",
    "FileSystemAccessMode": "ro",
    "FileSystemType": "EFS",
    "DirectoryPath": "/x",
}
CHANNEL = "InputDataConfig.0"
SOURCE = f"{CHANNEL}.DataSource.S3DataSource"
GPUS = {"InstanceGroupName": "gpus", "InstanceType": "ml.p3.2xlarge", "InstanceCount": 1}


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("AlgorithmSpecification.AlgorithmName", "mine", "exactly one of TrainingImage and AlgorithmName"),
        ("AlgorithmSpecification.TrainingImage", "nobody/knows:1", "There is no image for 'nobody/knows:1'"),
        ("AlgorithmSpecification.MetricDefinitions", [{"Name": "m", "Regex": "("}], "'(' of the metric 'm'"),
        ("ResourceConfig.InstanceCount", 65, "at most 64 for one job"),
        ("ResourceConfig.InstanceGroups", [GPUS], "give InstanceType in each instance group only"),
        (
            "ResourceConfig",
            {"InstanceGroups": [GPUS, GPUS], "VolumeSizeInGB": 1},
            "more than one group called",
        ),
        (f"{SOURCE}.InstanceGroupNames", ["gpus"], "it has no InstanceGroups"),
        ("ResourceConfig.InstanceCount", 0, "InstanceCount is 0"),
        ("ResourceConfig.VolumeKmsKeyId", "key", "VolumeKmsKeyId is not supported by Clary yet"),
        ("ResourceConfig", None, "ResourceConfig is missing"),
        ("OutputDataConfig.KmsKeyId", "key", "OutputDataConfig.KmsKeyId is not supported by Clary yet"),
        ("OutputDataConfig.S3OutputPath", "s3://no-such-bucket/x", "'no-such-bucket'"),
        ("OutputDataConfig.S3OutputPath", "https://host/x", "must have the form s3://bucket/prefix"),
        (
            "RoleArn",
            "arn:aws:iam::000000000000:role/nobody",
            "Could not assume role arn:aws:iam::000000000000",
        ),
        ("StoppingCondition.MaxWaitTimeInSeconds", 60, "requires EnableManagedSpotTraining"),
        ("EnableManagedSpotTraining", True, "Invalid MaxWaitTimeInSeconds"),
        ("StoppingCondition.MaxRuntimeInSeconds", 28 * 86_400 + 1, "at most 2419200"),
        ("CheckpointConfig", {"S3Uri": "s3://no-such-bucket/c"}, "'no-such-bucket'"),
        ("CheckpointConfig", {"S3Uri": f"s3://{BUCKET}/c", "LocalPath": "/root"}, "below /opt/ml"),
        (
            "CheckpointConfig",
            {"S3Uri": f"s3://{BUCKET}/c", "LocalPath": "/opt/ml/input"},
            "except /opt/ml/input",
        ),
        (f"{SOURCE}.S3Uri", f"s3://{BUCKET}/nothing-here", "No S3 objects found under S3 URL"),
        (f"{SOURCE}.S3Uri", "s3://no-such-bucket/x", "The specified bucket does not exist"),
        (f"{SOURCE}.S3DataType", "Converse", "use S3Prefix, ManifestFile"),
        (f"{SOURCE}.S3DataType", "AugmentedManifestFile", "Set InputMode to Pipe"),
        (f"{SOURCE}.AttributeNames", ["source-ref"], "for the S3DataType AugmentedManifestFile"),
        (f"{CHANNEL}.DataSource", {"FileSystemDataSource": FILES}, "needs a VpcConfig"),
        (f"{CHANNEL}.DataSource", {}, "no S3DataSource"),
        (f"{CHANNEL}.CompressionType", "Gzip", "for Pipe input mode"),
        (f"{CHANNEL}.RecordWrapperType", "RecordIO", "for Pipe input mode"),
    ],
)
def test_what_is_not_honoured_is_refused_and_says_what_would_be_right(
    sagemaker: Any, path: str, value: object, says: str
) -> None:
    with pytest.raises(ClientError) as refused:
        sagemaker.create_training_job(**changed(path, value))
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert says in refused.value.response["Error"]["Message"]


def test_what_sdk_2_always_sends_is_accepted_and_answered(sagemaker: Any) -> None:
    hook = {"S3OutputPath": f"s3://{BUCKET}/", "CollectionConfigurations": []}
    sagemaker.create_training_job(
        **request("sdk2", DebugHookConfig=hook, ProfilerConfig={"S3OutputPath": f"s3://{BUCKET}/"})
    )
    job = sagemaker.describe_training_job(TrainingJobName="sdk2")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("InProgress", "Starting")
    assert job["OutputDataConfig"]["KmsKeyId"] == ""


def test_two_channels_of_one_name_are_refused(sagemaker: Any) -> None:
    asked = request()
    asked["InputDataConfig"] *= 2
    with pytest.raises(ClientError, match="more than one channel called 'train'"):
        sagemaker.create_training_job(**asked)


def test_stopping_is_a_wish_and_may_be_repeated(sagemaker: Any) -> None:
    sagemaker.create_training_job(**request("stopped"))
    for _ in range(2):
        sagemaker.stop_training_job(TrainingJobName="stopped")
        assert sagemaker.describe_training_job(TrainingJobName="stopped")["TrainingJobStatus"] == "Stopping"


def test_only_a_job_that_has_ended_can_be_deleted(server: Server, sagemaker: Any) -> None:
    sagemaker.create_training_job(**request("deleted"))
    with pytest.raises(ClientError) as refused:
        sagemaker.delete_training_job(TrainingJobName="deleted")
    assert refused.value.response["Error"]["Code"] == "ResourceInUse"
    records = server.stores.records.scoped("000000000000", "us-east-1")
    record = records.find(TRAINING_JOB, "deleted")
    assert record is not None
    records.update(record, {"TrainingJobStatus": "Completed"})
    sagemaker.delete_training_job(TrainingJobName="deleted")
    sagemaker.create_training_job(**request("deleted"))


def pool(server: Server, sagemaker: Any, name: str, status: str) -> Any:
    """Create a job that ended and has a pool."""
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
    sagemaker.create_training_job(
        **request(name, ResourceConfig={**resources, "KeepAlivePeriodInSeconds": 600})
    )
    records = server.stores.records.scoped("000000000000", "us-east-1")
    record = records.find(TRAINING_JOB, name)
    assert record is not None
    return records.update(record, {"TrainingJobStatus": "Completed", "WarmPoolStatus": {"Status": status}})


def test_how_long_a_pool_is_retained_can_be_changed_while_there_is_one(
    server: Server, sagemaker: Any
) -> None:
    pool(server, sagemaker, "pool-kept", "Available")
    changed = {"TrainingJobName": "pool-kept", "ResourceConfig": {"KeepAlivePeriodInSeconds": 60}}
    assert sagemaker.update_training_job(**changed)["TrainingJobArn"].endswith("/pool-kept")
    told = sagemaker.describe_training_job(TrainingJobName="pool-kept")
    assert told["ResourceConfig"]["KeepAlivePeriodInSeconds"] == 60
    assert told["ResourceConfig"]["InstanceType"] == "ml.m5.large"
    listed = sagemaker.list_training_jobs(WarmPoolStatusEquals="Available", NameContains="pool-kept")
    assert [job["TrainingJobName"] for job in listed["TrainingJobSummaries"]] == ["pool-kept"]
    assert listed["TrainingJobSummaries"][0]["WarmPoolStatus"] == {"Status": "Available"}
    none = sagemaker.list_training_jobs(WarmPoolStatusEquals="Terminated", NameContains="pool-kept")
    assert none["TrainingJobSummaries"] == []


def test_a_pool_that_is_over_cannot_be_changed_and_an_available_one_keeps_its_job(
    server: Server, sagemaker: Any
) -> None:
    pool(server, sagemaker, "pool-over", "Terminated")
    with pytest.raises(ClientError, match="its status is Terminated, and it must be InUse or Available"):
        sagemaker.update_training_job(
            TrainingJobName="pool-over", ResourceConfig={"KeepAlivePeriodInSeconds": 0}
        )
    pool(server, sagemaker, "pool-left", "Available")
    with pytest.raises(ClientError, match="retains an available warm pool") as refused:
        sagemaker.delete_training_job(TrainingJobName="pool-left")
    assert refused.value.response["Error"]["Code"] == "ResourceInUse"


def test_the_profilers_settings_are_kept_of_a_running_job_only(sagemaker: Any) -> None:
    sagemaker.create_training_job(**request("profiled", ProfilerConfig={"S3OutputPath": f"s3://{BUCKET}/p"}))
    sagemaker.update_training_job(TrainingJobName="profiled", ProfilerConfig={"DisableProfiler": True})
    told = sagemaker.describe_training_job(TrainingJobName="profiled")
    assert told["ProfilerConfig"] == {"S3OutputPath": f"s3://{BUCKET}/p", "DisableProfiler": True}
    sagemaker.stop_training_job(TrainingJobName="profiled")
    with pytest.raises(ClientError, match="only one that is InProgress has a profiler"):
        sagemaker.update_training_job(TrainingJobName="profiled", ProfilerConfig={"DisableProfiler": False})


def test_checkpoints_and_tensorboard_files_need_directories_of_their_own(sagemaker: Any) -> None:
    same = {"LocalPath": "/opt/ml/kept"}
    asked = request("both", CheckpointConfig={"S3Uri": f"s3://{BUCKET}/c", **same})
    asked["TensorBoardOutputConfig"] = {"S3OutputPath": f"s3://{BUCKET}/t", **same}
    with pytest.raises(ClientError, match="are both '/opt/ml/kept'; name two"):
        sagemaker.create_training_job(**asked)


def test_spot_capacity_is_not_retained(sagemaker: Any) -> None:
    asked = request("spot-pool", EnableManagedSpotTraining=True)
    asked["StoppingCondition"] = {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60}
    asked["ResourceConfig"] = {**asked["ResourceConfig"], "KeepAlivePeriodInSeconds": 60}
    with pytest.raises(ClientError, match="spot capacity is not retained"):
        sagemaker.create_training_job(**asked)


def test_a_file_system_is_open_to_jobs_once_it_is_declared(
    sagemaker: Any, server: Server, tmp_path: Path
) -> None:
    vpc = {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}

    def create(name: str, **members: str) -> None:
        asked = changed(f"{CHANNEL}.DataSource", {"FileSystemDataSource": {**FILES, **members}})
        sagemaker.create_training_job(**{**asked, "VpcConfig": vpc, "TrainingJobName": name})

    def refused(**members: str) -> str:
        with pytest.raises(ClientError) as error:
            create("refused", **members)
        return str(error.value.response["Error"]["Message"])

    assert "not declared here. The server's administrator opens a directory of this machine" in refused()
    (tmp_path / "x").mkdir()
    (server.home.root / "file-systems.toml").write_text(f'[fs-0123456789]\ndirectory = "{tmp_path}"\n')
    assert "is of the type EFS" in refused(FileSystemType="FSxLustre")
    assert "open for reading only" in refused(FileSystemAccessMode="rw")
    assert "must be a full path without '..'" in refused(DirectoryPath="/x/../..")
    assert "which the file system fs-0123456789 does not have" in refused(DirectoryPath="/y")
    assert "which the file system fs-0123456789 does not have" in refused(DirectoryPath="/" + "y" * 300)
    create("mounted")
    described = sagemaker.describe_training_job(TrainingJobName="mounted")
    assert described["InputDataConfig"][0]["DataSource"] == {"FileSystemDataSource": FILES}


def test_remote_debugging_is_set_and_updated_while_a_job_trains(sagemaker: Any, server: Server) -> None:
    sagemaker.create_training_job(**request("open", RemoteDebugConfig={"EnableRemoteDebug": True}))
    assert sagemaker.describe_training_job(TrainingJobName="open")["RemoteDebugConfig"] == {
        "EnableRemoteDebug": True
    }
    off = {"TrainingJobName": "open", "RemoteDebugConfig": {"EnableRemoteDebug": False}}
    with pytest.raises(ClientError, match="Starting; RemoteDebugConfig can be updated while it is Downl"):
        sagemaker.update_training_job(**off)
    records = server.stores.records.scoped("000000000000", "us-east-1")
    records.update(records.get(TRAINING_JOB, {"TrainingJobName": "open"}), {"SecondaryStatus": "Training"})
    sagemaker.update_training_job(**off)
    job = sagemaker.describe_training_job(TrainingJobName="open")
    assert job["RemoteDebugConfig"] == {"EnableRemoteDebug": False}
