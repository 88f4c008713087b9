"""SageMaker SDK 3.x: ModelTrainer on spot capacity, with checkpoints and TensorBoard, and on a warm pool.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-managed-spot-training.html
https://docs.aws.amazon.com/sagemaker/latest/dg/train-warm-pools.html
"""

from __future__ import annotations

from pathlib import Path

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import TrainingJob
from sagemaker.core.shapes import ResourceConfigForUpdate, RetryStrategy
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import (
    CheckpointConfig,
    Compute,
    SourceCode,
    StoppingCondition,
    TensorBoardOutputConfig,
)

CODE = Path(__file__).resolve().parent / "code"


def main() -> None:
    """Train on spot capacity, then twice on a pool that is ended at last."""
    session = Session()
    base = f"s3://{session.default_bucket()}/stories/v3"
    spot = trainer(session, "v3-spot", Compute(
        instance_type="ml.m5.large", instance_count=1, enable_managed_spot_training=True
    ))  # fmt: skip
    spot.stopping_condition = StoppingCondition(max_runtime_in_seconds=600, max_wait_time_in_seconds=900)
    spot.with_checkpoint_config(CheckpointConfig(s3_uri=f"{base}/checkpoints"))
    spot.with_tensorboard_output_config(TensorBoardOutputConfig(s3_output_path=f"{base}/board"))
    spot.with_retry_strategy(RetryStrategy(maximum_retry_attempts=2))
    spot.train()
    job = spot._latest_training_job.refresh()
    print("SPOT", job.training_job_name, job.billable_time_in_seconds, job.training_time_in_seconds)

    pool = Compute(instance_type="ml.m5.large", instance_count=1, keep_alive_period_in_seconds=900)
    names = []
    for _ in range(2):
        kept = trainer(session, "v3-pool", pool)
        kept.train()
        names.append(kept._latest_training_job.training_job_name)
    for name in names:
        status = TrainingJob.get(name).warm_pool_status
        print("POOL", status.status, "by", status.reused_by_job == names[1])
    last = TrainingJob.get(names[1])
    last.update(resource_config=ResourceConfigForUpdate(keep_alive_period_in_seconds=1))
    print("PERIOD", last.refresh().resource_config.keep_alive_period_in_seconds)


def trainer(session: Session, name: str, compute: Compute) -> ModelTrainer:
    """Return a script on the PyTorch image."""
    image = image_uris.retrieve(
        "pytorch", session.boto_region_name, "2.5.1", py_version="py311", instance_type="ml.m5.large",
        image_scope="training",
    )  # fmt: skip
    return ModelTrainer(
        training_image=image,
        source_code=SourceCode(source_dir=str(CODE), entry_script="checkpointed.py"),
        compute=compute,
        hyperparameters={"epochs": 5},
        base_job_name=name,
        sagemaker_session=session,
        role=get_execution_role(session),
    )


if __name__ == "__main__":
    main()
