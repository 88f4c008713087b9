"""SageMaker SDK 2.x: PyTorch under MPI, on one host and on two with two processes each.

https://docs.aws.amazon.com/sagemaker/latest/dg/distributed-training-get-started.html
https://sagemaker.readthedocs.io/en/stable/frameworks/pytorch/using_pytorch.html
"""

from __future__ import annotations

from pathlib import Path

import sagemaker
from sagemaker.pytorch import PyTorch

CODE = Path(__file__).resolve().parent / "code"


def main() -> None:
    """Train the same model in one process and in four."""
    session = sagemaker.Session()
    for hosts, processes in ((1, 1), (2, 2)):
        estimator = PyTorch(
            entry_point="together.py",
            source_dir=str(CODE),
            framework_version="2.5.1",
            py_version="py311",
            role=sagemaker.get_execution_role(),
            instance_count=hosts,
            instance_type="ml.m5.large",
            distribution={
                "mpi": {
                    "enabled": True,
                    "processes_per_host": processes,
                    "custom_mpi_options": "--NCCL_DEBUG WARN -mca btl_vader_single_copy_mechanism none",
                }
            },
            base_job_name=f"v2-mpi-{hosts}",
            sagemaker_session=session,
        )
        estimator.fit()
        print("\nJOB", hosts, estimator.latest_training_job.name)


if __name__ == "__main__":
    main()
