"""Domains with people in them, for the tests of what lives there."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"
ARN = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerExecutionRole"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


def domain(sagemaker: Any, name: str, **members: Any) -> str:
    """Create a domain, and return its id."""
    settings = {"ExecutionRole": ROLE}
    made = sagemaker.create_domain(DomainName=name, AuthMode="IAM", DefaultUserSettings=settings, **members)
    return str(made["DomainId"])


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    """Return code and text of the error that a call must end with."""
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]
