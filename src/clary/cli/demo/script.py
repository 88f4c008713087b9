"""Train a classifier, deploy it and ask it, with the SageMaker Python SDK and nothing else.

This is ordinary SDK 2.x code: it runs unchanged against AWS. Usage: python script.py DATA.csv
"""

from __future__ import annotations

import csv
import logging
import random
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore")
for name in ("sagemaker", "sagemaker.config", "botocore"):
    logging.getLogger(name).setLevel(logging.WARNING)

import sagemaker  # noqa: E402
from sagemaker.deserializers import CSVDeserializer  # noqa: E402
from sagemaker.estimator import Estimator  # noqa: E402
from sagemaker.inputs import TrainingInput  # noqa: E402
from sagemaker.predictor import Predictor  # noqa: E402
from sagemaker.serializers import CSVSerializer  # noqa: E402

HELD_OUT = 250
BATCH = 50
TIMES: list[tuple[str, float, str]] = []


def main(data: Path) -> None:
    """Run every phase and print what it took."""
    train, held_out = split(data)
    session = sagemaker.Session()
    bucket = session.default_bucket()
    with timed("upload", f"{len(train)} rows to s3://{bucket}/phishing"):
        inputs = upload(session, {"train": train, "validation": held_out})

    estimator = Estimator(
        image_uri=sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
        role=sagemaker.get_execution_role(),
        instance_count=1,
        instance_type="ml.m5.large",
        output_path=f"s3://{bucket}/phishing/models",
        hyperparameters={
            "objective": "binary:logistic",
            "eval_metric": "auc",
            "num_round": 60,
            "max_depth": 5,
            "eta": 0.2,
            "seed": 7,
        },
        sagemaker_session=session,
    )
    # The SDK's own wait sleeps 5 seconds before it looks at a job and 30 before it looks at an endpoint.
    # A waiter looks at once, and Clary answers it as soon as there is news.
    waiter = session.sagemaker_client.get_waiter
    with timed("train", "one training job, from its creation to its model"):
        estimator.fit(inputs, wait=False)
        job = estimator.latest_training_job.name
        waiter("training_job_completed_or_stopped").wait(TrainingJobName=job)
    with timed("deploy", "model, endpoint configuration and endpoint, until it answers"):
        predictor = estimator.deploy(
            initial_instance_count=1,
            instance_type="ml.m5.large",
            serializer=CSVSerializer(),
            deserializer=CSVDeserializer(),
            wait=False,
        )
        waiter("endpoint_in_service").wait(EndpointName=predictor.endpoint_name)
    with timed("predict", f"{len(held_out)} rows the model has not seen, {BATCH} a call"):
        scores = predict(predictor, held_out)
    with timed("clean up", "endpoint, its configuration and the model deleted"):
        predictor.delete_model()
        predictor.delete_endpoint()

    report(scores, [int(row[0]) for row in held_out], session.describe_training_job(job))


@contextmanager
def timed(name: str, what: str) -> Iterator[None]:
    """Keep how long a phase took."""
    begun = time.perf_counter()
    yield
    TIMES.append((name, time.perf_counter() - begun, what))


def upload(session: sagemaker.Session, tables: dict[str, list[list[str]]]) -> dict[str, TrainingInput]:
    """Put each table into the default bucket as a channel."""
    inputs = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in tables.items():
            path = Path(folder, f"{name}.csv")
            path.write_text("\n".join(",".join(row) for row in rows) + "\n")
            uri = session.upload_data(str(path), session.default_bucket(), "phishing")
            inputs[name] = TrainingInput(uri, content_type="text/csv")
    return inputs


def predict(predictor: Predictor, table: list[list[str]]) -> list[float]:
    """Ask for each row's score, a batch a call."""
    scores: list[float] = []
    for start in range(0, len(table), BATCH):
        rows = [",".join(row[1:]) for row in table[start : start + BATCH]]
        answer = predictor.predict("\n".join(rows))
        scores += [float(value) for line in answer for value in line]
    return scores


def report(scores: list[float], labels: list[int], job: dict[str, Any]) -> None:
    """Print the times and the scores."""
    print("  phase      seconds  what")
    for name, seconds, what in TIMES:
        print(f"  {name:<9} {seconds:8.2f}  {what}")
    right = sum((score > 0.5) == bool(label) for score, label in zip(scores, labels, strict=True))
    metrics = {one["MetricName"]: one["Value"] for one in job["FinalMetricDataList"]}
    print(f"\n  accuracy on the {len(labels)} held-out pages:  {right / len(labels):.3f}")
    print(f"  AUC on the held-out pages:            {auc(scores, labels):.4f}")
    print(f"  AUC that the training job reported:   {metrics['validation:auc']:.4f}")


def split(data: Path) -> tuple[list[list[str]], list[list[str]]]:
    """Return training and held-out rows, label first as the built-in algorithm wants them."""
    with data.open(newline="") as text:
        rows = [[row[-1], *row[:-1]] for row in list(csv.reader(text))[1:]]
    random.Random(7).shuffle(rows)  # noqa: S311 - a split, not a secret
    return rows[HELD_OUT:], rows[:HELD_OUT]


def auc(scores: list[float], labels: list[int]) -> float:
    """Return the area under the ROC curve: how often a phishing page outranks a legitimate one."""
    positive = [score for score, label in zip(scores, labels, strict=True) if label]
    negative = [score for score, label in zip(scores, labels, strict=True) if not label]
    wins = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    return wins / (len(positive) * len(negative))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
