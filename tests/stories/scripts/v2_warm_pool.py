"""SageMaker SDK 2.x: managed warm pools: python v2_warm_pool.py TRAIN.csv.

https://docs.aws.amazon.com/sagemaker/latest/dg/train-warm-pools.html
"""

from __future__ import annotations

import sys
from pathlib import Path

import sagemaker
from sagemaker.inputs import TrainingInput
from sagemaker.sklearn import SKLearn

CODE = Path(__file__).resolve().parents[3] / "examples" / "code"


def main(train: Path) -> None:
    """Train twice on the same pool, then let go of it."""
    session = sagemaker.Session()
    data = TrainingInput(
        session.upload_data(str(train), session.default_bucket(), "stories/pool"), content_type="text/csv"
    )
    estimator = SKLearn(
        entry_point="train_sklearn.py",
        source_dir=str(CODE),
        framework_version="1.2-1",
        role=sagemaker.get_execution_role(),
        instance_type="ml.m5.large",
        keep_alive_period_in_seconds=900,
        hyperparameters={"n-estimators": 10},
        sagemaker_session=session,
    )
    estimator.fit({"train": data}, job_name="pool-first")
    pool(session, "pool-first")
    estimator.fit({"train": data}, job_name="pool-second")
    pool(session, "pool-first")
    session.update_training_job("pool-second", resource_config={"KeepAlivePeriodInSeconds": 1800})
    pool(session, "pool-second")
    listed = session.sagemaker_client.list_training_jobs(WarmPoolStatusEquals="Available")
    print("AVAILABLE", *(each["TrainingJobName"] for each in listed["TrainingJobSummaries"]))
    session.update_training_job("pool-second", resource_config={"KeepAlivePeriodInSeconds": 0})


def pool(session: sagemaker.Session, name: str) -> None:
    """Print how the pool of a job stands, and how long its job took to train."""
    told = session.describe_training_job(name)
    status = told["WarmPoolStatus"]
    print("POOL", name, status["Status"], status.get("ReusedByJob", "-"), told["TrainingTimeInSeconds"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
