"""What the registry's tests register: an image that runs here, and model data that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from clary.core.document import Document

if TYPE_CHECKING:
    from tests.conftest import Server

ACCOUNT = "000000000000"
ARN = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerExecutionRole"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
BUCKET = f"sagemaker-us-east-1-{ACCOUNT}"
DATA = f"s3://{BUCKET}/registry/model.tar.gz"


def stock(server: Server) -> Any:
    """Put the model data where packages look for it, and return a client."""
    server.client("s3").put_object(Bucket=BUCKET, Key="registry/model.tar.gz", Body=b"x")
    return server.client("sagemaker")


def specification(image: str = IMAGE, data: str = DATA) -> Document:
    """Return what serves a model."""
    return {
        "Containers": [{"Image": image, "ModelDataUrl": data, "Environment": {"A": "packed", "B": "packed"}}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
        "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
    }


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    """Return code and text of the error that a call must end with."""
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]
