"""The built-in XGBoost on two hosts against one of twice their cores, the same rows in both.

On a machine of two cores that is one core each against two. Features have at most 256 different values, so
that both find the same histogram bins; what is left is the order in which sums are made. The time is that of
the status Training: reading, meeting and boosting.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness import BUCKET, IMAGE, Clary, Figure, finish, server, training_job

ROWS, PARTS, ROUNDS, TRIES = 240_000, 4, 120, 3
PARAMETERS = {
    "objective": "binary:logistic",
    "num_round": str(ROUNDS),
    "max_depth": "6",
    "eta": "0.2",
    "tree_method": "hist",
}
ONE: dict[str, Any] = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1}
TWO: dict[str, Any] = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
MAKE = """
import sys, numpy as np
folder, rows, parts = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
some = np.random.default_rng(7)
X = np.round(some.normal(size=(rows, 28)).clip(-3.9, 3.9) * 32) / 32
odds = X[:, 0] - X[:, 1] * X[:, 2] + np.sin(3 * X[:, 3]) + 0.5 * some.normal(size=rows)
table = np.column_stack([odds > 0, X])
for number, part in enumerate(np.array_split(table, parts)):
    np.savetxt(f"{folder}/part-{number}.csv", part, fmt="%.6g", delimiter=",")
"""
COMPARE = """
import sys, numpy as np, xgboost
rows = np.loadtxt(sys.argv[1], delimiter=",", max_rows=20000)[:, 1:]
one, two = (xgboost.Booster(model_file=path).predict(xgboost.DMatrix(rows)) for path in sys.argv[2:])
print(float(np.abs(one - two).max()))
"""


def run() -> list[Figure]:
    """Measure in turns, and compare the fastest of each: what else the machine does only ever adds."""
    environment = _python(sys.executable, "-m", "clary.runtime.environment", "sagemaker-xgboost")
    python = f"{environment.split()[-1]}/bin/python"
    with tempfile.TemporaryDirectory(prefix="clary-bench-") as name, server() as clary:
        folder = Path(name)
        _python(python, "-c", MAKE, str(folder), str(ROWS), str(PARTS))
        for part in folder.glob("*.csv"):
            clary.client("s3").upload_file(str(part), BUCKET, f"hosts/train/{part.name}")
        alone, together = [], []
        for number in range(TRIES):
            alone.append(_train(clary, f"one-{number}", ONE))
            together.append(_train(clary, f"two-{number}", TWO))
        models = [_model(clary, job, folder) for job in ("one-0", "two-0")]
        apart = float(_python(python, "-c", COMPARE, str(folder / "part-0.csv"), *models))
    beside = f"one host: {min(alone):.2f} s, two: {min(together):.2f} s"
    ratio = min(together) / min(alone)
    return [
        Figure(name="two hosts against one, training", value=ratio, unit="x", target=1.25, floor=beside),
        Figure(
            name="two hosts against one, predictions apart",
            value=apart,
            unit="",
            target=1e-5,
            floor=f"{apart:.1e}",
        ),
    ]


def _train(clary: Clary, name: str, resources: dict[str, Any]) -> float:
    request = training_job(name, IMAGE, PARAMETERS, f"s3://{BUCKET}/hosts/train/")
    source = request["InputDataConfig"][0]["DataSource"]["S3DataSource"]
    source["S3DataDistributionType"] = "ShardedByS3Key"
    clary.client("sagemaker").create_training_job(**{**request, "ResourceConfig": resources})
    job = finish(clary, name)
    [training] = [each for each in job["SecondaryStatusTransitions"] if each["Status"] == "Training"]
    seconds: float = (training["EndTime"] - training["StartTime"]).total_seconds()
    return seconds


def _model(clary: Clary, job: str, folder: Path) -> str:
    key = f"bench/out/{job}/output/model.tar.gz"
    body = clary.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        tar.extract("xgboost-model", folder / job, filter="data")
    return str(folder / job / "xgboost-model")


def _python(python: str, *words: str) -> str:
    return subprocess.run([python, *words], check=True, capture_output=True, text=True).stdout  # noqa: S603 - ours
