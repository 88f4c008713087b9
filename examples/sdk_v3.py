"""SageMaker SDK 3.x: ModelTrainer, own script and built-in; ModelBuilder; predict; delete.

Usage: python sdk_v3.py TRAIN.csv. TRAIN.csv has no header and the label in its first column.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import EndpointConfig
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode

CODE = Path(__file__).resolve().parent / "code"
INSTANCE = "ml.m5.large"


def main(train: Path) -> None:
    """Train twice, deploy the built-in algorithm's model, predict and delete."""
    session = Session()
    role, bucket = get_execution_role(session), session.default_bucket()
    print("account", session.account_id(), "bucket", bucket, "role", role)
    data = session.upload_data(str(train), bucket, "examples/v3")
    channel = InputData(channel_name="train", data_source=data, content_type="text/csv")
    compute = Compute(instance_type=INSTANCE, instance_count=1)
    region = session.boto_region_name

    script = ModelTrainer(
        training_image=image_uris.retrieve("sklearn", region, "1.2-1", instance_type=INSTANCE),
        source_code=SourceCode(source_dir=str(CODE), entry_script="train_sklearn.py"),
        compute=compute,
        hyperparameters={"n-estimators": 20},
        base_job_name="v3-script",
        sagemaker_session=session,
        role=role,
    )
    script.train(input_data_config=[channel])
    print("script model", script._latest_training_job.model_artifacts.s3_model_artifacts)

    image = image_uris.retrieve("xgboost", region, "1.7-1", instance_type=INSTANCE)
    built_in = ModelTrainer(
        training_image=image,
        compute=compute,
        hyperparameters={"objective": "binary:logistic", "num_round": 20, "eval_metric": "auc"},
        base_job_name="v3-xgboost",
        sagemaker_session=session,
        role=role,
    )
    built_in.train(input_data_config=[channel])
    artifacts = built_in._latest_training_job.model_artifacts.s3_model_artifacts

    builder = ModelBuilder(
        image_uri=image,
        s3_model_data_url=artifacts,
        role_arn=role,
        instance_type=INSTANCE,
        sagemaker_session=session,
    )
    model = builder.build()
    endpoint = builder.deploy(endpoint_name="v3-example", instance_type=INSTANCE, initial_instance_count=1)
    rows = "\n".join(line.split(",", 1)[1] for line in train.read_text().splitlines()[:5])
    answer = endpoint.invoke(body=rows, content_type="text/csv", accept="text/csv")
    print("ModelBuilder predicts", answer.body.read().decode().split())
    endpoint.delete()
    EndpointConfig.get(endpoint.endpoint_config_name).delete()
    model.delete()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
