"""CreateEndpoint to InService for a small XGBoost model whose image is built."""

from __future__ import annotations

import time

from benchmarks.harness import (
    IMAGE,
    ROLE,
    Clary,
    Figure,
    finish,
    median,
    server,
    training_job,
    upload_table,
    wait_for,
)

ROUNDS = 5


def run() -> list[Figure]:
    """Measure beside the time the same model takes to load in a process that has the library."""
    times = []
    with server() as clary:
        model = train(clary)
        for number in range(ROUNDS):
            times.append(_create(clary, f"bench-{number}", model))
    return [
        Figure(
            name="CreateEndpoint to InService, p50",
            value=median(times),
            unit="s",
            target=2,
            floor=f"fastest of {ROUNDS}: {min(times):.2f} s",
        )
    ]


def train(clary: Clary) -> str:
    """Train the model that is served and return the address of its artefact."""
    hyperparameters = {"num_round": "100", "objective": "binary:logistic", "max_depth": "4"}
    request = training_job("model", IMAGE, hyperparameters, upload_table(clary))
    clary.client("sagemaker").create_training_job(**request)
    made: str = finish(clary, "model")["ModelArtifacts"]["S3ModelArtifacts"]
    return made


def _create(clary: Clary, name: str, model: str) -> float:
    deploy(clary, name, model, wait=False)
    begun = time.perf_counter()
    sagemaker = clary.client("sagemaker")
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    wait_for(lambda: sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService")
    taken = time.perf_counter() - begun
    sagemaker.delete_endpoint(EndpointName=name)
    return taken


def deploy(clary: Clary, name: str, model: str, *, wait: bool = True) -> None:
    """Create model and configuration; with `wait` the endpoint too, until it is in service."""
    sagemaker = clary.client("sagemaker")
    container = {"Image": IMAGE, "ModelDataUrl": model}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[{**variant, "InitialInstanceCount": 1}]
    )
    if wait:
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        wait_for(lambda: sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService")
