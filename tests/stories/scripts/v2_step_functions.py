"""SageMaker SDK 2.x: a pipeline of decorated functions: python v2_step_functions.py IMAGE.

https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-step-decorator.html
"""

from __future__ import annotations

import sys

import sagemaker
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionGreaterThan
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.function_step import step
from sagemaker.workflow.parameters import ParameterInteger
from sagemaker.workflow.pipeline import Pipeline

KNOWN = {"image_uri": sys.argv[1], "instance_type": "ml.m5.large"}


@step(name="Squares", **KNOWN)
def squares(count: int) -> dict[str, object]:
    """Return some squares and what they come to."""
    found = [number * number for number in range(count)]
    return {"squares": found, "sum": sum(found)}


@step(name="Largest", **KNOWN)
def largest(of: list[int], scale: int) -> int:
    """Return the largest of some numbers, scaled."""
    return max(of) * scale


@step(name="Report", **KNOWN)
def report(found: int) -> str:
    """Say what was found."""
    return f"the largest is {found}"


def main() -> None:
    """Execute the functions, then ask the last one's answer."""
    count = ParameterInteger("Count", default_value=5)
    made = squares(count)
    most = largest(made["squares"], 2)
    told = report(most)
    decide = ConditionStep(
        "Decide",
        conditions=[ConditionGreaterThan(left=made["sum"], right=20)],
        if_steps=[told],
        else_steps=[FailStep("Few", error_message="too few")],
    )
    pipeline = Pipeline("Functions", parameters=[count], steps=[most, decide])
    pipeline.upsert(role_arn=sagemaker.get_execution_role())
    execution = pipeline.start(parameters={"Count": 6})
    execution.wait(delay=1, max_attempts=120)
    print(execution.describe()["PipelineExecutionStatus"])
    print("report:", execution.result("Report"))
    print("largest:", execution.result("Largest"))


if __name__ == "__main__":
    main()
