"""Definitions read whole: what the SDK writes is taken, and every fault is named by its path."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from clary.core.document import Document
from clary.engines.pipelines import definition
from clary.engines.pipelines.declared import Branch, Cache, Dependency, PropertyFile
from clary.engines.pipelines.faults import DefinitionFault

WRITTEN = sorted((Path(__file__).parent / "definitions").glob("*.json"))
EVERY = json.loads((Path(__file__).parent / "definitions" / "every_v2.json").read_text())
PROCESS, TRAIN, CHECK = 0, 1, 11


def fail(name: str, **more: object) -> Document:
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": "no"}, **more}


def of(*steps: Document, **more: object) -> str:
    return json.dumps({"Version": "2020-12-01", "Steps": list(steps), **more})


def fault(text: str) -> DefinitionFault:
    with pytest.raises(DefinitionFault) as refused:
        definition.parse(text)
    return refused.value


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_what_the_sdk_writes_is_read(path: Path) -> None:
    found = definition.parse(path.read_text())
    assert len(found.order) == len(found.steps) > 0


def test_steps_keep_what_they_say() -> None:
    found = definition.parse(json.dumps(EVERY))
    assert [(each.name, each.type, each.default) for each in found.parameters] == [
        ("Count", "Integer", 1),
        ("Kind", "String", "ml.m5.large"),
        ("Threshold", "Float", 6.0),
        ("Flag", "Boolean", True),
    ]
    process = found.named["Process"]
    assert process.cache == Cache(True, "PT1H")
    assert process.property_files == (PropertyFile("Report", "evaluation", "evaluation.json"),)
    assert [policy["MaxAttempts"] for policy in process.retry_policies if "MaxAttempts" in policy] == [3]
    assert found.named["Train"].waits_for == {"Process": "Completed"}
    assert found.named["Lambda"].more == {"FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f"}
    assert found.named["Monitor-transform"].depends_on == (Dependency("Monitor-monitoring"),)
    assert found.experiment_config == EVERY["PipelineExperimentConfig"]


def test_steps_of_branches_come_after_their_condition_and_hang_on_it() -> None:
    found = definition.parse(json.dumps(EVERY))
    assert found.named["Check"].arguments.keys() == {"Conditions"}
    assert found.named["Register-RegisterModel"].branch == Branch("Check", True)
    assert found.named["Fail"].branch == Branch("Check", False)
    assert found.named["Never"].branch == Branch("Inner", False)
    assert found.named["Check"].waits_for == {"Process": "Completed"}
    order = found.order
    assert order.index("Check") < order.index("Inner") < order.index("Never")


def test_a_dependency_may_name_the_end_it_waits_for() -> None:
    after = fail("Tell", DependsOn=["A", {"Step": "B", "Trigger": "Failed"}])
    found = definition.parse(of(fail("A"), fail("B"), after))
    assert found.named["Tell"].waits_for == {"A": "Completed", "B": "Failed"}


def edit(where: Callable[[Document], object]) -> str:
    changed = copy.deepcopy(EVERY)
    where(changed)
    return json.dumps(changed)


def process(changed: Document) -> Document:
    arguments: Document = changed["Steps"][PROCESS]["Arguments"]
    return arguments


CASES: list[tuple[Callable[[Document], object], str, str]] = [
    (lambda d: d.update(Stepz=1), "Stepz", "did you mean 'Steps'?"),
    (lambda d: d.update(Version="2021-01-01"), "Version", "must be '2020-12-01'"),
    (lambda d: d.update(MlflowConfig={"MlflowResourceArn": "a"}), "MlflowConfig", "not logged to MLflow"),
    (lambda d: d.update(Steps={}), "Steps", "must be a list"),
    (lambda d: d.pop("Steps"), "Steps", "there are none"),
    (lambda d: d["Parameters"][0].update(Type="Int"), "Parameters[0].Type", "must be one of String, Integer"),
    (lambda d: d["Parameters"][0].update(DefaultValue="1"), "Parameters[0].DefaultValue", "of type Integer"),
    (lambda d: d["Parameters"][0].update(DefaultValue=True), "Parameters[0].DefaultValue", "of type Integer"),
    (lambda d: d["Parameters"][1].update(DefaultValue="x"), "Parameters[1].DefaultValue", "not among EnumV"),
    (lambda d: d["Parameters"][2].update(EnumValues=["1"]), "Parameters[2].EnumValues", "only a String"),
    (lambda d: d["Parameters"][3].update(Name="Count"), "Parameters[3].Name", "another parameter 'Count'"),
    (lambda d: d["Steps"][TRAIN].update(Name="a b"), "Steps[1].Name", "must match"),
    (lambda d: d["Steps"][TRAIN].update(Name="x" * 65), "Steps[1].Name", "must match"),
    (
        lambda d: d["Steps"][TRAIN].update(Name="Fail"),
        "Steps[11].Arguments.ElseSteps[0].Name",
        "Steps[1] too",
    ),
    (lambda d: d["Steps"][TRAIN].update(Type="Trainin"), "Steps[1].Type", "must be one of"),
    (lambda d: d["Steps"][TRAIN].update(Type="EMR"), "Steps[1].Type", "There is no EMR here"),
    (lambda d: d["Steps"][TRAIN].update(PropertyFiles=[]), "Steps[1].PropertyFiles", "Unknown property"),
    (lambda d: d["Steps"][TRAIN].update(DependsOn=["Nobody"]), "Steps[1].DependsOn[0]", "no step 'Nobody'"),
    (lambda d: d["Steps"][TRAIN].update(DependsOn="Process"), "Steps[1].DependsOn", "must be a list"),
    (
        lambda d: d["Steps"][PROCESS].update(DependsOn=["Train"]),
        "Steps[0]",
        "wait for each other: Process → Train → Process",
    ),
    (
        lambda d: process(d)["AppSpecification"].update(ImageURI="x"),
        "Steps[0].Arguments.AppSpecification.ImageURI",
        "did you mean 'ImageUri'?",
    ),
    (lambda d: process(d).pop("RoleArn"), "Steps[0].Arguments", "it has no RoleArn"),
    (
        lambda d: process(d)["ProcessingResources"]["ClusterConfig"].update(InstanceType="ml.m5.larg"),
        "Steps[0].Arguments.ProcessingResources.ClusterConfig.InstanceType",
        "did you mean 'ml.m5.large'?",
    ),
    (
        lambda d: process(d)["AppSpecification"]["ContainerArguments"].append("x" * 257),
        "Steps[0].Arguments.AppSpecification.ContainerArguments[2]",
        "it has 257 characters; it may have at most 256",
    ),
    (
        lambda d: process(d)["AppSpecification"]["ContainerArguments"].append("a\nb"),
        "Steps[0].Arguments.AppSpecification.ContainerArguments[2]",
        "it must match .*",
    ),
    (
        lambda d: process(d)["ProcessingResources"]["ClusterConfig"].update(InstanceCount=0),
        "Steps[0].Arguments.ProcessingResources.ClusterConfig.InstanceCount",
        "it is 0; it may be at least 1",
    ),
    (
        lambda d: process(d)["AppSpecification"].update(ContainerArguments=[]),
        "Steps[0].Arguments.AppSpecification.ContainerArguments",
        "it has 0 elements; it may have at least 1",
    ),
    (
        lambda d: process(d)["ProcessingResources"]["ClusterConfig"].update(InstanceCount="1"),
        "Steps[0].Arguments.ProcessingResources.ClusterConfig.InstanceCount",
        "must be of type Integer",
    ),
    (
        lambda d: process(d)["AppSpecification"]["ContainerArguments"].append({"Get": "Parameters.Count"}),
        "Steps[0].Arguments.AppSpecification.ContainerArguments[2]",
        "[Parameters.Count] of type [Integer] to argument of type [String]; join it",
    ),
    (
        lambda d: process(d)["AppSpecification"]["ContainerArguments"].append({"Get": "Parameters.Counts"}),
        "Steps[0].Arguments.AppSpecification.ContainerArguments[2]",
        "there is no parameter 'Counts'",
    ),
    (
        lambda d: process(d)["AppSpecification"]["ContainerArguments"].append({"Get": "Steps.Tune.Bests"}),
        "Steps[0].Arguments.AppSpecification.ContainerArguments[2]",
        "a Tuning step has no property 'Bests'",
    ),
    (
        lambda d: process(d)["AppSpecification"]["ContainerArguments"].append({"Get": "Steps.Nobody.X"}),
        "Steps[0].Arguments.AppSpecification.ContainerArguments[2]",
        "no step 'Nobody'",
    ),
    (
        lambda d: process(d)["AppSpecification"]["ContainerArguments"].append({"Get": "Execution.Id"}),
        "Steps[0].Arguments.AppSpecification.ContainerArguments[2]",
        "must be one of",
    ),
    (
        lambda d: process(d)["AppSpecification"]["ContainerArguments"].append({"Get": "Count"}),
        "Steps[0].Arguments.AppSpecification.ContainerArguments[2]",
        "names nothing",
    ),
    (
        lambda d: process(d)["AppSpecification"]["ContainerArguments"].append({"Get": "Steps.Fail.X"}),
        "Steps[0].Arguments.AppSpecification.ContainerArguments[2]",
        "has no properties",
    ),
    (
        lambda d: d["Steps"][6]["Arguments"].update(x={"Get": "Steps.Call.OutputParameters['none']"}),
        "Steps[6].Arguments.x",
        "no output 'none'; it has out, n",
    ),
    (
        lambda d: d["Steps"][PROCESS]["PropertyFiles"][0].update(OutputName="evil"),
        "Steps[0].PropertyFiles[0].OutputName",
        "no output 'evil'; it has train, evaluation",
    ),
    (
        lambda d: d["Steps"][PROCESS].pop("PropertyFiles"),
        "Steps[11].Arguments.Conditions[0].LeftValue.Std:JsonGet.PropertyFile",
        "declares no property file 'Report'",
    ),
    (
        lambda d: d["Steps"][CHECK]["Arguments"]["Conditions"][0].update(Type="Less"),
        "Steps[11].Arguments.Conditions[0].Type",
        "must be one of Equals",
    ),
    (
        lambda d: d["Steps"][CHECK]["Arguments"]["Conditions"][0].pop("RightValue"),
        "Steps[11].Arguments.Conditions[0]",
        "has no RightValue",
    ),
    (
        lambda d: d["Steps"][CHECK]["Arguments"]["Conditions"][1]["Conditions"][1].update(Expression={}),
        "Steps[11].Arguments.Conditions[1].Conditions[1].Expression",
        "Unknown property 'Expression'",
    ),
    (
        lambda d: d["Steps"][PROCESS]["RetryPolicies"][0].update(MaxAttempts=21),
        "Steps[0].RetryPolicies[0].MaxAttempts",
        "from 1 to 20",
    ),
    (
        lambda d: d["Steps"][PROCESS]["RetryPolicies"][0].update(ExceptionType=["Step.FAULT"]),
        "Steps[0].RetryPolicies[0].ExceptionType[0]",
        "must be one of Step.SERVICE_FAULT",
    ),
    (
        lambda d: d["Steps"][PROCESS]["CacheConfig"].update(ExpireAfter="soon"),
        "Steps[0].CacheConfig.ExpireAfter",
        "ISO 8601",
    ),
    (lambda d: d["Steps"][5].pop("SqsQueueUrl"), "Steps[5]", "it has no SqsQueueUrl"),
    (
        lambda d: d["Steps"][7].update(CheckType="DATA_BIAS"),
        "Steps[7].CheckType",
        "DATA_QUALITY, MODEL_QUALITY",
    ),
]


@pytest.mark.parametrize(("change", "path", "said"), CASES, ids=[f"{p}: {s[:24]}" for _, p, s in CASES])
def test_a_fault_is_named_by_its_path(change: Callable[[Document], object], path: str, said: str) -> None:
    refused = fault(edit(change))
    assert refused.path == path
    assert said in refused.message
    assert str(refused).startswith(path)


def test_what_is_no_json_is_refused() -> None:
    for text in ("{", "[" * 100_000, '{"Steps": [NaN]}', '"\\ud800"', ""):
        assert "no JSON" in fault(text).message
    assert "must be an object" in fault("[]").message


def test_a_definition_has_at_most_a_mebibyte() -> None:
    assert "it may have 1048576" in fault(of(fail("A"), Metadata={"x": "y" * (1 << 20)})).message


def test_a_definition_has_so_many_parameters_and_steps_and_nests_so_deep() -> None:
    parameters = [{"Name": f"P{number}", "Type": "String"} for number in range(201)]
    told = fault(of(fail("A"), Parameters=parameters))
    assert (told.path, told.message) == ("Parameters", "there are 201; there may be 200.")
    within = [fail(f"S{number}") for number in range(definition.MOST_STEPS)]
    branched = {"Name": "If", "Type": "Condition", "Arguments": {"Conditions": [], "IfSteps": within}}
    assert fault(of(branched)).message == "there are 1001; there may be 1000."
    message: object = "x"
    for _ in range(100):
        message = {"Std:Join": {"On": "", "Values": [message]}}
    assert "nest more than 200 deep" in fault(of(fail("A", Arguments={"ErrorMessage": message}))).message
