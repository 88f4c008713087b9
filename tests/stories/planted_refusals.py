"""Mistakes that CreateTrainingJob refuses at once, and an image that cannot be built; see planted_scripts."""

from __future__ import annotations

from typing import Any

from tests.stories.planted import BUCKET, Fault, Job, channel

ROWS = "1,2,3\n0,4,5\n"
UNLOCKED = {
    "image.toml": 'name = "planted"\nrequirements = "requirements.txt"\n'
    '[programs]\ntrain = ["python", "-m", "toolkit.train"]\n',
    "requirements.txt": "numpy==1.26.4\n",
}
"""An image put into the home by hand, without hashes in its lock."""
ROLE = "arn:aws:iam::000000000000:role/"
REGISTRY = "000000000000.dkr.ecr.us-east-1.amazonaws.com"


def _refused(title: str, cause: str, cure: str, **job: Any) -> Fault:
    told = {"data": ROWS, "parameters": {"num_round": "2"}, "status": "Refused", **job}
    return Fault(title, Job(**told), cause, cure, logged="", blamed="ValidationException: ")


def _resources(kind: str) -> dict[str, Any]:
    return {"ResourceConfig": {"InstanceType": kind, "InstanceCount": 1, "VolumeSizeInGB": 1}}


REFUSALS = {
    "image-packages": Fault(
        "uses an own image whose packages cannot be installed",
        Job(files={"train.py": ""}, image=f"{REGISTRY}/planted:latest"),
        r"--require-hashes|hash",
        r"clary image build|--generate-hashes",
        logged="",
        blamed="InternalServerError: ",
    ),
    "refused-prefix": _refused(
        "reads a prefix that has no objects",
        r'No S3 objects found under S3 URL "s3://\S+/none/"',
        r"ensure that .*objects exist under that S3 prefix",
        members={"InputDataConfig": [channel(f"s3://{BUCKET}/none/")]},
    ),
    "refused-bucket": _refused(
        "reads a bucket that does not exist",
        r"specified bucket does not exist",
        r"ensure that the bucket exists",
        members={"InputDataConfig": [channel("s3://no-such-bucket-of-ours/x")]},
    ),
    "refused-output": _refused(
        "writes to a bucket that does not exist",
        r"bucket of OutputDataConfig\.S3OutputPath .*does not exist",
        r"Create the bucket",
        members={"OutputDataConfig": {"S3OutputPath": "s3://no-such-bucket-of-ours/x"}},
    ),
    "refused-role": _refused(
        "names a role that does not exist",
        r"role/planted-none",
        r"ensure that the role exists",
        members={"RoleArn": f"{ROLE}planted-none"},
    ),
    "refused-trust": _refused(
        "names a role that does not trust SageMaker",
        r"role/planted-distrusts",
        r"allows principal 'sagemaker\.amazonaws\.com'",
        members={"RoleArn": f"{ROLE}planted-distrusts"},
    ),
    "refused-rights": _refused(
        "names a role that may not read its channel",
        r"planted-poor.*not authorized to perform: s3:",
        r"because no identity-based policy allows the s3:",
        members={"RoleArn": f"{ROLE}planted-poor"},
    ),
    "refused-image": _refused(
        "names an image that nobody has",
        r"no image for 'mine:latest'",
        r"image\.toml|clary image build",
        image="mine:latest",
    ),
    "refused-type": _refused(
        "names an instance type that does not exist",
        r"'ml\.big'",
        r"enum value set: \[",
        members=_resources("ml.big"),
    ),
    "refused-manifest": _refused(
        "reads an augmented manifest in File mode",
        r"AugmentedManifestFile and the input mode File",
        r"Set InputMode to Pipe",
        members={
            "InputDataConfig": [
                {
                    "ChannelName": "train",
                    "DataSource": {
                        "S3DataSource": {
                            "S3DataType": "AugmentedManifestFile",
                            "S3Uri": f"s3://{BUCKET}/planted/plain",
                            "AttributeNames": ["source-ref"],
                        }
                    },
                }
            ]
        },
    ),
    "refused-metric": _refused(
        "has a metric whose regular expression is none",
        r"regular expression '\(' of the metric 'loss' is not valid",
        r"unterminated subpattern|missing \)",
        members={
            "AlgorithmSpecification": {
                "TrainingImage": f"{REGISTRY}/sagemaker-xgboost:1.7-1",
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "loss", "Regex": "("}],
            }
        },
    ),
}
