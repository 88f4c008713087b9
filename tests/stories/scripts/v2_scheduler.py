"""SageMaker SDK 2.x: triggers of a pipeline, which start it by the clock: python v2_scheduler.py.

https://docs.aws.amazon.com/sagemaker/latest/dg/pipeline-eventbridge.html
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import sagemaker
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionEquals
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.parameters import ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.triggers import PipelineSchedule

role = sagemaker.get_execution_role()
word = ParameterString(name="Word", default_value="yes")
never = FailStep(name="Never", error_message="it was not yes")
asked = ConditionStep(
    name="Asked", conditions=[ConditionEquals(left=word, right="yes")], if_steps=[], else_steps=[never]
)
pipeline = Pipeline(name="Scheduled", parameters=[word], steps=[asked])
pipeline.upsert(role_arn=role)

soon = datetime.now(UTC) + timedelta(seconds=5)
arns = pipeline.put_triggers(
    [PipelineSchedule(name="often", rate=(1, "day")), PipelineSchedule(name="once", at=soon)], role_arn=role
)
print("triggers", sorted(arn.rpartition(":")[2] for arn in arns))
print("told", pipeline.describe_trigger("often")["Schedule_Expression"])
while True:
    started = pipeline.list_executions()["PipelineExecutionSummaries"]
    if len(started) == 2 and {each["PipelineExecutionStatus"] for each in started} == {"Succeeded"}:
        break
    time.sleep(0.2)
print("executions", len(started))
pipeline.put_triggers([PipelineSchedule(name="often", cron="0 3 * * ? *", enabled=False)], role_arn=role)
told = pipeline.describe_trigger("often")
print("anew", told["Schedule_Expression"], told["Schedule_State"])
pipeline.delete_triggers(["often", "once"])
