"""SageMaker SDK 3.x: ModelTrainer and ModelBuilder with TensorFlow and Hugging Face: python v3.py DATA.

https://sagemaker.readthedocs.io/en/stable/training/index.html
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import EndpointConfig
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode

CODE = Path(__file__).resolve().parent / "code"
CPU, GPU = "ml.m5.large", "ml.g4dn.xlarge"


def main(data: Path) -> None:
    """Train and ask each; DATA has digits.csv and two texts."""
    session = Session()
    role = get_execution_role(session)
    channel = session.upload_data(str(data), session.default_bucket(), "stories/frameworks3")
    region = session.boto_region_name
    pixels = [float(field) for field in (data / "digits.csv").read_text().partition("\n")[0].split(",")[1:]]

    def uri(name: str, version: str, python: str, scope: str, torch: str | None = None) -> str:
        instance = GPU if torch and scope == "training" else CPU
        found: str = image_uris.retrieve(
            name,
            region,
            version=version,
            py_version=python,
            instance_type=instance,
            image_scope=scope,
            base_framework_version=torch,
        )
        return found

    for name, images, instance, script, epochs, body in (
        (
            "tensorflow",
            (uri("tensorflow", "2.19", "py312", "training"), uri("tensorflow", "2.19", "py312", "inference")),
            CPU,
            "train_tensorflow.py",
            3,
            {"instances": [[value / 16 for value in pixels]]},
        ),
        (
            "huggingface",
            (
                uri("huggingface", "4.49.0", "py311", "training", "pytorch2.5.1"),
                uri("huggingface", "4.49.0", "py312", "inference", "pytorch2.6.0"),
            ),
            GPU,
            "train_huggingface.py",
            8,
            {"inputs": "malignant and benign tumours of the breast"},
        ),
    ):
        trainer = ModelTrainer(
            training_image=images[0],
            source_code=SourceCode(source_dir=str(CODE), entry_script=script),
            compute=Compute(instance_type=instance, instance_count=1),
            hyperparameters={"epochs": epochs},
            base_job_name=f"v3-{name}",
            sagemaker_session=session,
            role=role,
        )
        trainer.train(input_data_config=[InputData(channel_name="train", data_source=channel)])
        builder = ModelBuilder(
            image_uri=images[1],
            s3_model_data_url=trainer._latest_training_job.model_artifacts.s3_model_artifacts,
            role_arn=role,
            instance_type=CPU,
            sagemaker_session=session,
        )
        model = builder.build()
        endpoint = builder.deploy(endpoint_name=f"v3-{name}", instance_type=CPU, initial_instance_count=1)
        answer = endpoint.invoke(body=json.dumps(body), content_type="application/json")
        told = json.loads(answer.body.read())
        scores = told["predictions"][0] if name == "tensorflow" else []
        print(name, "3.x predicts", scores.index(max(scores)) if scores else told[0]["label"])
        endpoint.delete()
        EndpointConfig.get(endpoint.endpoint_config_name).delete()
        model.delete()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
