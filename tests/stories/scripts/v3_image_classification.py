"""SageMaker SDK 3.x: image classification from RecordIO files, and on from its model.

https://docs.aws.amazon.com/sagemaker/latest/dg/image-classification.html
https://docs.aws.amazon.com/sagemaker/latest/dg/incremental-training.html
"""

from __future__ import annotations

import json
import random
import struct
import zlib

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import EndpointConfig
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData

INSTANCE, SIDE, MAGIC = "ml.c5.xlarge", 16, 0xCED7230A
HYPERPARAMETERS: dict[str, object] = {
    "num_layers": 20,
    "image_shape": f"3,{SIDE},{SIDE}",
    "num_classes": 2,
    "num_training_samples": 32,
    "mini_batch_size": 8,
    "epochs": 12,
    "learning_rate": 0.05,
}


def main() -> None:
    """Train, train on for an epoch with a model channel, deploy, ask and delete."""
    session = Session()
    role = get_execution_role(session)
    image = image_uris.retrieve("image-classification", session.boto_region_name)
    channels = []
    for name, count in (("train", 32), ("validation", 8)):
        place = f"stories/v3/pictures/{name}/{name}.rec"
        body = b"".join(record(one % 2, drawn(one % 2, one)) for one in range(count))
        session.boto_session.client("s3").put_object(Bucket=session.default_bucket(), Key=place, Body=body)
        source = f"s3://{session.default_bucket()}/{place}"
        channels.append(
            InputData(channel_name=name, data_source=source, content_type="application/x-recordio")
        )

    def train(inputs: list[InputData], **changed: object) -> tuple[str, dict[str, float]]:
        trainer = ModelTrainer(
            training_image=image,
            compute=Compute(instance_type=INSTANCE, instance_count=1),
            hyperparameters={**HYPERPARAMETERS, **changed},
            base_job_name="v3-image-classification",
            sagemaker_session=session,
            role=role,
        )
        trainer.train(inputs)
        job = trainer._latest_training_job
        job.refresh()
        metrics = {one.metric_name: one.value for one in job.final_metric_data_list}
        return job.model_artifacts.s3_model_artifacts, metrics

    model, metrics = train(channels)
    print("trained", json.dumps(metrics))
    kind = "application/x-sagemaker-model"
    seed = InputData(channel_name="model", data_source=model, content_type=kind)
    model, metrics = train([*channels, seed], epochs=1, learning_rate=0.001)
    print("trained on", json.dumps(metrics))
    builder = ModelBuilder(
        image_uri=image,
        s3_model_data_url=model,
        role_arn=role,
        instance_type=INSTANCE,
        sagemaker_session=session,
    )
    made = builder.build()
    endpoint = builder.deploy(instance_type=INSTANCE, initial_instance_count=1)
    for label in (0, 1):
        answer = endpoint.invoke(
            body=drawn(label, 99), content_type="application/x-image", accept="application/jsonlines"
        )
        print("answered", answer.body.read().decode().strip())
    endpoint.delete()
    EndpointConfig.get(endpoint.endpoint_config_name).delete()
    made.delete()


def record(label: int, picture: bytes) -> bytes:
    """Write a record of MXNet's RecordIO."""
    body = struct.pack("<IfQQ", 0, float(label), 0, 0) + picture
    return struct.pack("<II", MAGIC, len(body)) + body + bytes(-len(body) % 4)


def drawn(label: int, number: int) -> bytes:
    """Draw noise that is red or blue, as a PNG file."""
    dice = random.Random(2 * number + label)  # noqa: S311 - made-up data

    def dot() -> bytes:
        colour = [dice.randrange(100) for _ in range(3)]
        colour[2 * label] += 150
        return bytes(colour)

    rows = b"".join(b"\0" + b"".join(dot() for _ in range(SIDE)) for _ in range(SIDE))
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    chunks = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


if __name__ == "__main__":
    main()
