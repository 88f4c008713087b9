"""Calls that no model can answer, and models that do not answer: what is asked, and what is said."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from tests.stories.planted import BUCKET, ROLE, archive, ended, put, request, settled
from tests.stories.planted import Job as Trained
from tests.stories.server import Clary

REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
XGBOOST, SKLEARN = f"{REGISTRY}/sagemaker-xgboost:1.7-1", f"{REGISTRY}/sagemaker-scikit-learn:1.2-1-cpu-py3"
PYTORCH = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.5.1-cpu-py311"
CSV, JSON, NPY, NPZ = "text/csv", "application/json", "application/x-npy", "application/x-npz"
IMAGE = """
name = "naughty"
repositories = ["naughty"]
[programs]
serve = ["python", "/opt/image/serve.py"]
"""
SCRIPT = """
import os, sys, time
def model_fn(folder):
    return sum
def predict_fn(data, model):
    first = float(data.flat[0])
    if first == 1: raise ValueError("no such customer: 1")
    if first == 2: return None
    if first == 3: return [float("nan"), float("inf")]
    if first == 4: sys.exit("I am done")
    if first == 5: os._exit(5)
    if first == 6: time.sleep(600)
    if first == 8: return object()
    return data
"""


@dataclass(frozen=True)
class Bad:
    """A call, and what its caller must be told: code, the container's status, words of cause and cure."""

    endpoint: str
    body: bytes
    code: str
    status: int
    says: str
    kind: str = CSV
    more: dict[str, Any] = field(default_factory=dict)
    lost: str = ""
    """What the log says where the request costs the container a worker: it ends its own process, or hangs."""


