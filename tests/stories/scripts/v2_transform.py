"""SageMaker SDK 2.x: batch transform, filtered, joined and captured: python v2_transform.py DATA.

https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform.html
https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html
https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-batch.html
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.inputs import BatchDataCaptureConfig, TrainingInput
from sagemaker.pytorch import PyTorch
from sagemaker.s3 import S3Downloader, S3Uploader
from sagemaker.sklearn import SKLearn
from sagemaker.transformer import Transformer

CODE = Path(__file__).resolve().parents[3] / "examples" / "code"
INSTANCE = "ml.m5.large"


def main(train: Path) -> None:
    """DATA has no header and the label in its first column."""
    session = sagemaker.Session()
    role, bucket = sagemaker.get_execution_role(), session.default_bucket()
    data = session.upload_data(str(train), bucket, "stories/transform/train")
    rows = [line.split(",") for line in train.read_text().splitlines()[:60]]
    bare = "".join(",".join(row[1:]) + "\n" for row in rows)
    named = "".join(",".join([f"id{n}", *row[1:]]) + "\n" for n, row in enumerate(rows))
    folder = f"s3://{bucket}/stories/transform/in"
    for name, text in {
        "bare/all.csv": bare,
        "named/a/one.csv": named[: len(named)],
        "named/two.csv": named,
    }.items():
        S3Uploader.upload_string_as_file_body(text, f"{folder}/{name}", sagemaker_session=session)
    estimator = xgboost(session, role)
    estimator.fit({"train": TrainingInput(data, content_type="text/csv")}, logs=False)
    associated(session, estimator, f"{folder}/named/")
    captured(session, estimator, f"{folder}/named/", f"s3://{bucket}/stories/transform/captured")
    for framework in (sklearn(session, role), pytorch(session, role)):
        framework.fit({"train": data}, logs=False)
        transformer = framework.transformer(1, INSTANCE, assemble_with="Line", accept="text/csv")
        transformer.transform(f"{folder}/bare/", content_type="text/csv", split_type="Line", logs=False)
        (answer,) = written(session, transformer).values()
        print(type(framework).__name__, "transforms", len(answer.splitlines()), "of", len(rows))


def associated(session: sagemaker.Session, estimator: Estimator, data: str) -> None:
    """Leave the id out of what is sent, and have it beside each score; on two hosts, with the log."""
    transformer = estimator.transformer(
        2, INSTANCE, strategy="MultiRecord", assemble_with="Line", accept="text/csv"
    )
    transformer.transform(
        data,
        content_type="text/csv",
        split_type="Line",
        input_filter="$[1:]",
        join_source="Input",
        output_filter="$[0,-1]",
        model_client_config={"InvocationsTimeoutInSeconds": 60, "InvocationsMaxRetries": 1},
    )
    found = written(session, transformer)
    print("names", json.dumps(sorted(found)))
    print("associated", json.dumps([line.split(",") for line in found["two.csv.out"].splitlines()[:3]]))
    attached = Transformer.attach(transformer.latest_transform_job.name, session)
    print("attached", attached.instance_count, attached.assemble_with)


def captured(session: sagemaker.Session, estimator: Estimator, data: str, to: str) -> None:
    """Capture what went in and out, by a model of its own, one record a request."""
    model = estimator.create_model()
    model.create(instance_type=INSTANCE)
    transformer = Transformer(
        model.name, 1, INSTANCE, strategy="SingleRecord", assemble_with="Line", sagemaker_session=session,
        max_concurrent_transforms=4, max_payload=1, accept="text/csv",
    )  # fmt: skip
    transformer.transform(
        data,
        content_type="text/csv",
        split_type="Line",
        input_filter="$[1:]",
        batch_data_capture_config=BatchDataCaptureConfig(to, generate_inference_id=True),
        wait=False,
    )
    transformer.wait(logs=False)
    first = written(session, transformer)["two.csv.out"].splitlines()[0].split(",")
    print("identified", json.dumps(first))
    manifests = {
        uri: json.loads(S3Downloader.read_file(uri, session)) for uri in S3Downloader.list(to, session)
    }
    print(
        "captured",
        json.dumps([[uri.removeprefix(f"{to}/"), *rest] for uri, rest in sorted(manifests.items())]),
    )


def written(session: sagemaker.Session, transformer: Transformer) -> dict[str, str]:
    """Return the outputs by their names below the output path."""
    to = transformer.output_path
    return {
        uri.removeprefix(f"{to}/"): S3Downloader.read_file(uri, session)
        for uri in S3Downloader.list(to, session)
    }


def xgboost(session: sagemaker.Session, role: str) -> Estimator:
    """Return the built-in algorithm."""
    return Estimator(
        image_uri=sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
        role=role,
        instance_count=1,
        instance_type=INSTANCE,
        hyperparameters={"objective": "binary:logistic", "num_round": 10},
        sagemaker_session=session,
    )


def sklearn(session: sagemaker.Session, role: str) -> SKLearn:
    """Return an own script on the scikit-learn image."""
    return SKLearn(
        entry_point="train_sklearn.py",
        source_dir=str(CODE),
        framework_version="1.2-1",
        role=role,
        instance_type=INSTANCE,
        hyperparameters={"n-estimators": 5},
        sagemaker_session=session,
    )


def pytorch(session: sagemaker.Session, role: str) -> PyTorch:
    """Return an own script on the PyTorch image."""
    return PyTorch(
        entry_point="train_pytorch.py",
        source_dir=str(CODE),
        framework_version="2.5.1",
        py_version="py311",
        role=role,
        instance_count=1,
        instance_type=INSTANCE,
        hyperparameters={"epochs": 2},
        sagemaker_session=session,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
