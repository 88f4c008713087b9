"""AWS's managed policies for SageMaker, in our own words: see `managed`."""

from __future__ import annotations

from collections.abc import Mapping

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
_SPELLINGS = ("sagemaker", "sageMaker", "SageMaker")
_PASS: dict[str, object] = {
    "Effect": "Allow",
    "Action": "iam:PassRole",
    "Resource": "arn:aws:iam::*:role/*",
    "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
}
SAGEMAKER: Mapping[str, list[dict[str, object]]] = {
    "AmazonSageMakerFullAccess": [
        {"Effect": "Allow", "Action": ["sagemaker:*", "sagemaker-mlflow:*"], "Resource": "*"},
        {"Effect": "Allow", "Action": [*_AROUND, *_NETWORK, *_S3_ANYWHERE], "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": ["sns:CreateTopic", "sns:Publish", "sns:Subscribe"],
            "Resource": [f"arn:aws:sns:*:*:*{name}*" for name in ("SageMaker", "Sagemaker", "sagemaker")],
        },
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
    "AmazonSageMakerPipelinesIntegrations": [
        {
            "Effect": "Allow",
            "Action": ["lambda:CreateFunction", "lambda:DeleteFunction", "lambda:GetFunction"],
            "Resource": "arn:aws:lambda:*:*:function:*sageMaker*",
        },
        {
            "Effect": "Allow",
            "Action": ["lambda:InvokeFunction", "lambda:UpdateFunctionCode"],
            "Resource": [f"arn:aws:lambda:*:*:function:*{name}*" for name in _SPELLINGS],
        },
        {
            "Effect": "Allow",
            "Action": ["sqs:CreateQueue", "sqs:SendMessage"],
            "Resource": [f"arn:aws:sqs:*:*:*{name}*" for name in _SPELLINGS],
        },
        {
            "Effect": "Allow",
            "Action": ["events:DeleteRule", "events:DescribeRule", "events:PutRule", "events:PutTargets"],
            "Resource": "arn:aws:events:*:*:rule/SageMakerPipelineExecutionEMRStepStatusUpdateRule",
        },
        {
            "Effect": "Allow",
            "Action": [
                "elasticmapreduce:AddJobFlowSteps",
                "elasticmapreduce:CancelSteps",
                "elasticmapreduce:DescribeStep",
                "elasticmapreduce:RunJobFlow",
            ],
            "Resource": "*",
        },
    ],
    "AmazonSageMakerModelRegistryFullAccess": [
        {
            "Effect": "Allow",
            "Action": [
                "sagemaker:*ModelPackage*",
                "sagemaker:CreateModel",
                "sagemaker:CreateEndpoint",
                "sagemaker:CreateEndpointConfig",
                "sagemaker:DescribeAction",
                "sagemaker:DescribeInferenceRecommendationsJob",
                "sagemaker:DescribePipeline*",
                "sagemaker:DescribeProcessingJob",
                "sagemaker:DescribeTrainingJob",
                "sagemaker:DescribeTransformJob",
                "sagemaker:ListAssociations",
                "sagemaker:ListArtifacts",
                "sagemaker:ListModelMetadata",
                "sagemaker:QueryLineage",
                "sagemaker:Search",
                "sagemaker:GetSearchSuggestions",
                "sagemaker:AddTags",
                "sagemaker:ListTags",
                "sagemaker:DeleteTags",
            ],
            "Resource": "*",
        },
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:GetBucketLocation"],
            "Resource": _SAGEMAKER_BUCKETS,
        },
        {"Effect": "Allow", "Action": ["ecr:BatchGetImage", "ecr:DescribeImages"], "Resource": "*"},
        _PASS,
    ],
    "AmazonSageMakerModelGovernanceUseAccess": [
        {
            "Effect": "Allow",
            "Action": [
                "sagemaker:*ModelCard*",
                "sagemaker:AddTags",
                "sagemaker:DeleteTags",
                "sagemaker:Describe*",
                "sagemaker:List*",
                "sagemaker:Search",
            ],
            "Resource": "*",
        },
        {"Effect": "Allow", "Action": ["kms:ListAliases", "kms:ListKeys"], "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:CreateBucket", "s3:GetBucketLocation"],
            "Resource": _SAGEMAKER_BUCKETS,
        },
    ],
    "AmazonSageMakerFeatureStoreAccess": [
        {
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:GetBucketAcl", "s3:PutObjectAcl"],
            "Resource": _SAGEMAKER_BUCKETS,
        },
        {"Effect": "Allow", "Action": ["glue:GetTable", "glue:UpdateTable"], "Resource": "*"},
    ],
    "AmazonSageMakerGroundTruthExecution": [
        {
            "Effect": "Allow",
            "Action": ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
            "Resource": _SAGEMAKER_BUCKETS,
        },
        {"Effect": "Allow", "Action": ["s3:GetBucketLocation", "s3:ListBucket"], "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": ["cloudwatch:PutMetricData", "logs:CreateLogStream", "logs:CreateLogGroup"],
            "Resource": "*",
        },
        {"Effect": "Allow", "Action": ["logs:DescribeLogStreams", "logs:PutLogEvents"], "Resource": "*"},
    ],
    "AmazonSageMakerMechanicalTurkAccess": [
        {
            "Effect": "Allow",
            "Action": ["sagemaker:*FlowDefinition*", "sagemaker:*HumanLoop*"],
            "Resource": "*",
        }
    ],
    "AmazonAugmentedAIFullAccess": [
        {
            "Effect": "Allow",
            "Action": [
                "sagemaker:*FlowDefinition*",
                "sagemaker:*HumanLoop*",
                "sagemaker:*HumanTaskUi*",
                "sagemaker:*Workforce*",
                "sagemaker:*Workteam*",
                "sagemaker:RenderUiTemplate",
            ],
            "Resource": "*",
        },
        _PASS,
    ],
    "aws-service-role/AmazonSageMakerNotebooksServiceRolePolicy": [
        {
            "Effect": "Allow",
            "Action": ["sagemaker:*App", "sagemaker:*Space", "sagemaker:*UserProfile", "elasticfilesystem:*"],
            "Resource": "*",
        },
        {"Effect": "Allow", "Action": _NETWORK, "Resource": "*"},
    ],
    "aws-service-role/AWSApplicationAutoscalingSageMakerEndpointPolicy": [
        {
            "Effect": "Allow",
            "Action": [
                "sagemaker:DescribeEndpoint",
                "sagemaker:DescribeEndpointConfig",
                "sagemaker:DescribeInferenceComponent",
                "sagemaker:UpdateEndpointWeightsAndCapacities",
                "sagemaker:UpdateInferenceComponentRuntimeConfig",
                "cloudwatch:PutMetricAlarm",
                "cloudwatch:DescribeAlarms",
                "cloudwatch:DeleteAlarms",
            ],
            "Resource": "*",
        }
    ],
}
"""Statements by where the policy lies under AWS's own ARN."""
