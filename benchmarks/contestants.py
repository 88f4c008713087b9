"""The peers of `serving_peers`: how each is started, asked and understood, batched and not."""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from benchmarks.load import request_bytes
from benchmarks.serving_models import Models, interpreter

PLAIN, BATCHED = "plain", "batched"


Body = Callable[[str], tuple[bytes, dict[str, str]]]
"""From a row of CSV to a request's body and headers."""
Read = Callable[[bytes], float]
"""From an answer's body to the number in it."""


def csv(row: str) -> tuple[bytes, dict[str, str]]:
    """Send the row as it is."""
    return row.encode(), {"Content-Type": "text/csv"}


def number(body: bytes) -> float:
    """Read an answer that is one number, whatever stands around it."""
    return float(body.strip(b'[]"\n '))


def v2_json(row: str) -> tuple[bytes, dict[str, str]]:
    """Send the row as the open inference protocol's JSON."""
    values = ",".join(row.split(","))
    shape = f'"shape":[1,{row.count(",") + 1}]'
    body = f'{{"inputs":[{{"name":"input",{shape},"datatype":"FP32","data":[{values}]}}]}}'
    return body.encode(), {"Content-Type": "application/json"}


def v2_number(body: bytes) -> float:
    """Read the only number of the open inference protocol's answer."""
    return float(json.loads(body)["outputs"][0]["data"][0])


def v2_binary(row: str) -> tuple[bytes, dict[str, str]]:
    """Send the row as Triton's binary extension of the protocol, which asks for a binary answer."""
    values = [float(value) for value in row.split(",")]
    packed = struct.pack(f"<{len(values)}f", *values)
    tensor = {"name": "input", "shape": [1, len(values)], "datatype": "FP32"}
    head = json.dumps(
        {
            "inputs": [{**tensor, "parameters": {"binary_data_size": len(packed)}}],
            "outputs": [{"name": "score", "parameters": {"binary_data": True}}],
        }
    ).encode()
    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
    return head + packed, headers


def v2_float(body: bytes) -> float:
    """Read the number at the end of a binary answer."""
    score: float = struct.unpack("<f", body[-4:])[0]
    return score


def texts(row: str) -> tuple[bytes, dict[str, str]]:
    """Send a list of one row, for BentoML's batches are lists."""
    return json.dumps({"rows_": [row]}).encode(), {"Content-Type": "application/json"}


def one_text(row: str) -> tuple[bytes, dict[str, str]]:
    """Send the row as BentoML's parameter."""
    return json.dumps({"row_": row}).encode(), {"Content-Type": "application/json"}


def as_json(row: str) -> tuple[bytes, dict[str, str]]:
    """Send the row as a member of an object, as LitServe takes it."""
    return json.dumps({"row": row}).encode(), {"Content-Type": "application/json"}


def octets(row: str) -> tuple[bytes, dict[str, str]]:
    """Send the row as bytes of no kind, which TorchServe gives its handler as they are."""
    return row.encode(), {"Content-Type": "application/octet-stream"}


@dataclass(frozen=True)
class Asked:
    """How one setting of a peer is asked: where, with which body, and what is read from its answer."""

    path: str
    body: Body = csv
    read: Read = number


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A program of `peers/` in the environment of a lock; `{model}` stands for a model's name in paths."""

    name: str
    package: str
    lock: str
    program: str
    settings: Mapping[str, Asked]
    environment: Mapping[str, str] = field(default_factory=dict)
    pauses: bool = True
    """Whether it bears to be stopped for a while: those that watch themselves by the clock do not."""

    def line(self, models: Models, port: int, model: str) -> list[str]:
        """Return the command that serves one of the models."""
        program = f"benchmarks.peers.{self.program}"
        return [interpreter(self.lock), "-m", program, str(models.folder), str(port), model]

    def version(self) -> str:
        """Return its package's version."""
        asked = f"import importlib.metadata; print(importlib.metadata.version({self.package!r}))"
        line = [interpreter(self.lock), "-c", asked]
        return subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603

    def requests(self, setting: str, model: str, models: Models, port: int) -> list[bytes]:
        """Return the bytes that ask for each row."""
        asked, made = self.settings[setting], []
        for row in models.rows:
            body, headers = asked.body(row)
            path = asked.path.format(model=model)
            made.append(request_bytes("POST", path, {"Host": f"127.0.0.1:{port}", **headers}, body))
        return made


FLOOR = Peer(
    name="bare uvicorn",
    package="uvicorn",
    lock="fastapi",
    program="floor",
    settings={PLAIN: Asked("/{model}")},
)
"""No peer, but what Python's usual server and the model cost without any framework."""
PEER_LIST = (
    Peer(
        name="FastAPI",
        package="fastapi",
        lock="fastapi",
        program="by_hand",
        settings={PLAIN: Asked("/{model}")},
    ),
    Peer(
        name="MLServer",
        package="mlserver",
        lock="mlserver",
        program="mlserver_app",
        settings={
            PLAIN: Asked("/v2/models/{model}/infer", v2_json, v2_number),
            BATCHED: Asked("/v2/models/{model}-batched/infer", v2_json, v2_number),
        },
    ),
    Peer(
        name="LitServe",
        package="litserve",
        lock="litserve",
        program="litserve_app",
        settings={PLAIN: Asked("/{model}", as_json), BATCHED: Asked("/{model}-batched", as_json)},
    ),
    Peer(
        name="BentoML",
        package="bentoml",
        lock="bentoml",
        program="bentoml_app",
        settings={PLAIN: Asked("/{model}", one_text), BATCHED: Asked("/{model}-batched", texts)},
    ),
    Peer(
        name="TorchServe",
        package="torchserve",
        lock="torchserve",
        program="torchserve_app",
        settings={
            PLAIN: Asked("/predictions/{model}", octets),
            BATCHED: Asked("/predictions/{model}-batched", octets),
        },
    ),
    Peer(
        name="PyTriton",
        package="nvidia-pytriton",
        lock="pytriton",
        program="pytriton_app",
        settings={
            PLAIN: Asked("/v2/models/{model}/infer", v2_binary, v2_float),
            BATCHED: Asked("/v2/models/{model}-batched/infer", v2_binary, v2_float),
        },
        pauses=False,
    ),
    Peer(
        name="Ray Serve",
        package="ray",
        lock="ray",
        program="ray_app",
        settings={PLAIN: Asked("/{model}"), BATCHED: Asked("/{model}-batched")},
        environment={
            "RAY_SERVE_ENABLE_HA_PROXY": "1",
            "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",
        },
        pauses=False,
    ),
)
