"""SageMaker SDK 2.x, registry: register, approve, deploy, tend, trace: python registry_v2.py TRAIN.csv.

TRAIN.csv has no header and the label in its first column. Nothing here knows where the server is.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import sagemaker
from sagemaker import ModelPackage
from sagemaker.drift_check_baselines import DriftCheckBaselines
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.lineage.visualizer import LineageTableVisualizer
from sagemaker.model_card import ModelPackageModelCard
from sagemaker.model_life_cycle import ModelLifeCycle
from sagemaker.model_metrics import MetricsSource, ModelMetrics
from sagemaker.predictor import Predictor
from sagemaker.s3 import S3Uploader
from sagemaker.serializers import CSVSerializer

INSTANCE = "ml.m5.large"
GROUP = "registry-example"


def main(train: Path) -> None:
    """Register two versions of a model, approve and deploy the first one, and tell where it came from."""
    session = sagemaker.Session()
    estimator = trained(session, train)
    first, second = (registered(session, estimator) for _ in range(2))
    print("registered", first.model_package_arn, second.model_package_arn)
    first.update_approval_status("Approved", "good enough")
    package = ModelPackage(
        role=sagemaker.get_execution_role(),
        model_package_arn=first.model_package_arn,
        sagemaker_session=session,
    )
    package.deploy(1, INSTANCE, endpoint_name=GROUP)
    predictor = Predictor(GROUP, session, serializer=CSVSerializer())
    rows = [[float(value) for value in line.split(",")[1:]] for line in train.read_text().splitlines()[:5]]
    print("package predicts", predictor.predict(rows).decode().split())
    first.update_approval_status("Rejected", "it drifts")
    predictor.delete_endpoint()
    tended(second, estimator)
    told = session.sagemaker_client.describe_model_package(ModelPackageName=first.model_package_arn)
    print("now", told["ModelApprovalStatus"], told["ApprovalDescription"])
    print(LineageTableVisualizer(session).show(model_package_arn=first.model_package_arn))


def trained(session: sagemaker.Session, train: Path) -> Estimator:
    """Return the built-in algorithm, fitted."""
    data = session.upload_data(str(train), session.default_bucket(), "examples/registry")
    estimator = Estimator(
        image_uri=sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
        role=sagemaker.get_execution_role(),
        instance_count=1,
        instance_type=INSTANCE,
        hyperparameters={"objective": "binary:logistic", "num_round": 5},
        sagemaker_session=session,
    )
    estimator.fit({"train": TrainingInput(data, content_type="text/csv")}, logs=False)
    return estimator


def registered(session: sagemaker.Session, estimator: Estimator) -> ModelPackage:
    """Register what was trained as the next version, with what was measured and baselines for drift."""
    report = json.dumps({"binary_classification_metrics": {"auc": {"value": 0.9}}})
    uri = f"s3://{session.default_bucket()}/examples/registry/auc.json"
    measured = S3Uploader.upload_string_as_file_body(report, uri, sagemaker_session=session)
    source = MetricsSource("application/json", measured)
    return estimator.create_model().register(
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=[INSTANCE],
        transform_instances=[INSTANCE],
        model_package_group_name=GROUP,
        model_metrics=ModelMetrics(model_statistics=source),
        drift_check_baselines=DriftCheckBaselines(model_statistics=source),
        customer_metadata_properties={"team": "churn", "ticket": "7"},
        model_life_cycle=ModelLifeCycle("Development", "InProgress", "tried out"),
    )


def tended(version: ModelPackage, estimator: Estimator) -> None:
    """Change what is known of a version, as people and pipelines do."""
    version.update_model_life_cycle({"Stage": "Staging", "StageStatus": "PendingApproval"})
    version.update_customer_metadata({"ticket": "8"})
    version.remove_customer_metadata_properties(["team"])
    version.add_inference_specification("bare", image_uris=[estimator.training_image_uri()])
    version.update_source_uri("git://churn@main")
    content = {"intended_uses": {"purpose_of_model": "who may leave", "risk_rating": "Low"}}
    version.update_model_card(ModelPackageModelCard(content, "Draft"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
