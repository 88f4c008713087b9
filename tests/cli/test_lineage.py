"""`clary lineage` as a user types it: trees of what led to something and what it led to."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.cli.test_account import clary

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
PATIENCE = 90
DATA, MODEL = "s3://traced/data", "s3://traced/model.tar.gz"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of a server where a model of some data was registered and approved."""
    home = tmp_path_factory.mktemp("user") / "clary"
    up = clary(home, "up", "--detach", "--port", "0")
    assert up.returncode == 0, up.stderr
    try:
        _register(_client(home))
        yield home
    finally:
        assert clary(home, "down", "--yes").returncode == 0


def _client(home: Path) -> Any:
    told = json.loads((home / "run" / "server.json").read_text())
    keys = json.loads((home / "keys" / "administrator.json").read_text())
    return boto3.client(
        "sagemaker",
        endpoint_url=f"http://127.0.0.1:{told['port']}",
        region_name=told["region"],
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
    )


def _register(sagemaker: Any) -> None:
    """Say what a step was made of, and register what it made: the package's lineage draws itself."""
    step = sagemaker.create_trial_component(TrialComponentName="step-1")["TrialComponentArn"]
    for uri, kind in ((DATA, "DataSet"), (MODEL, "Model")):
        made = sagemaker.create_artifact(Source={"SourceUri": uri}, ArtifactType=kind)["ArtifactArn"]
        ends = (made, step) if uri == DATA else (step, made)
        sagemaker.add_association(SourceArn=ends[0], DestinationArn=ends[1])
    sagemaker.create_model_package_group(ModelPackageGroupName="traced")
    sagemaker.create_model_package(
        ModelPackageGroupName="traced",
        ModelApprovalStatus="Approved",
        SkipModelValidation="All",
        InferenceSpecification={"Containers": [{"Image": IMAGE, "ModelDataUrl": MODEL}]},
    )


def lineage(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Ask until the package is in the lineage: that happens on its own, a moment later."""
    until = time.monotonic() + PATIENCE
    while True:
        done = clary(home, "lineage", *words)
        if "ModelPackage" in done.stdout or time.monotonic() > until:
            assert done.returncode == 0, done.stderr
            return done


def arn(name: str) -> str:
    return f"arn:aws:sagemaker:us-east-1:000000000000:{name}"


def test_a_package_came_from_data_and_an_approval(home: Path) -> None:
    lines = lineage(home, arn("model-package/traced/1"), "--direction", "up").stdout.splitlines()
    assert lines[0] == "ModelPackage traced/1 came from"
    assert lines[1].startswith("├── Approval Approved  by administrator, 20")
    assert lines[2:] == [
        f"├── Image {IMAGE}",
        f"└── Model {MODEL}",
        "    └── TrialComponent step-1",
        f"        └── DataSet {DATA}",
    ]


def test_data_led_to_a_package(home: Path) -> None:
    assert lineage(home, DATA).stdout.splitlines() == [
        f"DataSet {DATA} came from",
        "└── nothing that is known of",
        f"DataSet {DATA} led to",
        "└── TrialComponent step-1",
        f"    └── Model {MODEL}",
        "        └── ModelPackage traced/1",
        "            └── ModelGroup traced",
    ]


def test_json_has_entities_and_associations(home: Path) -> None:
    told = json.loads(lineage(home, MODEL, "--json", "--depth", "1").stdout)
    names = {each["Name"] for each in told["Entities"]}
    assert names == {MODEL, "step-1", "traced/1"}
    assert {each["Source"] for each in told["Entities"] if "Source" in each} == {
        MODEL,
        arn("model-package/traced/1"),
    }
    assert len(told["Associations"]) == 2


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("model-package/none/1", "Nothing is known of"),
        ("artifact/0123456789abcdef0123456789abcdef", "does not exist"),
        ("training-job/none", "it is there a second after"),
    ],
)
def test_what_is_not_there_is_said(home: Path, asked: str, said: str) -> None:
    done = clary(home, "lineage", arn(asked))
    assert done.returncode == 1
    assert said in done.stderr


def test_what_is_no_arn_is_refused(home: Path) -> None:
    done = clary(home, "lineage", "my-model")
    assert done.returncode == 1
    assert "my-model is neither an ARN of SageMaker nor an address" in done.stderr


def test_without_a_server_it_says_how_to_start_one(tmp_path: Path) -> None:
    done = clary(tmp_path / "home", "lineage", DATA)
    assert done.returncode == 3
    assert "clary up" in done.stderr
