"""SageMaker SDK 2.x: what led to an endpoint, and what a table led to: python v2_lineage.py ENDPOINT TABLE.

https://docs.aws.amazon.com/sagemaker/latest/dg/querying-lineage-entities.html
"""

from __future__ import annotations

import json
import sys

import sagemaker
from sagemaker.lineage.artifact import Artifact, DatasetArtifact, ModelArtifact
from sagemaker.lineage.context import Context, EndpointContext


def main(endpoint: str, table: str) -> None:
    """Print what the SDK finds, a JSON object."""
    session = sagemaker.Session()
    (found,) = Context.list(source_uri=endpoint, sagemaker_session=session)
    context = EndpointContext.load(context_name=found.context_name, sagemaker_session=session)
    (raw,) = Artifact.list(source_uri=table, sagemaker_session=session)
    data = DatasetArtifact.load(artifact_arn=raw.artifact_arn, sagemaker_session=session)
    model = archive(session, context)
    told = {
        "data": [each.source.source_uri for each in context.dataset_artifacts()],
        "training": context.training_job_arns(),
        "processing": [each.source["SourceArn"] for each in context.processing_jobs()],
        "execution": context.pipeline_execution_arn(),
        "by model": [model.pipeline_execution_arn(), *model.training_job_arns()],
        "of model": [each.source.source_uri for each in model.endpoint_contexts()],
        "of data": [each.source.source_uri for each in data.endpoint_contexts()],
    }
    print(json.dumps(told))


def archive(session: sagemaker.Session, context: EndpointContext) -> ModelArtifact:
    """Return the archive that the endpoint's training job made."""
    (job,) = context.training_job_arns()
    told = session.describe_training_job(job.rpartition("/")[2])["ModelArtifacts"]["S3ModelArtifacts"]
    (found,) = Artifact.list(source_uri=told, sagemaker_session=session)
    return ModelArtifact.load(artifact_arn=found.artifact_arn, sagemaker_session=session)


if __name__ == "__main__":
    main(*sys.argv[1:])
