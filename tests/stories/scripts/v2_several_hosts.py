"""SageMaker SDK 2.x: PyTorch on two hosts with torch_distributed, and on one.

https://docs.aws.amazon.com/sagemaker/latest/dg/distributed-training-get-started.html
https://sagemaker.readthedocs.io/en/stable/frameworks/pytorch/using_pytorch.html
"""

from __future__ import annotations

from pathlib import Path

import sagemaker
from sagemaker.pytorch import PyTorch

CODE = Path(__file__).resolve().parent / "code"


def main() -> None:
    """Train the same model on one host and on two."""
    session = sagemaker.Session()
    for count in (1, 2):
        estimator = PyTorch(
            entry_point="together.py",
            source_dir=str(CODE),
            framework_version="2.5.1",
            py_version="py311",
            role=sagemaker.get_execution_role(),
            instance_count=count,
            instance_type="ml.g4dn.xlarge",  # the SDK wants a type with a GPU
            distribution={"torch_distributed": {"enabled": True}},
            base_job_name=f"v2-hosts-{count}",
            sagemaker_session=session,
        )
        estimator.fit()
        print("\nJOB", count, estimator.latest_training_job.name)


if __name__ == "__main__":
    main()
