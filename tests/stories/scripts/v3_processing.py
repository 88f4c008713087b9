"""SageMaker SDK 3.x: processing jobs with a script on scikit-learn and a folder of code on PyTorch.

python v3_processing.py DATA DIRECTORY: outputs are downloaded below DIRECTORY.

https://docs.aws.amazon.com/sagemaker/latest/dg/use-scikit-learn-processing-container.html
"""

from __future__ import annotations

import sys
from pathlib import Path

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.processing import FrameworkProcessor, ScriptProcessor
from sagemaker.core.s3 import S3Downloader
from sagemaker.core.shapes import (
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
)

CODE = Path(__file__).resolve().parent / "code"
HERE = "/opt/ml/processing"
INSTANCE = "ml.m5.large"


def main(table: Path, below: Path) -> None:
    """Prepare and embed."""
    session = Session()
    bucket, region = session.default_bucket(), session.boto_region_name
    data = session.upload_data(str(table), bucket, "stories/processing3/data").rpartition("/")[0] + "/"
    known = {
        "role": get_execution_role(session), "instance_count": 1, "instance_type": INSTANCE,
        "sagemaker_session": session,
    }  # fmt: skip
    image = image_uris.retrieve("sklearn", region, "1.2-1", instance_type=INSTANCE)
    script = ScriptProcessor(image_uri=image, command=["python3"], **known)
    outputs = [output(bucket, "script", name) for name in ("train", "test")]
    script.run(
        code=str(CODE / "prepare.py"),
        inputs=[given(data, f"{HERE}/input")],
        outputs=outputs,
        arguments=["--test-size", "0.25"],
    )
    told = script.latest_job
    told.refresh()
    print("script", told.processing_job_status, told.exit_message)
    image = image_uris.retrieve(
        "pytorch", region, "2.5.1", py_version="py311", instance_type=INSTANCE, image_scope="training"
    )
    framework = FrameworkProcessor(image_uri=image, **known)
    framework.run(
        code="embed.py",
        source_dir=str(CODE / "processing"),
        inputs=[given(data, f"{HERE}/input/data")],
        outputs=[output(bucket, "pytorch", "output")],
        logs=False,
    )
    for name in ("script", "pytorch"):
        S3Downloader.download(
            f"s3://{bucket}/stories/processing3/{name}/", str(below / name), sagemaker_session=session
        )


def given(uri: str, path: str) -> ProcessingInput:
    """Return an input that lies at a path."""
    source = ProcessingS3Input(s3_uri=uri, local_path=path, s3_data_type="S3Prefix", s3_input_mode="File")
    return ProcessingInput(input_name="data", s3_input=source)


def output(bucket: str, job: str, name: str) -> ProcessingOutput:
    """Return an output of a directory."""
    uri = f"s3://{bucket}/stories/processing3/{job}/"
    target = ProcessingS3Output(s3_uri=uri, local_path=f"{HERE}/{name}", s3_upload_mode="EndOfJob")
    return ProcessingOutput(output_name=name, s3_output=target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
