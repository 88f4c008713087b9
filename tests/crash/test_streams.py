"""Whoever tends a job is killed while its channels stream; it reads every byte, in every epoch."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from tests.crash.site import Site
from tests.crash.test_spot_kills import finish, trains
from tests.crash.test_training_kills import BUCKET, ROLE

PIECES = 6
SIZE = 3_000_000
PROGRAM = """
import hashlib, json, pathlib, time
ml = pathlib.Path("/opt/ml")
found = []
for epoch in range(2):
    digest = hashlib.sha256()
    with open(ml / f"input/data/train_{epoch}", "rb") as pipe:
        while piece := pipe.read(65536):
            digest.update(piece)
            while not (ml / "go").exists():  # in the middle of the stream until the test has killed somebody
                time.sleep(0.01)
    found.append(digest.hexdigest())
labels = (ml / "input/data/labels_0").read_bytes().decode("latin-1")
(ml / "model/deep").mkdir()
(ml / "model/deep/found").write_text(json.dumps([*found, labels]))
(ml / "output/tensorboard").mkdir(exist_ok=True)
(ml / "output/tensorboard/events").write_text("e")
"""


def channel(name: str, kind: str, uri: str, **members: Any) -> dict[str, Any]:
    source = {"S3DataType": kind, "S3Uri": uri}
    if "AttributeNames" in members:
        source["AttributeNames"] = members.pop("AttributeNames")
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **members}


@pytest.mark.parametrize("victim", ["nobody", "controller", "gateway"])
def test_a_job_reads_every_byte_of_its_pipes_whoever_is_killed(site: Site, victim: str) -> None:
    s3, name = site.client("s3"), f"streams-{victim}"
    bodies = [bytes([65 + n]) * SIZE for n in range(PIECES)]
    for number, body in enumerate(bodies):
        s3.put_object(Bucket=BUCKET, Key=f"stream/{number}", Body=body)
    entries = [{"prefix": f"s3://{BUCKET}/stream/"}, *[str(n) for n in reversed(range(PIECES))]]
    s3.put_object(Bucket=BUCKET, Key="stream.manifest", Body=json.dumps(entries).encode())
    lines = [json.dumps({"label": n, "text-ref": f"s3://{BUCKET}/stream-code/x"}) for n in range(3)]
    s3.put_object(Bucket=BUCKET, Key="stream.jsonl", Body="\n".join(lines).encode())
    s3.put_object(Bucket=BUCKET, Key="stream-code/x", Body=b"<x>")
    s3.put_object(Bucket=BUCKET, Key="stream-code/train.py", Body=PROGRAM.encode())
    site.client("sagemaker").create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={
            "TrainingImage": "held",
            "TrainingInputMode": "FastFile",
            "ContainerEntrypoint": ["python", "/opt/ml/input/data/code/train.py"],
        },
        RoleArn=ROLE,
        InputDataConfig=[
            channel("code", "S3Prefix", f"s3://{BUCKET}/stream-code/"),
            channel("train", "ManifestFile", f"s3://{BUCKET}/stream.manifest", InputMode="Pipe"),
            channel(
                "labels",
                "AugmentedManifestFile",
                f"s3://{BUCKET}/stream.jsonl",
                InputMode="Pipe",
                AttributeNames=["label", "text-ref"],
            ),
        ],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out", "CompressionType": "NONE"},
        TensorBoardOutputConfig={"S3OutputPath": f"s3://{BUCKET}/boards"},
        ResourceConfig={"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    trains(site, name)
    if victim != "nobody":
        site.kill(victim)
    site.up()
    site.open_gates()
    job = finish(site, name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    whole = hashlib.sha256(b"".join(reversed(bodies))).hexdigest()
    key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{BUCKET}/") + "deep/found"
    found = json.loads(site.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read())
    assert found == [whole, whole, "0<x>1<x>2<x>"]
    board = site.client("s3").get_object(Bucket=BUCKET, Key=f"boards/{name}/tensorboard-output/events")
    assert board["Body"].read() == b"e"
