"""QueryLineage: directions, depth, filters, edges on the way, circles, pages, and a hub of thousands."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from clary.resources.lineage.artifact import ARTIFACT
from clary.store.lineage import edges
from clary.store.lineage.edges import End

if TYPE_CHECKING:
    from tests.conftest import Server


@pytest.fixture(scope="module")
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


class Graph:
    """Entities by short names, created through the API."""

    def __init__(self, sagemaker: Any, name: str) -> None:
        self.sagemaker, self.name = sagemaker, name
        self.arns: dict[str, str] = {}

    def artifact(self, name: str, kind: str = "DataSet", **members: Any) -> None:
        source = {"SourceUri": f"s3://query/{self.name}/{name}"}
        made = self.sagemaker.create_artifact(Source=source, ArtifactType=kind, **members)
        self.arns[name] = made["ArtifactArn"]

    def action(self, name: str, kind: str) -> None:
        made = self.sagemaker.create_action(
            ActionName=f"{self.name}-{name}", ActionType=kind, Source={"SourceUri": "u"}
        )
        self.arns[name] = made["ActionArn"]

    def context(self, name: str, kind: str) -> None:
        made = self.sagemaker.create_context(
            ContextName=f"{self.name}-{name}", ContextType=kind, Source={"SourceUri": "u"}
        )
        self.arns[name] = made["ContextArn"]

    def step(self, name: str) -> None:
        made = self.sagemaker.create_trial_component(TrialComponentName=f"{self.name}-{name}")
        self.arns[name] = made["TrialComponentArn"]

    def link(self, *pairs: str) -> None:
        for pair in pairs:
            source, destination = pair.split(">")
            self.sagemaker.add_association(
                SourceArn=self.arns[source],
                DestinationArn=self.arns[destination],
                AssociationType="ContributedTo",
            )

    def names(self, arns: Iterable[str]) -> list[str]:
        known = {arn: name for name, arn in self.arns.items()}
        return sorted(known[arn] for arn in arns)

    def ask(self, start: str, **members: Any) -> list[str]:
        return self.names(vertex["Arn"] for vertex in self.raw(start, **members)["Vertices"])

    def raw(self, start: str, **members: Any) -> Any:
        return self.sagemaker.query_lineage(StartArns=[self.arns[start]], **members)

    def passed(self, start: str, **members: Any) -> list[str]:
        told = self.raw(start, **members)["Edges"]
        known = {arn: name for name, arn in self.arns.items()}
        return sorted(f"{known[each['SourceArn']]}>{known[each['DestinationArn']]}" for each in told)


@pytest.fixture(scope="module")
def flow(sagemaker: Any) -> Graph:
    graph = Graph(sagemaker, "flow")
    graph.artifact("data", Properties={"rows": "10"})
    graph.artifact("other")
    graph.artifact("image", "Image")
    graph.step("job")
    graph.artifact("model", "Model")
    graph.action("deploy", "ModelDeployment")
    graph.context("endpoint", "Endpoint")
    graph.link("data>job", "image>job", "job>model", "model>deploy", "deploy>endpoint", "other>deploy")
    return graph


EVERYTHING = ["data", "deploy", "endpoint", "image", "job", "model", "other"]


def test_what_led_to_an_entity_and_what_it_led_to(flow: Graph) -> None:
    assert flow.ask("model", Direction="Ascendants") == ["data", "image", "job", "model"]
    assert flow.ask("model", Direction="Descendants") == ["deploy", "endpoint", "model"]
    assert flow.ask("model", Direction="Both") == flow.ask("model") == EVERYTHING
    assert flow.passed("model", Direction="Ascendants") == ["data>job", "image>job", "job>model"]
    assert flow.raw("model", IncludeEdges=False)["Edges"] == []


def test_a_vertex_says_what_it_is(flow: Graph) -> None:
    told = {each["Arn"]: each for each in flow.raw("endpoint")["Vertices"]}
    assert told[flow.arns["deploy"]] == {
        "Arn": flow.arns["deploy"],
        "Type": "ModelDeployment",
        "LineageType": "Action",
    }
    assert told[flow.arns["job"]] == {"Arn": flow.arns["job"], "LineageType": "TrialComponent"}


def test_depth_counts_associations(flow: Graph) -> None:
    assert flow.ask("endpoint", Direction="Ascendants", MaxDepth=1) == ["deploy", "endpoint"]
    assert flow.ask("endpoint", Direction="Ascendants", MaxDepth=2) == [
        "deploy",
        "endpoint",
        "model",
        "other",
    ]


def test_filters_select_what_is_told_not_the_way(flow: Graph) -> None:
    def found(**filters: Any) -> list[str]:
        return flow.ask("endpoint", Direction="Ascendants", IncludeEdges=False, Filters=filters)

    assert found(Types=["DataSet"]) == ["data", "other"]
    assert found(Types=["DataSet", "Image"], LineageTypes=["Artifact"]) == ["data", "image", "other"]
    assert found(LineageTypes=["TrialComponent", "Context"]) == ["endpoint", "job"]
    assert found(Properties={"rows": "10"}) == ["data"]
    assert found(Properties={"rows": "11"}) == []
    hour = timedelta(hours=1)
    assert (
        found(CreatedAfter=datetime.now(UTC) + hour) == found(ModifiedBefore=datetime.now(UTC) - hour) == []
    )
    assert len(found(CreatedBefore=datetime.now(UTC) + hour)) == len(EVERYTHING)


def test_with_edges_what_lies_on_the_way_is_told_too(flow: Graph) -> None:
    asked: Any = {"Direction": "Ascendants", "Filters": {"Properties": {"rows": "10"}}}
    assert flow.ask("endpoint", **asked) == ["data", "deploy", "endpoint", "job", "model"]
    assert flow.passed("endpoint", **asked) == ["data>job", "deploy>endpoint", "job>model", "model>deploy"]


def test_without_a_start_everything_that_matches_is_told(sagemaker: Any) -> None:
    for number in range(3):
        source = {"SourceUri": f"s3://query/all/{number}"}
        sagemaker.create_artifact(Source=source, ArtifactType="OfThisTest", Properties={"n": str(number)})
    filters: Any = {"Types": ["OfThisTest"]}
    first = sagemaker.query_lineage(Filters=filters, MaxResults=2)
    second = sagemaker.query_lineage(Filters=filters, MaxResults=2, NextToken=first["NextToken"])
    assert (len(first["Vertices"]), len(second["Vertices"]), "NextToken" in second) == (2, 1, False)
    assert len(sagemaker.query_lineage(Filters={**filters, "Properties": {"n": "1"}})["Vertices"]) == 1
    assert sagemaker.query_lineage(Filters={**filters, "LineageTypes": ["Context"]})["Vertices"] == []


def test_an_absent_start_is_refused(sagemaker: Any, flow: Graph) -> None:
    with pytest.raises(ClientError) as refused:
        sagemaker.query_lineage(StartArns=[flow.arns["data"][:-4] + "0000"])
    assert refused.value.response["Error"]["Code"] == "ResourceNotFound"


def nearby(
    links: set[tuple[str, str]], start: str, depth: int, *, up: bool, down: bool
) -> tuple[set[str], set[tuple[str, str]]]:
    """Walk as the documentation says, one entity at a time."""
    reached, level = {start}, {start}
    passed: set[tuple[str, str]] = set()
    for _ in range(depth):
        here = {(s, d) for s, d in links if (up and d in level) or (down and s in level)}
        passed |= here
        level = {end for link in here for end in link} - reached
        reached |= level
    return reached, passed


@pytest.mark.parametrize("seed", range(4))
def test_any_graph_is_walked_as_one_would_by_hand(sagemaker: Any, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    graph = Graph(sagemaker, f"random-{seed}")
    names = [f"n{n}" for n in range(14)]
    for name in names:
        graph.artifact(name)
    links = {(chance.choice(names), chance.choice(names)) for _ in range(22)}
    links = {(s, d) for s, d in links if s != d}  # circles of two and more are in there
    graph.link(*(f"{s}>{d}" for s, d in sorted(links)))
    for direction, up, down in (("Ascendants", 1, 0), ("Descendants", 0, 1), ("Both", 1, 1)):
        for depth in (1, 2, 10):
            reached, passed = nearby(links, "n0", depth, up=bool(up), down=bool(down))
            vertices: list[str] = []
            found: list[tuple[str, str]] = []
            token: dict[str, str] = {}
            while True:
                told = graph.raw("n0", Direction=direction, MaxDepth=depth, MaxResults=3, **token)
                vertices += [each["Arn"] for each in told["Vertices"]]
                found += [(each["SourceArn"], each["DestinationArn"]) for each in told["Edges"]]
                if "NextToken" not in told:
                    break
                token = {"NextToken": told["NextToken"]}
            assert graph.names(vertices) == sorted(reached)
            assert sorted(found) == sorted((graph.arns[s], graph.arns[d]) for s, d in passed)


def test_a_hub_of_thousands_is_told_page_by_page_each_once(server: Server, sagemaker: Any) -> None:
    graph, many = Graph(sagemaker, "hub"), 2500
    graph.artifact("hub")
    account = sagemaker.describe_artifact(ArtifactArn=graph.arns["hub"])["ArtifactArn"].split(":")[4]
    records = server.stores.records.scoped(account, "us-east-1")
    hub = records.by_arn(graph.arns["hub"])
    assert hub is not None
    with records.database.write():
        for number in range(many):
            doc = {"ArtifactId": f"hub{number}", "ArtifactType": "Spoke", "Source": {"SourceUri": "u"}}
            spoke = End(record=records.create(ARTIFACT, doc), kind="Artifact", type="Spoke")
            edges.add(records, End(record=hub, kind="Artifact", type="DataSet"), spoke, "Produced", None)
    seen: list[str] = []
    asked: Any = {"StartArns": [hub.arn], "Filters": {"Types": ["Spoke"]}, "MaxResults": 50}
    told = sagemaker.query_lineage(**asked)
    for _ in range(3):
        seen += [vertex["Arn"] for vertex in told["Vertices"]]
        assert {edge["DestinationArn"] for edge in told["Edges"]} >= {*seen[-49:]}
        told = sagemaker.query_lineage(**asked, NextToken=told["NextToken"])
    assert len(seen) == len(set(seen)) == 150
