"""Training jobs of images of one's own: accepted by every name, metrics taken over, unknown ones refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from tests.conformance.training.test_training_job_records import BUCKET, request

if TYPE_CHECKING:
    from tests.conftest import Server

IMAGE = """\
name = "counted"
repositories = ["counted", "team/counted"]
[programs]
train = ["true"]
[metrics]
loss = "loss=([0-9.]+)"
"""
LOSS = [{"Name": "loss", "Regex": "loss=([0-9.]+)"}]


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    """Return a client of a server that has the image."""
    folder = server.home.root / "images" / "counted"
    folder.mkdir(parents=True)
    (folder / "image.toml").write_text(IMAGE)
    server.client("s3").put_object(Bucket=BUCKET, Key="c/train/train.csv", Body=b"1,2\n0,1\n")
    return server.client("sagemaker")


def made(sagemaker: Any, image: str, **more: Any) -> dict[str, Any]:
    """Create a job; return how it is described."""
    name = f"own-{uuid4().hex[:8]}"
    values = more.pop("HyperParameters", {})
    source = {"TrainingImage": image, "TrainingInputMode": "File", **more}
    sagemaker.create_training_job(**request(name, AlgorithmSpecification=source, HyperParameters=values))
    told: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName=name)["AlgorithmSpecification"]
    sagemaker.stop_training_job(TrainingJobName=name)
    return told


@pytest.mark.parametrize(
    "uri", ["counted", "team/counted:9", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/counted:latest"]
)
def test_an_own_image_gives_its_metrics_by_every_name(sagemaker: Any, uri: str) -> None:
    assert made(sagemaker, uri)["MetricDefinitions"] == LOSS


def test_a_jobs_own_metrics_or_program_take_their_place(sagemaker: Any) -> None:
    other = [{"Name": "other", "Regex": "other=(.*)"}]
    assert made(sagemaker, "counted", MetricDefinitions=other)["MetricDefinitions"] == other
    assert "MetricDefinitions" not in made(sagemaker, "counted", ContainerEntrypoint=["true"])
    script = {"sagemaker_program": '"train.py"'}
    assert "MetricDefinitions" not in made(sagemaker, "counted", HyperParameters=script)


def test_an_image_that_nobody_has_is_refused_with_every_way_to_one(sagemaker: Any) -> None:
    with pytest.raises(ClientError) as refused:
        made(sagemaker, "123456789012.dkr.ecr.eu-west-1.amazonaws.com/nobody/has-this:1")
    words = refused.value.response["Error"]["Message"]
    assert "There is no image for '123456789012.dkr.ecr.eu-west-1.amazonaws.com/nobody/has-this:1'" in words
    assert "`clary image build FOLDER`" in words
    assert "podman" in words


def test_a_private_registry_is_refused(sagemaker: Any) -> None:
    config = {"TrainingRepositoryAccessMode": "Platform"}
    with pytest.raises(ClientError, match="TrainingImageConfig is not supported by Clary yet"):
        made(sagemaker, "counted", TrainingImageConfig=config)
