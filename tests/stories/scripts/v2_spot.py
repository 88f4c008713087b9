"""SageMaker SDK 2.x: managed spot training with checkpoints: python v2_spot.py NAME.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-managed-spot-training.html
"""

from __future__ import annotations

import sys
from pathlib import Path

import sagemaker
from sagemaker.pytorch import PyTorch

CODE = Path(__file__).resolve().parent / "code"


def main(name: str) -> None:
    """Train on spot capacity, and say what it saved."""
    session = sagemaker.Session()
    estimator = PyTorch(
        entry_point="checkpointed.py",
        source_dir=str(CODE),
        framework_version="2.5.1",
        py_version="py311",
        role=sagemaker.get_execution_role(),
        instance_count=1,
        instance_type="ml.m5.large",
        use_spot_instances=True,
        max_run=600,
        max_wait=1200,
        checkpoint_s3_uri=f"s3://{session.default_bucket()}/stories/spot/{name}",
        hyperparameters={"epochs": 60, "pause": 0.2},
        sagemaker_session=session,
    )
    estimator.fit(job_name=name)
    told = session.describe_training_job(name)
    saved = 1 - told["BillableTimeInSeconds"] / told["TrainingTimeInSeconds"]
    print(f"SAVED {saved:.0%} of {told['TrainingTimeInSeconds']} seconds")
    print("MODEL", estimator.model_data)


if __name__ == "__main__":
    main(sys.argv[1])
