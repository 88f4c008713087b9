"""What CreateAlgorithm refuses, and what an algorithm asks of the jobs that name it, through boto3."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.model_registry.shop import ARN, BUCKET, IMAGE, ROLE, refusal, stock

if TYPE_CHECKING:
    from tests.conftest import Server

Request = dict[str, Any]
Change = Callable[[Request], object]
METRIC = {"Name": "validation:rmse", "Regex": "rmse=([0-9.]+)"}


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    """Return a client, with data to train on and the algorithm `bounded`."""
    client = stock(server)
    server.client("s3").put_object(Bucket=BUCKET, Key="algorithms/a.csv", Body=b"1,2\n")
    client.create_algorithm(**algorithm("bounded"))
    return client


def algorithm(name: str) -> Request:
    return {
        "AlgorithmName": name,
        "TrainingSpecification": {
            "TrainingImage": IMAGE,
            "SupportedTrainingInstanceTypes": ["ml.m5.large", "ml.m5.xlarge"],
            "TrainingChannels": [
                {
                    "Name": "train",
                    "IsRequired": True,
                    "SupportedContentTypes": ["text/csv"],
                    "SupportedInputModes": ["File"],
                },
                {"Name": "extra", "SupportedContentTypes": [], "SupportedInputModes": ["File", "FastFile"]},
            ],
            "SupportedHyperParameters": [
                {"Name": "depth", "Type": "Integer", "IsTunable": True, "Range": span("Integer", "1", "10")},
                {"Name": "eta", "Type": "Continuous", "IsTunable": True, "DefaultValue": "0.3"},
                {"Name": "num_round", "Type": "Integer", "IsRequired": True},
                {
                    "Name": "booster",
                    "Type": "Categorical",
                    "IsTunable": True,
                    "Range": {"CategoricalParameterRangeSpecification": {"Values": ["gbtree", "dart"]}},
                },
                {"Name": "note", "Type": "FreeText"},
            ],
            "MetricDefinitions": [METRIC],
            "SupportedTuningJobObjectiveMetrics": [{"Type": "Minimize", "MetricName": METRIC["Name"]}],
        },
    }


def span(kind: str, low: str, high: str) -> Request:
    return {f"{kind}ParameterRangeSpecification": {"MinValue": low, "MaxValue": high}}


def training(request: Request) -> Request:
    found: Request = request["TrainingSpecification"]
    return found


def parameter(number: int, **members: Any) -> Change:
    return lambda request: training(request)["SupportedHyperParameters"][number].update(members)


BAD: dict[str, tuple[Change, str]] = {
    "twice": (parameter(1, Name="depth"), "SupportedHyperParameters has 'depth' more than once"),
    "channel twice": (
        lambda r: training(r)["TrainingChannels"][1].update(Name="train"),
        "TrainingChannels has 'train' more than once",
    ),
    "no instance": (
        lambda r: training(r).update(SupportedTrainingInstanceTypes=[]),
        "SupportedTrainingInstanceTypes is empty",
    ),
    "other range": (
        parameter(0, Range=span("Continuous", "0", "1")),
        "is Integer and has the range ContinuousParameterRangeSpecification",
    ),
    "range of text": (parameter(4, Range=span("Integer", "0", "1")), "FreeText and has the range"),
    "no integer": (parameter(0, Range=span("Integer", "1.5", "2")), "both ends must be integers"),
    "no number": (parameter(1, Range=span("Continuous", "a", "2")), "both ends must be numbers"),
    "upside down": (parameter(0, Range=span("Integer", "3", "2")), "MinValue must not be above MaxValue"),
    "default outside": (parameter(0, DefaultValue="11"), "has the DefaultValue '11'; it must be from 1 to"),
    "default outside quotes": (
        parameter(0, Range=span("Integer", '"1"', '"10"'), DefaultValue="11"),
        "has the DefaultValue '11'; it must be from",
    ),
    "default required": (parameter(2, DefaultValue="5"), "one that has a default cannot be required"),
    "tunable text": (parameter(4, IsTunable=True), "is FreeText and tunable"),
    "bad regex": (
        lambda r: training(r).update(MetricDefinitions=[{"Name": "m", "Regex": "("}]),
        "The regular expression '(' of the metric 'm' is not valid",
    ),
    "unknown objective": (
        lambda r: training(r).update(MetricDefinitions=[]),
        "names 'validation:rmse', which is not in MetricDefinitions",
    ),
    "digest": (
        lambda r: training(r).update(TrainingImageDigest="sha256:" + "0" * 64),
        "TrainingSpecification.TrainingImageDigest is not supported",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_an_algorithm_that_contradicts_itself_is_refused(sagemaker: Any, case: str) -> None:
    change, words = BAD[case]
    request = algorithm("contradictory")
    change(request)
    code, text = refusal(sagemaker.create_algorithm, **request)
    assert code == "ValidationException"
    assert words in text


def job(name: str, algorithm_name: str = "bounded") -> Request:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/algorithms/"}
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"AlgorithmName": algorithm_name, "TrainingInputMode": "File"},
        "HyperParameters": {"num_round": "2", "depth": "3"},
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/algorithms-out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }


def value(**values: str) -> Change:
    return lambda request: request["HyperParameters"].update(values)


def channel(**members: Any) -> Change:
    return lambda request: request["InputDataConfig"][0].update(members)


def resource(**members: Any) -> Change:
    return lambda request: request["ResourceConfig"].update(members)


UNFIT: dict[str, tuple[Change, str]] = {
    "absent": (
        lambda r: r["AlgorithmSpecification"].update(AlgorithmName="nowhere"),
        f"Algorithm {ARN}:algorithm/nowhere does not exist.",
    ),
    "outside": (value(depth="11"), "'depth' of the algorithm bounded is '11'; it must be from 1 to 10"),
    "no integer": (value(depth="3.5"), "it must be an integer"),
    "no number": (value(eta="quick"), "it must be a number"),
    "not listed": (value(booster="linear"), "it must be one of gbtree, dart"),
    "unknown": (value(deep="1"), "has no hyperparameter 'deep'. It has depth, eta, num_round"),
    "required": (lambda r: r["HyperParameters"].pop("num_round"), "requires the hyperparameter 'num_round'"),
    "channel required": (
        channel(ChannelName="extra"),
        "requires the channel 'train', which InputDataConfig does not have",
    ),
    "no channels": (lambda r: r.pop("InputDataConfig"), "requires the channel 'train'"),
    "input mode": (channel(InputMode="FastFile"), "does not take the input mode FastFile. Use one of File"),
    "content type": (channel(ContentType="image/png"), "does not take the content type image/png"),
    "instance": (resource(InstanceType="ml.c5.xlarge"), "does not support the instance type ml.c5.xlarge"),
    "distributed": (resource(InstanceCount=2), "does not support distributed training"),
    "both": (
        lambda r: r["AlgorithmSpecification"].update(TrainingImage=IMAGE),
        "Give exactly one of TrainingImage and AlgorithmName",
    ),
}


@pytest.mark.parametrize("case", UNFIT)
def test_a_job_that_does_not_fit_its_algorithm_is_refused_before_it_starts(sagemaker: Any, case: str) -> None:
    change, words = UNFIT[case]
    request = job("unfit")
    change(request)
    code, text = refusal(sagemaker.create_training_job, **request)
    assert code == "ValidationException"
    assert words in text


def test_an_unknown_channel_is_refused(sagemaker: Any) -> None:
    request = job("unfit")
    request["InputDataConfig"].append({**copy.deepcopy(request["InputDataConfig"][0]), "ChannelName": "test"})
    _, text = refusal(sagemaker.create_training_job, **request)
    assert "has no channel 'test'. It takes train, extra" in text


def test_a_job_takes_over_metrics_and_defaults_and_outlives_its_algorithm(sagemaker: Any) -> None:
    arn = sagemaker.create_algorithm(**algorithm("Passing"))["AlgorithmArn"]
    sagemaker.create_training_job(**job("by-algorithm", arn))
    sagemaker.delete_algorithm(AlgorithmName="Passing")
    told = sagemaker.describe_training_job(TrainingJobName="by-algorithm")
    assert told["AlgorithmSpecification"] == {
        "AlgorithmName": arn,
        "TrainingInputMode": "File",
        "MetricDefinitions": [METRIC],
    }
    assert told["HyperParameters"] == {"num_round": "2", "depth": "3", "eta": "0.3"}
    sagemaker.stop_training_job(TrainingJobName="by-algorithm")


def test_an_algorithm_that_failed_or_is_anothers_cannot_train(sagemaker: Any) -> None:
    broken = algorithm("broken")
    training(broken)["TrainingImage"] = "nobody/knows:1"
    sagemaker.create_algorithm(**broken)
    _, text = refusal(sagemaker.create_training_job, **job("never", "broken"))
    assert f"The algorithm {ARN}:algorithm/broken is Failed" in text
    foreign = "arn:aws:sagemaker:us-east-1:111111111111:algorithm/bounded"
    _, text = refusal(sagemaker.create_training_job, **job("never", foreign))
    assert "does not exist" in text


def tuning(name: str) -> Request:
    definition = job("x")
    values = definition.pop("HyperParameters")
    del definition["TrainingJobName"]
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": METRIC["Name"]},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {
                "ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.1", "MaxValue": "0.5"}]
            },
        },
        "TrainingJobDefinition": {
            **definition,
            "StaticHyperParameters": {"num_round": values["num_round"]},
        },
    }


def ranged(kind: str, **given: Any) -> Change:
    def change(request: Request) -> None:
        request["TrainingJobDefinition"]["StaticHyperParameters"].pop(given["Name"], None)
        request["HyperParameterTuningJobConfig"]["ParameterRanges"] = {f"{kind}ParameterRanges": [given]}

    return change


UNTUNABLE: dict[str, tuple[Change, str]] = {
    "objective": (
        lambda r: r["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"].update(
            Type="Maximize"
        ),
        "cannot be tuned to Maximize validation:rmse. Choose one of Minimize validation:rmse",
    ),
    "metric": (
        lambda r: r["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"].update(
            MetricName="other"
        ),
        "isn't valid for the [bounded] algorithm. Choose a valid objective metric: validation:rmse",
    ),
    "unknown": (
        ranged("Integer", Name="deep", MinValue="1", MaxValue="2"),
        "'deep' of the algorithm bounded",
    ),
    "not tunable": (ranged("Integer", Name="num_round", MinValue="1", MaxValue="2"), "is not tunable"),
    "kind": (ranged("Continuous", Name="depth", MinValue="1", MaxValue="2"), "IntegerParameterRanges"),
    "beyond": (ranged("Integer", Name="depth", MinValue="1", MaxValue="99"), "is to be searched at '99'"),
    "value": (ranged("Categorical", Name="booster", Values=["gbtree", "x"]), "is to be searched at 'x'"),
}


@pytest.mark.parametrize("case", UNTUNABLE)
def test_a_tuning_job_that_its_algorithm_does_not_offer_is_refused(sagemaker: Any, case: str) -> None:
    change, words = UNTUNABLE[case]
    request = tuning("untunable")
    change(request)
    code, text = refusal(sagemaker.create_hyper_parameter_tuning_job, **request)
    assert code == "ValidationException"
    assert words in text


def test_a_tuning_job_tells_the_metrics_of_its_algorithm(sagemaker: Any) -> None:
    sagemaker.create_hyper_parameter_tuning_job(**tuning("by-algorithm"))
    told = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="by-algorithm")
    definition = told["TrainingJobDefinition"]["AlgorithmSpecification"]
    assert (definition["AlgorithmName"], definition["MetricDefinitions"]) == ("bounded", [METRIC])
    sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="by-algorithm")
