"""SageMaker SDK 3.x: ModelTrainer on two hosts with Torchrun, and on one.

https://docs.aws.amazon.com/sagemaker/latest/dg/distributed-training-get-started.html
"""

from __future__ import annotations

from pathlib import Path

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, SourceCode
from sagemaker.train.distributed import Torchrun

CODE = Path(__file__).resolve().parent / "code"


def main() -> None:
    """Train the same model on one host and on two."""
    session = Session()
    image = image_uris.retrieve(
        "pytorch", session.boto_region_name, "2.5.1", py_version="py311", instance_type="ml.m5.large",
        image_scope="training",
    )  # fmt: skip
    for count in (1, 2):
        trainer = ModelTrainer(
            training_image=image,
            source_code=SourceCode(source_dir=str(CODE), entry_script="together.py"),
            compute=Compute(instance_type="ml.m5.large", instance_count=count),
            distributed=Torchrun(),
            base_job_name=f"v3-hosts-{count}",
            sagemaker_session=session,
            role=get_execution_role(session),
        )
        trainer.train()
        print("JOB", count, trainer._latest_training_job.training_job_name)


if __name__ == "__main__":
    main()
