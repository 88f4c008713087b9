"""AWS managed policies that exist here, read-only, under their well-known ARNs.

The documents are our own: what the policy of that name grants, for the services this server has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

PREFIX = "arn:aws:iam::aws:policy/"
_SINCE = datetime(2015, 2, 6, 18, 39, 46, tzinfo=UTC)
_S3_ANYWHERE = [
    "s3:CreateBucket",
    "s3:GetBucketAcl",
    "s3:GetBucketCors",
    "s3:GetBucketLocation",
    "s3:ListAllMyBuckets",
    "s3:ListBucket",
    "s3:PutBucketCors",
    "s3:PutObjectAcl",
]
_NETWORK = [
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcEndpoints",
    "ec2:DescribeVpcs",
]
_AROUND = [
    "application-autoscaling:*",
    "cloudwatch:*",
    "ecr:*",
    "events:*",
    "glue:Get*",
    "iam:GetRole",
    "iam:ListRoles",
    "kms:DescribeKey",
    "kms:ListAliases",
    "lambda:ListFunctions",
    "logs:*",
    "scheduler:*",
    "sns:ListTopics",
    "tag:GetResources",
]
_SAGEMAKER_BUCKETS = [
    f"arn:aws:s3:::*{name}*" for name in ("SageMaker", "Sagemaker", "sagemaker", "aws-glue", "clary")
]
_DOCUMENTS: Mapping[str, list[dict[str, object]]] = {
    "AdministratorAccess": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    "AmazonSageMakerFullAccess": [
        {"Effect": "Allow", "Action": ["sagemaker:*", "sagemaker-mlflow:*"], "Resource": "*"},
        {"Effect": "Allow", "Action": [*_AROUND, *_NETWORK, *_S3_ANYWHERE], "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
            "Resource": _SAGEMAKER_BUCKETS,
        },
        {
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": "*",
            "Condition": {"StringEqualsIgnoreCase": {"s3:ExistingObjectTag/SageMaker": "true"}},
        },
        {
            "Effect": "Allow",
            "Action": "lambda:InvokeFunction",
            "Resource": [f"arn:aws:lambda:*:*:function:*{name}*" for name in ("SageMaker", "sagemaker")],
        },
        {
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": "arn:aws:iam::*:role/*",
            "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        },
    ],
    "AmazonSageMakerReadOnly": [
        {
            "Effect": "Allow",
            "Action": [
                "sagemaker:BatchGet*",
                "sagemaker:Describe*",
                "sagemaker:Get*",
                "sagemaker:List*",
                "sagemaker:Search",
            ],
            "Resource": "*",
        },
        {"Effect": "Allow", "Action": ["cloudwatch:Describe*", "cloudwatch:Get*"], "Resource": "*"},
    ],
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
        {"Effect": "Allow", "Action": ["iam:Get*", "iam:List*", "iam:Simulate*"], "Resource": "*"}
    ],
}


@dataclass(frozen=True)
class Managed:
    """One AWS managed policy."""

    name: str
    document: str
    since: datetime = _SINCE

    @property
    def arn(self) -> str:
        """Its well-known ARN."""
        return PREFIX + self.name

    @property
    def id(self) -> str:
        """A stable id in the form of IAM's."""
        return "ANPA" + (self.name.upper() + "AAAAAAAAAAAAAAAAA")[:17]


MANAGED: Mapping[str, Managed] = {
    PREFIX + name: Managed(name, json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=4))
    for name, statements in _DOCUMENTS.items()
}
"""Every AWS managed policy here, by ARN."""
