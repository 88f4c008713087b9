"""SageMaker SDK 2.x: a pipeline of one notebook: python v2_notebook_job.py IMAGE NOTEBOOK.

https://docs.aws.amazon.com/sagemaker/latest/dg/create-notebook-auto-run-sdk.html
"""

from __future__ import annotations

import io
import json
import sys
import tarfile

import sagemaker
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.notebook_job_step import NotebookJobStep
from sagemaker.workflow.parameters import ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession


def main() -> None:
    """Run the notebook twice, with the default parameter and with another, and show what it printed."""
    session = PipelineSession()
    word = ParameterString("Word", default_value="monday")
    step = NotebookJobStep(
        name="Report",
        input_notebook=sys.argv[2],
        image_uri=sys.argv[1],
        kernel_name="python3",
        role=sagemaker.get_execution_role(),
        notebook_job_name="nightly",
        parameters={"word": word},
    )
    told = FailStep("Tell", error_message=step.properties.OutputNotebookName)
    pipeline = Pipeline("Notebooks", parameters=[word], steps=[step, told], sagemaker_session=session)
    pipeline.upsert(role_arn=sagemaker.get_execution_role())
    for given in ({}, {"Word": "friday"}, {"Word": "never"}):
        execution = pipeline.start(parameters=given)
        try:
            execution.wait(delay=1, max_attempts=120)
        except Exception as ended:  # the last step fails with what it was told
            print(type(ended).__name__)
        steps = {each["StepName"]: each for each in execution.list_steps()}
        print(steps["Report"]["StepStatus"], steps.get("Tell", steps["Report"])["FailureReason"])
        job = steps["Report"]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
        print(_printed(session, job))


def _printed(session: PipelineSession, job: str) -> str:
    """Return what the cells of a job's notebook printed, as it was kept."""
    told = session.sagemaker_client.describe_training_job(TrainingJobName=job)
    bucket, _, prefix = told["OutputDataConfig"]["S3OutputPath"].removeprefix("s3://").partition("/")
    s3 = session.boto_session.client("s3")
    body = s3.get_object(Bucket=bucket, Key=f"{prefix}/{job}/output/output.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        wanted = told["Environment"]["SM_OUTPUT_NOTEBOOK_NAME"]
        (kept,) = [name for name in tar.getnames() if name.endswith(wanted)]
        member = tar.extractfile(kept)
        assert member is not None
        notebook = json.load(member)
    outputs = [each for cell in notebook["cells"] for each in cell.get("outputs", ())]
    return "".join("".join(each["text"]) for each in outputs if "text" in each)


if __name__ == "__main__":
    main()
