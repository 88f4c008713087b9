"""SageMaker SDK 2.x: the built-in XGBoost on spot capacity, with its own checkpoints: python … TRAIN.csv.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-checkpoints.html
"""

from __future__ import annotations

import sys
from pathlib import Path

import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput


def main(train: Path) -> None:
    """Train on spot capacity; then train again, and go on from where the first one ended."""
    session = sagemaker.Session()
    bucket = session.default_bucket()
    data = TrainingInput(
        session.upload_data(str(train), bucket, "stories/spot-xgboost/train"), content_type="text/csv"
    )
    for rounds in (10, 15):
        estimator = Estimator(
            sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
            sagemaker.get_execution_role(),
            instance_count=1,
            instance_type="ml.m5.large",
            use_spot_instances=True,
            max_run=600,
            max_wait=600,
            checkpoint_s3_uri=f"s3://{bucket}/stories/spot-xgboost/checkpoints",
            hyperparameters={"objective": "binary:logistic", "num_round": rounds},
            sagemaker_session=session,
        )
        print(f"ROUNDS {rounds}", flush=True)
        estimator.fit({"train": data})
    found = sagemaker.s3.S3Downloader.list(
        f"s3://{bucket}/stories/spot-xgboost/checkpoints", sagemaker_session=session
    )
    print("CHECKPOINTS", len(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
