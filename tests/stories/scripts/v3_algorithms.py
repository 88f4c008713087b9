"""SageMaker SDK 3.x: built-in algorithms by ModelTrainer and ModelBuilder: python v3_algorithms.py [NAME …].

https://docs.aws.amazon.com/sagemaker/latest/dg/algos.html
"""

from __future__ import annotations

import random
import sys

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import EndpointConfig
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData

INSTANCE = "ml.m5.large"
HYPERPARAMETERS: dict[str, dict[str, object]] = {
    "linear-learner": {"predictor_type": "binary_classifier", "epochs": 5, "mini_batch_size": 100},
    "kmeans": {"k": 2, "feature_dim": 4},
    "pca": {"num_components": 2, "feature_dim": 4, "mini_batch_size": 100},
    "knn": {"k": 5, "feature_dim": 4, "sample_size": 400, "predictor_type": "classifier"},
    "randomcutforest": {"feature_dim": 4, "num_trees": 50, "num_samples_per_tree": 64},
    "lda": {"num_topics": 2, "feature_dim": 4, "mini_batch_size": 400},
    "xgboost": {"objective": "binary:logistic", "num_round": 10},
}
SIGNS = (1, 1, -1, -1)
LABELLED = ("linear-learner", "knn", "xgboost")


def main(names: list[str]) -> None:
    """Train, deploy, predict and delete, one algorithm after the other."""
    session = Session()
    role = get_execution_role(session)
    dice = random.Random(0)  # noqa: S311 - made-up data
    rows = [[dice.gauss(4 * label - 2, 1) for _ in range(4)] for label in (0, 1) for _ in range(200)]
    words = [
        [float(max(0, round(sign * value))) for sign, value in zip(SIGNS, row, strict=True)] for row in rows
    ]
    for name in names or list(HYPERPARAMETERS):
        given = words if name == "lda" else rows
        data, kind = uploaded(session, f"stories/v3/{name}", name, given)
        version = "1.7-1" if name == "xgboost" else "1"
        image = image_uris.retrieve(name, session.boto_region_name, version)
        trainer = ModelTrainer(
            training_image=image,
            compute=Compute(instance_type=INSTANCE, instance_count=1),
            hyperparameters=HYPERPARAMETERS[name],
            base_job_name=f"v3-{name}",
            sagemaker_session=session,
            role=role,
        )
        trainer.train([InputData(channel_name="train", data_source=data, content_type=kind)])
        model = trainer._latest_training_job.model_artifacts.s3_model_artifacts
        print(name, "predicts", predicted(session, role, image, model, [given[0], given[-1]]))


def uploaded(session: Session, prefix: str, name: str, rows: list[list[float]]) -> tuple[str, str]:
    """Put rows into S3 as the algorithm takes them; return where, and of which content type."""
    bucket = session.default_bucket()
    labelled = name in LABELLED
    lines = [
        ",".join(map(str, [place // (len(rows) // 2), *row] if labelled else row))
        for place, row in enumerate(rows)
    ]
    data = session.upload_string_as_file_body("\n".join(lines), bucket, f"{prefix}/train.csv")
    return data, "text/csv" if name == "xgboost" else f"text/csv;label_size={int(labelled)}"


def predicted(session: Session, role: str, image: str, model: str, rows: list[list[float]]) -> str:
    """Deploy a model, ask it once, delete it."""
    builder = ModelBuilder(
        image_uri=image,
        s3_model_data_url=model,
        role_arn=role,
        instance_type=INSTANCE,
        sagemaker_session=session,
    )
    made = builder.build()
    endpoint = builder.deploy(instance_type=INSTANCE, initial_instance_count=1)
    body = "\n".join(",".join(map(str, row)) for row in rows)
    answer = endpoint.invoke(body=body, content_type="text/csv", accept="application/json")
    told = answer.body.read().decode()
    endpoint.delete()
    EndpointConfig.get(endpoint.endpoint_config_name).delete()
    made.delete()
    return str(told)


if __name__ == "__main__":
    main(sys.argv[1:])
