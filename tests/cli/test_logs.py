"""`clary logs`: what an error of the server means for the job it looks at."""

from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from clary.cli import logs

GROUP = "/aws/sagemaker/ProcessingJobs"


def ended(code: str) -> bool:
    """Tell whether a job counts as ended when the server answers with an error."""
    sagemaker = boto3.client(
        "sagemaker", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    with Stubber(sagemaker) as stubbed:
        stubbed.add_client_error("describe_processing_job", code)
        return logs._ended(sagemaker, GROUP, "j")


@pytest.mark.parametrize("code", ["ValidationException", "ResourceNotFound"])
def test_a_job_that_is_not_there_has_ended(code: str) -> None:
    assert ended(code)


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", "ServiceUnavailable"])
def test_an_error_that_says_nothing_of_the_job_does_not_end_its_log(code: str) -> None:
    with pytest.raises(ClientError):
        ended(code)
