"""SageMaker SDK 2.x: checkpoints that a later job goes on from, and TensorBoard's output.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-checkpoints.html
https://docs.aws.amazon.com/sagemaker/latest/dg/tensorboard-on-sagemaker.html
"""

from __future__ import annotations

from pathlib import Path

import sagemaker
from sagemaker.debugger import TensorBoardOutputConfig
from sagemaker.pytorch import PyTorch
from sagemaker.s3 import S3Downloader

CODE = Path(__file__).resolve().parent / "code"


def main() -> None:
    """Train some epochs; train the same again with more of them."""
    session = sagemaker.Session()
    base = f"s3://{session.default_bucket()}/stories/checkpoints"
    for name, epochs in (("checkpoints-first", 4), ("checkpoints-second", 9)):
        estimator = PyTorch(
            entry_point="checkpointed.py",
            source_dir=str(CODE),
            framework_version="2.5.1",
            py_version="py311",
            role=sagemaker.get_execution_role(),
            instance_count=1,
            instance_type="ml.m5.large",
            checkpoint_s3_uri=f"{base}/kept",
            checkpoint_local_path="/opt/ml/checkpoints",
            tensorboard_output_config=TensorBoardOutputConfig(
                s3_output_path=f"{base}/board", container_local_output_path="/opt/ml/output/tensorboard"
            ),
            hyperparameters={"epochs": epochs},
            sagemaker_session=session,
        )
        estimator.fit(job_name=name)
        print("BOARD", estimator.latest_job_tensorboard_artifacts_path())
        print("EVENTS", *S3Downloader.list(f"{base}/board/{name}", sagemaker_session=session))
    print("KEPT", *S3Downloader.list(f"{base}/kept", sagemaker_session=session))


if __name__ == "__main__":
    main()
