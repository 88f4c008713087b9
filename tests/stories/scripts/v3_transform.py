"""SageMaker SDK 3.x: batch transform of a built-in algorithm's model by Transformer: python v3_transform.py.

https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform.html
"""

from __future__ import annotations

import json
import random

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import Model, TransformJob
from sagemaker.core.s3 import S3Downloader, S3Uploader
from sagemaker.core.shapes import ContainerDefinition
from sagemaker.core.transformer import Transformer
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData

INSTANCE, NAME = "ml.m5.large", "v3-transform"


def main() -> None:
    """Train a linear learner, transform CSV into JSON Lines, and JSON Lines that are joined."""
    session = Session()
    role, bucket = get_execution_role(session), session.default_bucket()
    dice = random.Random(0)  # noqa: S311 - made-up data
    rows = [[dice.gauss(4 * label - 2, 1) for _ in range(4)] for label in (0, 1) for _ in range(100)]
    folder = f"s3://{bucket}/stories/v3-transform"

    def upload(text: str, name: str) -> str:
        S3Uploader.upload_string_as_file_body(text, f"{folder}/{name}", sagemaker_session=session)
        return f"{folder}/{name}"

    labelled = upload(
        "".join(f"{n // 100},{','.join(map(str, row))}\n" for n, row in enumerate(rows)), "train/a.csv"
    )
    image = image_uris.retrieve("linear-learner", session.boto_region_name, "1")
    trainer = ModelTrainer(
        training_image=image,
        compute=Compute(instance_type=INSTANCE, instance_count=1),
        hyperparameters={"predictor_type": "binary_classifier", "epochs": 5, "mini_batch_size": 50},
        base_job_name=NAME,
        sagemaker_session=session,
        role=role,
    )
    trainer.train([InputData(channel_name="train", data_source=labelled, content_type="text/csv")])
    artefact = trainer._latest_training_job.model_artifacts.s3_model_artifacts
    container = ContainerDefinition(image=image, model_data_url=artefact)
    Model.create(model_name=NAME, primary_container=container, execution_role_arn=role)

    upload("".join(",".join(map(str, row)) + "\n" for row in rows), "csv/a.csv")
    told = transformed(session, f"{folder}/csv/", "text/csv")
    print("csv", len(told), json.dumps([told[0], told[-1]]))
    lines = [json.dumps({"id": n, "features": row}) + "\n" for n, row in enumerate(rows)]
    upload("".join(lines), "json/a.jsonl")
    told = transformed(
        session, f"{folder}/json/", "application/jsonlines",
        input_filter="$['features']", join_source="Input", output_filter="$['id','SageMakerOutput']",
    )  # fmt: skip
    print("joined", len(told), json.dumps([told[0], told[-1]]))


def transformed(session: Session, data: str, content_type: str, **processing: str) -> list[object]:
    """Run a job to its end and return the records of its only output."""
    transformer = Transformer(
        NAME, 1, INSTANCE, assemble_with="Line", accept="application/jsonlines", sagemaker_session=session
    )
    transformer.transform(data, content_type=content_type, split_type="Line", logs=False, **processing)
    job = TransformJob.get(transformer._current_job_name)
    print("status", job.transform_job_status)
    (uri,) = S3Downloader.list(job.transform_output.s3_output_path, sagemaker_session=session)
    return [json.loads(line) for line in S3Downloader.read_file(uri, session).splitlines()]


if __name__ == "__main__":
    main()
