"""SageMaker SDK 2.x: processing jobs with scripts on scikit-learn, PyTorch and Transformers.

python v2_processing.py DATA DIRECTORY: outputs are downloaded below DIRECTORY.

https://docs.aws.amazon.com/sagemaker/latest/dg/use-scikit-learn-processing-container.html
https://docs.aws.amazon.com/sagemaker/latest/dg/processing-job-frameworks.html
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import sagemaker
from sagemaker import image_uris
from sagemaker.huggingface import HuggingFace
from sagemaker.processing import FrameworkProcessor, ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.pytorch import PyTorch
from sagemaker.s3 import S3Downloader
from sagemaker.sklearn.processing import SKLearnProcessor

CODE = Path(__file__).resolve().parent / "code"
HERE = "/opt/ml/processing"
INSTANCE = "ml.m5.large"


def main(table: Path, below: Path) -> None:
    """Prepare, embed and count; bad requests at the end."""
    session = sagemaker.Session()
    role, bucket = sagemaker.get_execution_role(), session.default_bucket()
    data = session.upload_data(str(table), bucket, "stories/processing/data")
    folder = data.rpartition("/")[0] + "/"
    prepared(session, role, data, below)
    for name, processor, words in frameworks(session, role):
        processor.run(
            code="embed.py",
            source_dir=str(CODE / "processing"),
            inputs=[ProcessingInput(source=folder, destination=f"{HERE}/input/data")],
            outputs=[ProcessingOutput(output_name="embedded", source=f"{HERE}/output")],
            arguments=words or None,
            logs=False,
        )
        fetch(session, processor, below / name)
    sharded(session, role, bucket, table, below)
    refused(session, role, folder)


def prepared(session: sagemaker.Session, role: str, data: str, below: Path) -> None:
    """Split a table with scikit-learn, by SKLearnProcessor and by ScriptProcessor; the log is shown once."""
    made = [
        ProcessingOutput(output_name=name, source=f"{HERE}/{name}", s3_upload_mode=mode)
        for name, mode in (("train", "EndOfJob"), ("test", "Continuous"))
    ]
    given = [ProcessingInput(source=data, destination=f"{HERE}/input")]
    image = image_uris.retrieve("sklearn", session.boto_region_name, "1.2-1", instance_type=INSTANCE)
    sklearn = SKLearnProcessor("1.2-1", **on(session, role))
    script = ScriptProcessor(image_uri=image, command=["python3"], **on(session, role))
    for name, processor in (("sklearn", sklearn), ("script", script)):
        processor.run(
            code=str(CODE / "prepare.py"),
            inputs=given,
            outputs=made,
            arguments=["--test-size", "0.25"],
            logs=name == "sklearn",
        )
        told = processor.latest_job.describe()
        print(name, told["ProcessingJobStatus"], told["ExitMessage"])
        fetch(session, processor, below / name)


def frameworks(session: sagemaker.Session, role: str) -> list[tuple[str, FrameworkProcessor, list[str]]]:
    """Return processors of PyTorch and Hugging Face."""
    known = on(session, role)
    transformers = "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-training:2.5.1-cpu-py311"
    return [
        (
            "pytorch",
            FrameworkProcessor(PyTorch, framework_version="2.5", py_version="py311", **known),
            [],
        ),
        (
            "huggingface",
            FrameworkProcessor(
                HuggingFace,
                framework_version="4.49",
                image_uri=transformers,
                py_version="py311",
                command=["python3"],
                **known,
            ),
            ["--with-transformers"],
        ),
    ]


def sharded(session: sagemaker.Session, role: str, bucket: str, table: Path, below: Path) -> None:
    """Share four files between two hosts."""
    rows = table.read_text()
    for number in range(4):
        session.upload_string_as_file_body(
            rows[: 1000 * (number + 1)], bucket, f"stories/processing/parts/{number}.csv"
        )
    processor = SKLearnProcessor("1.2-1", **on(session, role, hosts=2))
    parts = ProcessingInput(
        source=f"s3://{bucket}/stories/processing/parts/",
        destination=f"{HERE}/input/data",
        s3_data_distribution_type="ShardedByS3Key",
    )
    output = ProcessingOutput(output_name="counts", source=f"{HERE}/output")
    processor.run(code=str(CODE / "shard.py"), inputs=[parts], outputs=[output], logs=False)
    fetch(session, processor, below / "sharded")


def refused(session: sagemaker.Session, role: str, folder: str) -> None:
    """Ask for what cannot be had; print what is said."""
    processor = SKLearnProcessor("1.2-1", **on(session, role))
    bad = {
        "absent data": ([ProcessingInput(source=folder + "absent/", destination=f"{HERE}/input")], []),
        "bad path": ([ProcessingInput(source=folder, destination="/data")], []),
        "same path": (
            [ProcessingInput(source=folder, destination=f"{HERE}/a")],
            [ProcessingOutput(output_name="a", source=f"{HERE}/a")],
        ),
        "absent bucket": (
            [],
            [ProcessingOutput(output_name="a", source=f"{HERE}/a", destination="s3://absent-9f1/x")],
        ),
    }
    for name, (inputs, outputs) in bad.items():
        try:
            processor.run(code=str(CODE / "shard.py"), inputs=inputs, outputs=outputs, logs=False)
        except Exception as error:
            print("REFUSED", name, str(error))
    try:
        processor.run(code=str(CODE / "prepare.py"), logs=False)
    except Exception as error:
        print("FAILED", json.dumps(str(error)))


def on(session: sagemaker.Session, role: str, hosts: int = 1) -> dict[str, Any]:
    """Return what all processors are told."""
    return {
        "role": role, "instance_count": hosts, "instance_type": INSTANCE, "sagemaker_session": session,
    }  # fmt: skip


def fetch(session: sagemaker.Session, processor: ScriptProcessor, below: Path) -> None:
    """Download every output of a processor's last job."""
    for output in processor.latest_job.outputs:
        S3Downloader.download(output.destination, str(below), sagemaker_session=session)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
