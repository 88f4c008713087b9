"""SageMaker SDK 2.x: image classification from files and from an augmented manifest, with a batch transform.

https://docs.aws.amazon.com/sagemaker/latest/dg/image-classification.html

Nothing here knows where the server is.
"""

from __future__ import annotations

import json
import random
import struct
import tempfile
import zlib
from pathlib import Path

import sagemaker
from sagemaker import image_uris
from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.s3 import S3Downloader
from sagemaker.serializers import IdentitySerializer

INSTANCE, SIDE = "ml.c5.xlarge", 16
HYPERPARAMETERS = {
    "num_layers": 20,
    "image_shape": f"3,{SIDE},{SIDE}",
    "num_classes": 2,
    "num_training_samples": 32,
    "mini_batch_size": 8,
    "epochs": 12,
    "learning_rate": 0.05,
}


def main() -> None:
    """Train on pictures of two colours, ask an endpoint, transform a folder, train from a manifest."""
    session = sagemaker.Session()
    base = f"s3://{session.default_bucket()}/pictures"
    with tempfile.TemporaryDirectory() as folder:
        for name, count in (("train", 32), ("validation", 8)):
            write(Path(folder), name, count)
        session.upload_data(folder, session.default_bucket(), "pictures")
    image = image_uris.retrieve("image-classification", session.boto_region_name)

    def estimator(mode: str) -> Estimator:
        return Estimator(
            image,
            "arn:aws:iam::000000000000:role/SageMakerExecutionRole",
            1,
            INSTANCE,
            input_mode=mode,
            sagemaker_session=session,
            hyperparameters=HYPERPARAMETERS,
        )

    listed = estimator("File")
    channels = ("train", "validation", "train_lst", "validation_lst")
    listed.fit({one: TrainingInput(f"{base}/{one}/", content_type="application/x-image") for one in channels})
    told = session.describe_training_job(listed.latest_training_job.name)
    print("metrics", json.dumps({one["MetricName"]: one["Value"] for one in told["FinalMetricDataList"]}))
    predictor = listed.deploy(
        1, INSTANCE, serializer=IdentitySerializer("application/x-image"), deserializer=JSONDeserializer()
    )
    print("probabilities", json.dumps([predictor.predict(drawn(label, 99)) for label in (0, 1)]))
    predictor.delete_endpoint()
    transformer = listed.transformer(1, INSTANCE, output_path=f"{base}/answers")
    transformer.transform(f"{base}/validation/", content_type="application/x-image", wait=True)
    answer = S3Downloader.read_file(f"{base}/answers/1.png.out", sagemaker_session=session)
    print("transformed", json.dumps(json.loads(answer)["prediction"]))
    streamed = estimator("Pipe")
    streamed.fit(
        {
            name: TrainingInput(
                f"{base}/manifests/{name}.manifest",
                s3_data_type="AugmentedManifestFile",
                attribute_names=["source-ref", "class"],
                record_wrapping="RecordIO",
                content_type="application/x-recordio",
            )
            for name in ("train", "validation")
        }
    )
    told = session.describe_training_job(streamed.latest_training_job.name)
    print("streamed", json.dumps({one["MetricName"]: one["Value"] for one in told["FinalMetricDataList"]}))


def write(folder: Path, name: str, count: int) -> None:
    """Write a channel's pictures, their list and their manifest."""
    for part in (name, f"{name}_lst", "manifests"):
        (folder / part).mkdir(exist_ok=True)
    lines, labelled = [], []
    for number in range(count):
        label = number % 2
        (folder / name / f"{number}.png").write_bytes(drawn(label, number))
        lines.append(f"{number}\t{label}\t{number}.png\n")
        source = f"s3://{sagemaker.Session().default_bucket()}/pictures/{name}/{number}.png"
        labelled.append(json.dumps({"source-ref": source, "class": str(label)}) + "\n")
    (folder / f"{name}_lst" / f"{name}.lst").write_text("".join(lines))
    (folder / "manifests" / f"{name}.manifest").write_text("".join(labelled))


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
