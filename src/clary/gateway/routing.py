"""Which service a request is meant for, told from its signature's scope, target, host and path."""

from __future__ import annotations

import re

from clary.core.aws_hosts import AWS_DOMAINS
from clary.core.errors import ApiError
from clary.gateway import sigv4
from clary.wire import models
from clary.wire.message import HttpRequest

_SIGNED_AS = {
    "elasticmapreduce": "emr",
    "monitoring": "cloudwatch",
    "sagemaker-mlflow": "sagemaker",
    "servicequotas": "service-quotas",
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
}
"""Signing names that differ from botocore's name of the service."""

_SAGEMAKER_PATHS = (
    (re.compile(r"/endpoints/[^/]+/[a-z-]*invocations[a-z-]*"), "sagemaker-runtime"),
    (re.compile(r"/Batch(?:Put|Get)Metrics"), "sagemaker-metrics"),
    (re.compile(r"/FeatureGroup/.+|/Batch(?:Get|Write)Records?"), "sagemaker-featurestore-runtime"),
    (re.compile(r"/human-loops.*"), "sagemaker-a2i-runtime"),
    (re.compile(r"/GetDeployments|/GetDeviceRegistration|/SendHeartbeat"), "sagemaker-edge"),
    (re.compile(r"/inference-routers/[^/]+/[a-z-]*invocations"), "sagemaker-inference-router-runtime"),
    (
        re.compile(r"/complete-rollout|/sample(?:-with-response-stream)?|/update-reward"),
        "sagemakerjobruntime",
    ),
    (re.compile(r"(?:/v1)?/training-sessions/.+"), "sagemakertrainingsessionruntime"),
)
"""REST services that share the signing name of SageMaker; everything else there is the control plane."""

_TARGETS = {"AWSEvents": "events", "AmazonSQS": "sqs", "SageMaker": "sagemaker", "Logs_20140328": "logs"}
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d+")


def service_name(request: HttpRequest) -> str:
    """Return botocore's name of the service, or raise what says that nobody here answers to that."""
    scope = sigv4.peek(request)
    name = scope.service if scope else _of_unsigned(request)
    if name == "sagemaker":
        return _of_sagemaker(request)
    if name == "s3" and request.path.startswith("/v20180820/"):
        return "s3control"
    name = _SIGNED_AS.get(name, name)
    if name not in models.names():
        raise ApiError(
            f"Clary knows no service that signs as '{name[:64]}'.", code="UnknownService", status=400
        )
    return name


def _of_sagemaker(request: HttpRequest) -> str:
    if "x-amz-target" not in request.headers:
        for pattern, name in _SAGEMAKER_PATHS:
            if pattern.fullmatch(request.path):
                return name
    return "sagemaker"


def _of_unsigned(request: HttpRequest) -> str:
    """Guess, so that even a refusal comes in the dialect the caller speaks."""
    if target := request.headers.get("x-amz-target"):
        prefix = target.rpartition(".")[0]
        return _TARGETS.get(prefix, prefix or "sagemaker")
    if (name := _of_host(request)) is not None:
        return name
    if (request.headers.get("content-type") or "").startswith("application/x-www-form-urlencoded"):
        return "sts"
    return "sagemaker" if _of_sagemaker(request) != "sagemaker" else "s3"


def _of_host(request: HttpRequest) -> str | None:
    """Return the signing name of `<service>.<region>.amazonaws.com` and its relatives."""
    host = (request.headers.get("host") or "").partition(":")[0].lower().rstrip(".")
    domain = next((domain for domain in AWS_DOMAINS if host.endswith(f".{domain}")), None)
    if domain is None:
        return None
    if re.fullmatch(r"(?:.+\.)?s3(?:-fips)?(?:[.-].*)?", host.removesuffix(f".{domain}")):
        return "s3"
    labels = [label for label in host.removesuffix(f".{domain}").split(".") if not _REGION.fullmatch(label)]
    return labels[-1].removesuffix("-fips") if labels else None