def npy(header: str) -> bytes:
    """Return an array file that is nothing but a header."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header.encode() + b"\n"


CUT = r"closed the connection without a complete answer\. .*try again\..*/aws/sagemaker/Endpoints/{} says why"
PICKLE = npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}") + b"\x80\x04cos\nabort\n)R."
HUGE = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}")

XGB = {
    "type": Bad(
        "xgb",
        b"1,2",
        "ModelError",
        415,
        r"Content type image/png is not supported .*Supported: text/csv",
        "image/png",
    ),
    "csv": Bad("xgb", b"1,two", "ModelError", 415, r"could not convert string to float"),
    "ragged": Bad("xgb", b"1,2\n3\n", "ModelError", 415, r"all must have the same"),
    "binary": Bad("xgb", bytes(range(256)), "ModelError", 415, r"ensure data is in csv format"),
    "json": Bad("xgb", b'{"instances": [', "ModelError", 415, r"ensure data is in json format", JSON),
    "deep": Bad("xgb", b"[" * 200_000, "ModelError", 415, r"ensure data is in json format", JSON),
    "number": Bad("xgb", b"[[1" + b"0" * 400 + b", 2]]", "ModelError", 415, r"too large", JSON),
    "libsvm": Bad("xgb", b"0 99999999999:1", "ModelError", 415, r"ensure data is in libsvm", "text/libsvm"),
    "records": Bad(
        "xgb", b"\0" * 64, "ModelError", 415, r"RecordIO magic", "application/x-recordio-protobuf"
    ),
    "width": Bad(
        "xgb", b"1,2,3,4", "ModelError", 400, r"[Ff]eature size of csv inference data 4 .* trained model 2"
    ),
    "accept": Bad(
        "xgb",
        b"1,2",
        "ModelError",
        406,
        r"Accept type image/png is not supported",
        more={"Accept": "image/png"},
    ),
    "variant": Bad(
        "xgb",
        b"1,2",
        "ValidationError",
        0,
        r"Variant none not found .* It has: all",
        more={"TargetVariant": "none"},
    ),
    "container": Bad(
        "xgb",
        b"1,2",
        "ValidationError",
        0,
        r"TargetContainerHostname.*Leave it out",
        more={"TargetContainerHostname": "c"},
    ),
    "component": Bad(
        "xgb",
        b"1,2",
        "ValidationError",
        0,
        r"which no endpoint here has\. Leave it out",
        more={"InferenceComponentName": "c"},
    ),
    "explain": Bad(
        "xgb",
        b"1,2",
        "ValidationError",
        0,
        r"explanations, which no endpoint here makes",
        more={"EnableExplanations": "`true`"},
    ),
    "endpoint": Bad(
        "nobody", b"1,2", "ValidationError", 0, r"Endpoint nobody of account 000000000000 not found"
    ),
}
SCRIPTED = {
    "pickle": Bad(
        "scripted",
        PICKLE,
        "ModelError",
        415,
        r"pickled Python objects, which are never unpickled. Send an",
        NPY,
    ),
    "huge": Bad("scripted", HUGE, "ModelError", 415, r"is not application/x-npy: Unable to allocate", NPY),
    "cut": Bad("scripted", b"\x93NUMPY", "ModelError", 415, r"is not application/x-npy", NPY),
    "zip": Bad("scripted", b"PK\x03\x04zip", "ModelError", 415, r"is not application/x-npz", NPZ),
    "xml": Bad(
        "scripted",
        b"<a/>",
        "ModelError",
        415,
        r"text/xml is not supported .*Supported: application/json",
        "text/xml",
    ),
    "utf-8": Bad("scripted", b"\xff\xfe1", "ModelError", 415, r"it is not UTF-8"),
    "raises": Bad("scripted", b"1", "ModelError", 500, r"^ValueError: no such customer: 1$"),
    "exits": Bad("scripted", b"4", "ModelError", 500, r"^SystemExit: I am done$"),
    "object": Bad("scripted", b"8", "ModelError", 500, r"not JSON serializable", more={"Accept": JSON}),
    "dies": Bad(
        "scripted",
        b"5",
        "ServiceUnavailable",
        0,
        CUT.format("scripted"),
        lost=r"ended with exit code 5; it is replaced",
    ),
    "late": Bad(
        "scripted",
        b"6",
        "ServiceUnavailable",
        0,
        CUT.format("scripted"),
        lost=r"more than 2 s .* was killed; it is replaced",
    ),
}
NAUGHTY = {
    "garbage": Bad("naughty", b"garbage", "ModelError", 0, r"is not HTTP/1\.1"),
    "headers": Bad("naughty", b"headers", "ModelError", 0, r"headers .* exceed 65536 bytes"),
    "header": Bad("naughty", b"header", "ModelError", 0, r"X-Long .* has 100000 bytes"),
    "half": Bad("naughty", b"half", "ServiceUnavailable", 0, CUT.format("naughty")),
    "nothing": Bad("naughty", b"nothing", "ServiceUnavailable", 0, CUT.format("naughty")),
    "much": Bad("naughty", b"much", "ModelError", 0, r"longer than 268435456 bytes"),
    "redirect": Bad("naughty", b"redirect", "ModelError", 302, r""),
    "teapot": Bad("naughty", b"teapot", "ModelError", 418, r"short and . stout"),
    "broken stream": Bad("naughty", b"broken stream", "ModelError", 0, r"is not HTTP/1\.1"),
}
GOOD = {  # what each endpoint is asked in between, and what it says
    "xgb": (b"1,2", rb"0\.\d+"),
    "scripted": (b"3", rb"\[null, null\]"),  # NaN is no JSON
    "naughty": (b"two", b"one"),
    "healthy": (b"hello", b"hello"),
}
STREAMED = {
    "refused": ("xgb", b"1,two", "ModelError", r"could not convert string to float"),
    "garbage": ("naughty", b"garbage", "ModelError", r"is not HTTP/1\.1"),
    "nothing": ("naughty", b"nothing", "ServiceUnavailable", CUT.format("naughty")),
    "broken": ("naughty", b"broken stream", "ModelStreamError", r"is not HTTP/1\.1"),
    "cut": ("naughty", b"cut stream", "ModelStreamError", CUT.format("naughty")),
}
CALLS = {
    **{f"xgb-{name}": bad for name, bad in XGB.items()},
    **{f"scripted-{name}": bad for name, bad in SCRIPTED.items()},
    **{f"naughty-{name}": bad for name, bad in NAUGHTY.items()},
}


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> bytes:
    """Return a model archive that holds a link, or another thing that is no file."""
    made, member = io.BytesIO(), tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        tar.addfile(member)
    return made.getvalue()


def bomb() -> bytes:
    """Return an archive of some hundred bytes whose file says to be larger than any disk."""
    member = tarfile.TarInfo("weights")
    member.size = 1 << 60
    return gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 16))


ARCHIVES = {
    "absolute": (link("model", "/etc/passwd"), r"the link 'model' points to the absolute path '/etc/passwd'"),
    "outside": (link("a/model", "../../x"), r"the link 'a/model' points out of the archive, to '../../x'"),
    "hard": (link("model", "../../../etc/passwd", tarfile.LNKTYPE), r"climbs out of its directory"),
    "device": (link("model", "", tarfile.CHRTYPE), r"'model' is neither a file, a directory nor a link"),
    "climbs": (archive({"../../../evil": "x"}), r"'../../../evil' climbs out of its directory"),
    "bomb": (bomb(), r"the archive needs more than the \d+ MiB that are free on the disk"),
}


def deploy(
    clary: Clary,
    name: str,
    image: str,
    uri: str,
    environment: Mapping[str, str] | None = None,
    variant: Mapping[str, Any] | None = None,
) -> None:
    """Begin to create an endpoint of one model."""
    sagemaker = clary.client("sagemaker")
    container = {"Image": image, "ModelDataUrl": uri, "Environment": dict(environment or {})}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    only = {"VariantName": "all", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[{**only, **(variant or {})}]
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)


def add_image(clary: Clary) -> None:
    """Give a server the image of the container that misbehaves."""
    folder = clary.home / "images" / "naughty"
    folder.mkdir(parents=True)
    (folder / "image.toml").write_text(IMAGE)
    (folder / "serve.py").write_text((Path(__file__).parent / "naughty.py").read_text())


def prepare(clary: Clary) -> None:
    """Train a model and deploy all endpoints."""
    add_image(clary)
    job = Trained(parameters={"num_round": "2"}, data="1,2,3\n0,4,5\n1,2,2\n0,5,6\n")
    clary.client("sagemaker").create_training_job(**request(clary, "bad-input", job))
    code = put(clary, "bad-input/code.tar.gz", archive({"inference.py": SCRIPT}))
    script = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": code}
    deploy(clary, "naughty", "naughty", code)
    deploy(clary, "healthy", "naughty", code)
    deploy(clary, "scripted", SKLEARN, code, {**script, "SAGEMAKER_MODEL_SERVER_TIMEOUT": "2"})
    assert ended(clary, "bad-input")["TrainingJobStatus"] == "Completed"
    deploy(clary, "xgb", XGBOOST, f"s3://{BUCKET}/out/bad-input/output/model.tar.gz")
    for name in ("naughty", "healthy", "scripted", "xgb"):
        assert (now := settled(clary, name))["EndpointStatus"] == "InService", now.get("FailureReason")


class Neighbour:
    """Calls a healthy endpoint without a pause, and remembers what was wrong with an answer."""

    def __init__(self, clary: Clary) -> None:
        self.calls, self.wrong = 0, list[str]()
        self._runtime, self._over = clary.client("sagemaker-runtime"), threading.Event()
        self._thread = threading.Thread(target=self._call, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Call no more."""
        self._over.set()
        self._thread.join(30)

    def _call(self) -> None:
        while not self._over.is_set():
            body = b"call %d" % self.calls
            try:
                answer = self._runtime.invoke_endpoint(EndpointName="healthy", Body=body)["Body"].read()
            except ClientError as error:
                answer = str(error).encode()
            self.wrong += [] if answer == body else [answer.decode()]
            self.calls += 1
            time.sleep(0.002)
