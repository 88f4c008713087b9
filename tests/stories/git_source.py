"""SageMaker SDK 2.x: train with a script of a Git repository: python … REPOSITORY BRANCH.

https://sagemaker.readthedocs.io/en/stable/overview.html#use-scripts-stored-in-a-git-repository
"""

from __future__ import annotations

import sys

import sagemaker
from sagemaker.sklearn import SKLearn


def main(repository: str, branch: str) -> None:
    """Train by the script that the branch has in `code`, and print how the job ended."""
    estimator = SKLearn(
        "train.py",
        source_dir="code",
        git_config={"repo": repository, "branch": branch},
        framework_version="1.2-1",
        instance_type="ml.m5.large",
        instance_count=1,
        role=sagemaker.get_execution_role(),
        sagemaker_session=sagemaker.Session(),
    )
    estimator.fit(job_name="from-git", logs=False)


if __name__ == "__main__":
    main(*sys.argv[1:3])
