"""What CreateHyperParameterTuningJob refuses, through boto3."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conftest import Server

XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
BUCKET = "tuning-bad-input"
Request = dict[str, Any]
Change = Callable[[Request], object]


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    """Return a client, with a bucket to name."""
    server.client("s3").create_bucket(Bucket=BUCKET)
    server.client("s3").put_object(Bucket=BUCKET, Key="train/a.csv", Body=b"1,2\n")
    return server.client("sagemaker")


def good(name: str) -> Request:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/train/"}
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:rmse"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {
                "ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.1", "MaxValue": "0.5"}],
                "IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "2", "MaxValue": "6"}],
            },
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": {"num_round": "5"},
            "AlgorithmSpecification": {"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "InputDataConfig": [
                {"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}
            ],
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
    }


def config(request: Request) -> Request:
    found: Request = request["HyperParameterTuningJobConfig"]
    return found


def definition(request: Request) -> Request:
    found: Request = request["TrainingJobDefinition"]
    return found


def ranged(**ranges: Any) -> Change:
    return lambda request: config(request).update(ParameterRanges=ranges)


def x(low: str, high: str, scale: str = "Auto") -> list[dict[str, str]]:
    return [{"Name": "x", "MinValue": low, "MaxValue": high, "ScalingType": scale}]


def one_of(*values: str) -> list[dict[str, Any]]:
    return [{"Name": "booster", "Values": list(values)}]


def hyperband(**resource: int) -> Change:
    return lambda request: config(request).update(
        Strategy="Hyperband", StrategyConfig={"HyperbandStrategyConfig": resource}
    )


def tuning_resources(*types: str, alone: bool = False, **members: Any) -> Change:
    """Ask for several instance types, in place of one."""

    def change(request: Request) -> None:
        configs = [{"InstanceType": each, "InstanceCount": 1, "VolumeSizeInGB": 1} for each in types]
        if alone or configs:
            definition(request).pop("ResourceConfig")
        wanted = {**members, "InstanceConfigs": configs} if configs else members
        definition(request)["HyperParameterTuningResourceConfig"] = wanted

    return change


CASES: dict[str, tuple[Change, str]] = {
    "no definition": (lambda r: r.pop("TrainingJobDefinition"), "Give exactly one of TrainingJobDefinition"),
    "no ranges": (lambda r: config(r).pop("ParameterRanges"), "No hyperparameter ranges are given"),
    "31 hyperparameters": (
        ranged(
            IntegerParameterRanges=[{"Name": f"i{n}", "MinValue": "1", "MaxValue": "2"} for n in range(30)],
            ContinuousParameterRanges=x("0", "1"),
        ),
        "31 hyperparameters are to be searched; at most 30",
    ),
    "31 values": (
        ranged(CategoricalParameterRanges=one_of(*map(str, range(31)))),
        "Member must have length less than or equal to 30",
    ),
    "one twice": (
        ranged(ContinuousParameterRanges=x("0", "1"), IntegerParameterRanges=x("0", "1")),
        "'x' has more than one range",
    ),
    "static and searched": (
        lambda r: definition(r)["StaticHyperParameters"].update(eta="0.1"),
        "'eta' is both static and searched",
    ),
    "no number": (ranged(ContinuousParameterRanges=x("low", "1")), "'low', which is not a number"),
    "no integer": (ranged(IntegerParameterRanges=x("0.5", "1")), "'0.5', which is not an integer"),
    "infinite": (ranged(ContinuousParameterRanges=x("0", "inf")), "'inf', which is not a number"),
    "one point": (ranged(ContinuousParameterRanges=x("1", "1")), "MinValue must be less than MaxValue"),
    "log of zero": (
        ranged(ContinuousParameterRanges=x("0", "1", "Logarithmic")),
        "Logarithmic scaling works only for values greater than 0",
    ),
    "reverse above one": (
        ranged(ContinuousParameterRanges=x("0", "1", "ReverseLogarithmic")),
        "entirely within 0 <= x < 1.0",
    ),
    "reverse integers": (
        ranged(IntegerParameterRanges=x("0", "1", "ReverseLogarithmic")),
        "works only for continuous ranges",
    ),
    "values twice": (ranged(CategoricalParameterRanges=one_of("a", "a")), "each must be distinct"),
    "few combinations": (
        ranged(CategoricalParameterRanges=one_of("gbtree")),
        r"for the provided ranges \[1.0\] must be equal or greater than the value of MaxNumberOfJobs, \[2\]",
    ),
    "grid of numbers": (
        lambda r: config(r).update(Strategy="Grid"),
        "searches categorical hyperparameters only",
    ),
    "grid of another number": (
        lambda r: (
            config(r).update(Strategy="Grid"),
            ranged(CategoricalParameterRanges=one_of("gbtree", "dart", "gblinear"))(r),
        ),
        "it must be the number of distinct combinations of the categorical values, 3",
    ),
    "no metric": (
        lambda r: config(r)["HyperParameterTuningJobObjective"].update(MetricName="validation:joy"),
        r"The objective metric for the hyperparameter tuning job, \[validation:joy\], isn't valid for the",
    ),
    "no such definition": (
        lambda r: definition(r)["AlgorithmSpecification"].update(
            MetricDefinitions=[{"Name": "loss", "Regex": "loss=(.*)"}]
        ),
        "Provide a metric in the metric definitions",
    ),
    "no objective": (
        lambda r: config(r).pop("HyperParameterTuningJobObjective"),
        "A hyperparameter tuning job objective is required",
    ),
    "hyperband's configuration": (
        lambda r: config(r).update(StrategyConfig={"HyperbandStrategyConfig": {"MinResource": 1}}),
        "is for the strategy Hyperband, not for Random",
    ),
    "no resource": (hyperband(MinResource=1), "MaxResource is neither given"),
    "too much": (hyperband(MaxResource=20_001), "it may be at most 20000"),
    "turned around": (hyperband(MinResource=9, MaxResource=3), "may be at most MaxResource, 3"),
    "hyperband and early stopping": (
        lambda r: (hyperband(MaxResource=9)(r), config(r).update(TrainingJobEarlyStoppingType="Auto")),
        "must be Off with the strategy Hyperband",
    ),
    "no end": (
        lambda r: config(r)["ResourceLimits"].pop("MaxNumberOfTrainingJobs"),
        "Nothing says when the tuning job is complete",
    ),
    "no bucket": (
        lambda r: definition(r)["OutputDataConfig"].update(S3OutputPath="s3://no-such-bucket-here/out"),
        "does not exist. Create the bucket",
    ),
    "resources twice": (
        tuning_resources(InstanceType="ml.m5.large", InstanceCount=1, VolumeSizeInGB=1),
        "exactly one of ResourceConfig and HyperParameterTuningResourceConfig",
    ),
    "instances in two ways": (
        tuning_resources("ml.m5.large", InstanceCount=1),
        "has both InstanceConfigs and InstanceCount",
    ),
    "one type twice": (
        tuning_resources("ml.m5.large", "ml.m5.large"),
        "has the instance type ml.m5.large twice",
    ),
    "nothing to allocate": (
        tuning_resources(
            InstanceType="ml.m5.large", InstanceCount=1, AllocationStrategy="Prioritized", alone=True
        ),
        "AllocationStrategy is given without InstanceConfigs",
    ),
    "a retained pool": (
        lambda r: definition(r)["ResourceConfig"].update(KeepAlivePeriodInSeconds=600),
        "is not for tuning jobs",
    ),
    "no parent": (
        lambda r: r.update(
            WarmStartConfig={
                "WarmStartType": "TransferLearning",
                "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "nobody"}],
            }
        ),
        "not found",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_could_not_run_is_refused_in_words(sagemaker: Any, case: str) -> None:
    change, words = CASES[case]
    request = copy.deepcopy(good("refused"))
    change(request)
    with pytest.raises(ClientError, match=words) as refused:
        sagemaker.create_hyper_parameter_tuning_job(**request)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.parametrize(
    ("strategy", "limits"),
    [
        ("Bayesian", {"MaxNumberOfTrainingJobs": 751}),
        ("Random", {"MaxNumberOfTrainingJobs": 10_001}),
        ("Random", {"MaxParallelTrainingJobs": 101}),
    ],
)
def test_more_than_the_limits_is_refused_as_such(
    sagemaker: Any, strategy: str, limits: dict[str, int]
) -> None:
    request = good("refused")
    config(request)["Strategy"] = strategy
    config(request)["ResourceLimits"].update(limits)
    with pytest.raises(ClientError) as refused:
        sagemaker.create_hyper_parameter_tuning_job(**request)
    assert refused.value.response["Error"]["Code"] == "ResourceLimitExceeded"


def test_a_good_one_is_in_progress_listed_and_cannot_be_deleted_yet(sagemaker: Any) -> None:
    name = "tuning-conformance"
    arn = sagemaker.create_hyper_parameter_tuning_job(**good(name))["HyperParameterTuningJobArn"]
    told = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    assert told["HyperParameterTuningJobStatus"] == "InProgress"
    assert told["ObjectiveStatusCounters"] == {"Succeeded": 0, "Pending": 0, "Failed": 0}
    assert not [member for member in told if member.startswith("_")]
    (summary,) = sagemaker.list_hyper_parameter_tuning_jobs(NameContains=name)[
        "HyperParameterTuningJobSummaries"
    ]
    assert (summary["HyperParameterTuningJobArn"], summary["Strategy"]) == (arn, "Random")
    asked = {"HyperParameterTuningJobName": name}
    assert sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(**asked)["TrainingJobSummaries"] == []
    with pytest.raises(ClientError, match="stop it first"):
        sagemaker.delete_hyper_parameter_tuning_job(**asked)
    sagemaker.stop_hyper_parameter_tuning_job(**asked)
    told = sagemaker.describe_hyper_parameter_tuning_job(**asked)
    assert told["HyperParameterTuningJobStatus"] == "Stopping"
    with pytest.raises(ClientError) as taken:
        sagemaker.create_hyper_parameter_tuning_job(**good(name))
    assert taken.value.response["Error"]["Code"] == "ResourceInUse"
    for verb in ("describe_hyper_parameter_tuning_job", "list_training_jobs_for_hyper_parameter_tuning_job"):
        with pytest.raises(ClientError) as missing:
            getattr(sagemaker, verb)(HyperParameterTuningJobName="nobody")
        assert missing.value.response["Error"]["Code"] == "ResourceNotFound"
