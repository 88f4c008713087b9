"""The host names that belong to AWS, and that this server answers for."""

from __future__ import annotations

AWS_DOMAINS = ("amazonaws.com", "amazonaws.com.cn", "api.aws", "sagemaker.aws", "app.aws")


def is_aws(host: str) -> bool:
    """Say whether `host`, or a NO_PROXY pattern such as `.amazonaws.com`, lies in one of these domains."""
    name = "." + host.lower().rstrip(".").lstrip("*").lstrip(".")
    return any(name.endswith(f".{domain}") for domain in AWS_DOMAINS)
