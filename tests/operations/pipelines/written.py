"""Steps of pipelines as definitions spell them, for every suite that runs some."""

from __future__ import annotations

from typing import Any

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
BUCKET = "sagemaker-us-east-1-000000000000"
LOSS = {"Name": "loss", "Regex": "loss=([0-9.]+);"}


def training(name: str, *, image: str = IMAGE, held: bool = False, **more: Any) -> dict[str, Any]:
    """Return a Training step; `given` are its hyperparameters."""
    arguments = {
        "AlgorithmSpecification": {
            "TrainingImage": image,
            "TrainingInputMode": "File",
            **({} if image == IMAGE else {"MetricDefinitions": [LOSS]}),
        },
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "HyperParameters": more.pop("given", {}),
        **({"Environment": {"HELD": "1"}} if held else {}),
    }
    return {"Name": name, "Type": "Training", "Arguments": arguments, **more}


def model(name: str, trained: str, *, image: str = IMAGE, **more: Any) -> dict[str, Any]:
    """Return a Model step of what a Training step made."""
    container = {
        "Image": image,
        "ModelDataUrl": {"Get": f"Steps.{trained}.ModelArtifacts.S3ModelArtifacts"},
    }
    arguments = {"PrimaryContainer": container, "ExecutionRoleArn": ROLE}
    return {"Name": name, "Type": "Model", "Arguments": arguments, **more}


def fail(name: str, message: Any, **more: Any) -> dict[str, Any]:
    """Return a Fail step."""
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}, **more}


def condition(name: str, left: Any, most: Any, then: Any = (), otherwise: Any = (), **more: Any) -> Any:
    """Return a Condition step that asks for a value to be at most another."""
    holds = {"Type": "LessThanOrEqualTo", "LeftValue": left, "RightValue": most}
    arguments = {"Conditions": [holds], "IfSteps": list(then), "ElseSteps": list(otherwise)}
    return {"Name": name, "Type": "Condition", "Arguments": arguments, **more}


def callback(name: str, queue: str, arguments: Any, **more: Any) -> dict[str, Any]:
    """Return a Callback step."""
    return {"Name": name, "Type": "Callback", "SqsQueueUrl": queue, "Arguments": arguments, **more}
