"""`python -m sagemaker_tensorflow.train`: script mode, and what Amazon's TensorFlow container adds to it.
evidence/tensorflow.md."""

from __future__ import annotations

import json
import os
import socket
import sys

from toolkit.contract import layout
from toolkit.environment import Training
from toolkit.failure import UserError, fail, report
from toolkit.train import leave, main

from toolkit import distributed


def prepare(job: Training) -> None:
    """Tell TensorFlow who its peers are."""
    cluster = tf_config(job)
    if cluster:
        os.environ["TF_CONFIG"] = cluster


def tf_config(job: Training) -> str:
    """Return TF_CONFIG of this host: a worker among workers; empty where the job is not distributed."""
    asked = job.framework
    if asked.get("sagemaker_parameter_server_enabled") and len(job.hosts) > 1:
        raise UserError(
            "This image has no parameter servers for several hosts: they need TensorFlow's Estimators, which "
            "ended with 2.15. Use distribution={'multi_worker_mirrored_strategy': {'enabled': True}} and "
            "tf.distribute.MultiWorkerMirroredStrategy, or one host."
        )
    if not asked.get("sagemaker_multi_worker_mirrored_strategy_enabled"):
        return ""
    task = {"type": "worker", "index": job.hosts.index(job.host)}
    workers = [f"{host}:{port}" for host, port in zip(job.hosts, _ports(job.hosts), strict=True)]
    return json.dumps({"cluster": {"worker": workers}, "environment": "cloud", "task": task})


def _ports(hosts: list[str]) -> list[int]:
    """Return a port for each host: TensorFlow listens at all addresses of a machine that many may share."""
    if len(hosts) == 1:
        with socket.socket() as free:
            free.bind(("", 0))
            return [free.getsockname()[1]]
    first = distributed.port(socket.gethostbyname(hosts[0]))
    return [first + index for index in range(len(hosts))]


def train() -> int:
    """Train with the user's script; say so when it left no model."""
    where = layout()
    try:
        prepare(Training(where, os.environ))
    except UserError as wrong:
        fail(where, str(wrong))
        report(f"ERROR: {wrong}")
        return 1
    code = main()
    if code == 0 and not any(where.model.iterdir()):
        print(
            f"No model artifact is saved under path {where.model}. Your training job will not save any model "
            "files to S3.",
            file=sys.stderr,
            flush=True,
        )
    return code


if __name__ == "__main__":
    leave(train())
