"""AWS managed policies that exist here, read-only, under their well-known ARNs.

The documents are our own: what the policy of that name grants, for the services this server has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from clary.core import ids
from clary.operations.iam.managed_sagemaker import SAGEMAKER

PREFIX = "arn:aws:iam::aws:policy/"
_SINCE = datetime(2015, 2, 6, 18, 39, 46, tzinfo=UTC)
_ECR_READING = [
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:Describe*",
    "ecr:Get*",
    "ecr:List*",
]
_READING = [
    "application-autoscaling:Describe*",
    "application-autoscaling:List*",
    "cloudwatch:Describe*",
    "cloudwatch:Get*",
    "cloudwatch:List*",
    *_ECR_READING,
    "iam:Generate*",
    "iam:Get*",
    "iam:List*",
    "iam:Simulate*",
    "logs:Describe*",
    "logs:FilterLogEvents",
    "logs:Get*",
    "logs:List*",
    "logs:StartLiveTail",
    "logs:StartQuery",
    "logs:StopQuery",
    "organizations:Describe*",
    "organizations:List*",
    "s3:Get*",
    "s3:List*",
    "sagemaker:BatchDescribe*",
    "sagemaker:BatchGet*",
    "sagemaker:Describe*",
    "sagemaker:Get*",
    "sagemaker:List*",
    "sagemaker:QueryLineage",
    "sagemaker:Search",
    "servicequotas:Get*",
    "servicequotas:List*",
    "sts:GetAccessKeyInfo",
    "sts:GetCallerIdentity",
    "sts:GetSessionToken",
    "tag:Get*",
]
_DOCUMENTS: Mapping[str, list[dict[str, object]]] = {
    "AdministratorAccess": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    "AmazonS3FullAccess": [{"Effect": "Allow", "Action": ["s3:*", "s3-object-lambda:*"], "Resource": "*"}],
    "AmazonS3ReadOnlyAccess": [
        {"Effect": "Allow", "Action": ["s3:Get*", "s3:List*", "s3:Describe*"], "Resource": "*"}
    ],
    "CloudWatchLogsFullAccess": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}],
    "CloudWatchLogsReadOnlyAccess": [
        {
            "Effect": "Allow",
            "Action": [
                "logs:Describe*",
                "logs:Get*",
                "logs:List*",
                "logs:FilterLogEvents",
                "logs:StartLiveTail",
            ],
            "Resource": "*",
        }
    ],
    "IAMReadOnlyAccess": [
        {
            "Effect": "Allow",
            "Action": ["iam:Get*", "iam:List*", "iam:Generate*", "iam:Simulate*"],
            "Resource": "*",
        }
    ],
    "IAMFullAccess": [
        {
            "Effect": "Allow",
            "Action": ["iam:*", "organizations:Describe*", "organizations:List*"],
            "Resource": "*",
        }
    ],
    "IAMUserChangePassword": [
        {
            "Effect": "Allow",
            "Action": "iam:ChangePassword",
            "Resource": "arn:aws:iam::*:user/${aws:username}",
        },
        {"Effect": "Allow", "Action": "iam:GetAccountPasswordPolicy", "Resource": "*"},
    ],
    "PowerUserAccess": [
        {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": [
                "account:GetAccountInformation",
                "account:ListRegions",
                "iam:CreateServiceLinkedRole",
                "iam:DeleteServiceLinkedRole",
                "iam:ListRoles",
                "organizations:DescribeOrganization",
            ],
            "Resource": "*",
        },
    ],
    "ReadOnlyAccess": [{"Effect": "Allow", "Action": _READING, "Resource": "*"}],
    "AWSOrganizationsFullAccess": [
        {"Effect": "Allow", "Action": "organizations:*", "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": "iam:CreateServiceLinkedRole",
            "Resource": "*",
            "Condition": {"StringEquals": {"iam:AWSServiceName": "organizations.amazonaws.com"}},
        },
    ],
    "AWSOrganizationsReadOnlyAccess": [
        {"Effect": "Allow", "Action": ["organizations:Describe*", "organizations:List*"], "Resource": "*"}
    ],
    "CloudWatchFullAccess": [
        {"Effect": "Allow", "Action": ["cloudwatch:*", "logs:*", "iam:GetRole"], "Resource": "*"}
    ],
    "CloudWatchFullAccessV2": [
        {
            "Effect": "Allow",
            "Action": ["application-autoscaling:DescribeScalingPolicies", "cloudwatch:*", "logs:*"],
            "Resource": "*",
        }
    ],
    "CloudWatchReadOnlyAccess": [
        {
            "Effect": "Allow",
            "Action": [
                "cloudwatch:Describe*",
                "cloudwatch:Get*",
                "cloudwatch:List*",
                "logs:Describe*",
                "logs:FilterLogEvents",
                "logs:Get*",
                "logs:List*",
            ],
            "Resource": "*",
        }
    ],
    "AmazonEC2ContainerRegistryFullAccess": [{"Effect": "Allow", "Action": "ecr:*", "Resource": "*"}],
    "AmazonEC2ContainerRegistryReadOnly": [{"Effect": "Allow", "Action": _ECR_READING, "Resource": "*"}],
    "AmazonEC2ContainerRegistryPowerUser": [
        {
            "Effect": "Allow",
            "Action": [
                *_ECR_READING,
                "ecr:CompleteLayerUpload",
                "ecr:InitiateLayerUpload",
                "ecr:PutImage",
                "ecr:UploadLayerPart",
            ],
            "Resource": "*",
        }
    ],
    **SAGEMAKER,
}


@dataclass(frozen=True)
class Managed:
    """One AWS managed policy."""

    name: str
    document: str
    path: str = "/"
    since: datetime = _SINCE

    @property
    def arn(self) -> str:
        """Its well-known ARN."""
        return f"{PREFIX[:-1]}{self.path}{self.name}"

    @property
    def id(self) -> str:
        """A stable id in the form of IAM's."""
        return ids.made_up("ANPA{17}", self.name).upper()


def _managed(where: str, statements: list[dict[str, object]]) -> Managed:
    path, _, name = f"/{where}".rpartition("/")
    document = json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=4)
    return Managed(name, document, f"{path}/")


MANAGED: Mapping[str, Managed] = {
    PREFIX + where: _managed(where, statements) for where, statements in _DOCUMENTS.items()
}
"""Every AWS managed policy here, by ARN."""
