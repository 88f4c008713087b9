"""Transform jobs whose model does not come up, dies, refuses, or whose role may not read: what is said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.crash.site import Site
from tests.crash.test_training_kills import BUCKET, ROLE

pytestmark = pytest.mark.slow
DONE = ("Completed", "Failed", "Stopped")
IMAGE = """
name = "faulty"
repositories = ["faulty"]
[programs]
serve = ["python", "/opt/image/serve.py"]
"""
SERVE = """
import http.server, os, socketserver
mood = os.environ["MOOD"]
if mood == "broken":
    raise ValueError("the model has no weights")
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.reply(200 if self.path == "/ping" else 404, b"")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if b"poison" in body and mood == "dies":
            print("Segmentation something", flush=True)
            os._exit(3)
        if b"poison" in body:
            self.reply(int(mood), b"ValueError: poison is no number")
        else:
            self.reply(200, body)
    def reply(self, code, body):
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def address_string(self):
        return "driver"
    def log_message(self, *args):
        pass
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    def handle_error(self, *args):
        pass  # whoever asked did not wait for the answer, on a busy machine
Server(os.environ["SAGEMAKER_BIND_TO_SOCKET"], Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def site(site: Site) -> Site:
    """A server with an image that is told how to fail."""
    image = site.home / "images" / "faulty"
    image.mkdir()
    (image / "image.toml").write_text(IMAGE)
    (image / "serve.py").write_text(SERVE)
    site.client("sagemaker").create_model(
        ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "faulty"}
    )
    for key, body in {"a": b"1\n", "b": b"poison\n", "c": b"2\n"}.items():
        site.client("s3").put_object(Bucket=BUCKET, Key=f"faults/{key}", Body=body)
    return site


def run(site: Site, name: str, mood: str, model: str = "m") -> tuple[Any, list[str]]:
    """Run a job to its end; return it, and the names of its outputs."""
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/faults/"}
    site.client("sagemaker").create_transform_job(
        TransformJobName=name,
        ModelName=model,
        TransformInput={"DataSource": {"S3DataSource": source}, "SplitType": "Line"},
        TransformOutput={"S3OutputPath": f"s3://{BUCKET}/{name}"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        ModelClientConfig={"InvocationsMaxRetries": 0},
        Environment={"MOOD": mood},
    )

    def ended() -> Any:
        job = site.client("sagemaker").describe_transform_job(TransformJobName=name)
        return job if job["TransformJobStatus"] in DONE else None

    job = site.until(ended, f"{name} has ended")
    listed = site.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"{name}/").get("Contents", [])
    return job, [each["Key"].removeprefix(f"{name}/") for each in listed]


def test_a_model_that_does_not_load_fails_the_job_with_its_traceback(site: Site) -> None:
    job, outputs = run(site, "broken", "broken")
    assert job["TransformJobStatus"] == "Failed" and not outputs
    assert "exited with code 1 before it answered GET /ping" in job["FailureReason"]
    assert "ValueError: the model has no weights" in job["FailureReason"]


@pytest.mark.parametrize(("code", "blame"), [("400", "ClientError"), ("500", "AlgorithmError")])
def test_a_record_that_is_refused_fails_the_job_with_the_models_words(
    site: Site, code: str, blame: str
) -> None:
    job, outputs = run(site, f"refuses-{code}", code)
    assert job["TransformJobStatus"] == "Failed" and outputs == ["a.out", "c.out"]
    assert job["FailureReason"] == (
        f"{blame}: {BUCKET}/faults/b: Bad HTTP status received from algorithm: {code} "
        "Message: ValueError: poison is no number"
    )


def test_a_model_that_dies_at_work_fails_the_job_with_its_last_words(site: Site) -> None:
    job, outputs = run(site, "dies", "dies")
    assert job["TransformJobStatus"] == "Failed" and outputs == ["a.out"]
    assert job["FailureReason"].startswith("AlgorithmError: ")
    assert "Segmentation something" in job["FailureReason"] and "exit code: 3" in job["FailureReason"]


def test_a_role_that_may_not_read_fails_the_job_and_names_the_permission(site: Site) -> None:
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "sagemaker.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    iam = site.client("iam")
    role = iam.create_role(
        RoleName="writes",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )["Role"]
    writes = {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [writes]})
    iam.put_role_policy(RoleName="writes", PolicyName="p", PolicyDocument=policy)
    site.client("sagemaker").create_model(
        ModelName="writes", ExecutionRoleArn=role["Arn"], PrimaryContainer={"Image": "faulty"}
    )
    job, outputs = run(site, "unread", "200", "writes")
    assert job["TransformJobStatus"] == "Failed" and not outputs
    assert "is not authorized to perform: s3:ListBucket" in job["FailureReason"]
