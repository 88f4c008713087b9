"""What a team sets up so that an approval deploys a model; how it looks up who did it and what came of it."""

from __future__ import annotations

import json
import time
from typing import Any

import boto3
from tests.stories.server import Clary

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
ROLE_OF_RULES, PIPELINE, RULE = "deploys", "Deploy", "approved"


def deploys_what_is_approved(clary: Clary, group: str, endpoint: str) -> str:
    """Make a pipeline that serves a model package, and a rule that starts it; return the pipeline's ARN."""
    package = {"Get": "Parameters.Package"}
    model = {"ExecutionRoleArn": ROLE, "PrimaryContainer": {"ModelPackageName": package}}
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": {"Get": "Steps.Create.ModelName"},
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    config = {"Get": "Steps.Configure.EndpointConfigName"}
    serve = {"EndpointName": endpoint, "EndpointConfigName": config}
    steps = [
        {"Name": "Create", "Type": "Model", "Arguments": model},
        {"Name": "Configure", "Type": "EndpointConfig", "Arguments": {"ProductionVariants": [variant]}},
        {"Name": "Serve", "Type": "Endpoint", "Arguments": serve},
    ]
    declared = [{"Name": "Package", "Type": "String"}]
    definition = {"Version": "2020-12-01", "Parameters": declared, "Steps": steps}
    arn: str = clary.client("sagemaker").create_pipeline(
        PipelineName=PIPELINE, RoleArn=ROLE, PipelineDefinition=json.dumps(definition)
    )["PipelineArn"]
    detail = {"ModelPackageGroupName": [group], "ModelApprovalStatus": ["Approved"]}
    events = clary.client("events")
    events.put_rule(Name=RULE, EventPattern=json.dumps({"source": ["aws.sagemaker"], "detail": detail}))
    given = [{"Name": "Package", "Value": "$.detail.ModelPackageArn"}]
    parameters = {"PipelineParameterList": given}
    target = {"Id": "deploy", "Arn": arn, "RoleArn": _role_of_rules(clary, arn)}
    told = events.put_targets(Rule=RULE, Targets=[{**target, "SageMakerPipelineParameters": parameters}])
    assert told["FailedEntryCount"] == 0
    return arn


def reviewer(clary: Clary, package: str) -> Any:
    """Return a client of a user who may change one version of a model and do nothing else."""
    iam = clary.client("iam")
    allowed = {"Effect": "Allow", "Action": "sagemaker:UpdateModelPackage", "Resource": package}
    iam.create_user(UserName="reviewer")
    iam.put_user_policy(UserName="reviewer", PolicyName="approve", PolicyDocument=_policy(allowed))
    keys = iam.create_access_key(UserName="reviewer")["AccessKey"]
    make: Any = boto3.client
    return make(
        "sagemaker",
        endpoint_url=clary.client("sagemaker").meta.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
    )


def started(clary: Clary, pipeline: str) -> str:
    """Wait for the pipeline's only execution; return its ARN."""
    found: list[Any] = []
    while not found:
        time.sleep(0.1)
        told = clary.client("sagemaker").list_pipeline_executions(PipelineName=pipeline)
        found = told["PipelineExecutionSummaries"]
    (execution,) = found
    arn: str = execution["PipelineExecutionArn"]
    return arn


def audited(clary: Clary, operation: str, about: str) -> list[str]:
    """Return who called an operation on something, once the audit log has it: a thread of its own writes."""
    while True:
        by = []
        for path in (clary.home / "logs").glob("audit-*.jsonl"):
            lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("}\n")]
            calls = [json.loads(line) for line in lines if operation in line]
            by += [
                one["principal"] for one in calls if (one["operation"], one["resource"]) == (operation, about)
            ]
        if by:
            return by
        time.sleep(0.1)


def came_from(clary: Clary, endpoint: str, wanted: set[str], **filters: list[str]) -> dict[str, str]:
    """Return what led to an endpoint, by source, with its type, once all that is wanted is among it."""
    return _reached(clary, "context", endpoint, "Ascendants", wanted, filters)


def led_to(clary: Clary, data: str, wanted: set[str]) -> dict[str, str]:
    """Return what some data led to, by source, with its type, once all that is wanted is among it."""
    return _reached(clary, "artifact", data, "Descendants", wanted, {})


def _reached(
    clary: Clary, kind: str, source: str, direction: str, wanted: set[str], filters: dict[str, list[str]]
) -> dict[str, str]:
    sagemaker = clary.client("sagemaker")
    list_entities = getattr(sagemaker, f"list_{kind}s")
    found: dict[str, str] = {}
    while not wanted <= found.keys():  # lineage draws itself a moment later
        time.sleep(0.1)
        for entity in list_entities(SourceUri=source)[f"{kind.capitalize()}Summaries"]:
            start, token = entity[f"{kind.capitalize()}Arn"], {"NextToken": ""}
            while token:
                told = sagemaker.query_lineage(
                    StartArns=[start],
                    Direction=direction,
                    Filters=filters,
                    IncludeEdges=not filters,
                    **{name: value for name, value in token.items() if value},
                )
                found |= {_source(sagemaker, each): each.get("Type", "") for each in told["Vertices"]}
                token = {name: told[name] for name in ("NextToken",) if told.get(name)}
    return found


def _source(sagemaker: Any, vertex: Any) -> str:
    """Return what an entity stands for."""
    kind, name = vertex["LineageType"], vertex["Arn"].rpartition("/")[2]
    if kind == "TrialComponent":
        told = sagemaker.describe_trial_component(TrialComponentName=name)
        return str(told["Source"]["SourceArn"])
    asked = {"ArtifactArn": vertex["Arn"]} if kind == "Artifact" else {f"{kind}Name": name}
    told = getattr(sagemaker, f"describe_{kind.lower()}")(**asked)
    own = kind == "Action" or told.get("ContextType") == "ModelGroup"  # an approval's is its package
    return str(vertex["Arn"] if own else told["Source"]["SourceUri"])


def _role_of_rules(clary: Clary, pipeline: str) -> str:
    """Make a role that lets rules start one pipeline; return its ARN."""
    iam = clary.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}
    starts = {"Effect": "Allow", "Action": "sagemaker:StartPipelineExecution", "Resource": pipeline}
    told = iam.create_role(RoleName=ROLE_OF_RULES, AssumeRolePolicyDocument=_policy(trust))
    iam.put_role_policy(RoleName=ROLE_OF_RULES, PolicyName="start", PolicyDocument=_policy(starts))
    arn: str = told["Role"]["Arn"]
    return arn


def _policy(statement: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
