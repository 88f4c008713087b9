"""`clary lineage`: what led to something and what it led to, as a tree."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from clary.cli.server import Client, client, console, home_option, need, settings

DEEPEST = 10  # associations away; QueryLineage goes no further

_SOURCES = {"Artifact": "artifacts", "Context": "contexts", "Action": "actions"}
_OWN = {"artifact", "context", "action", "experiment-trial-component"}
_JOBS = {"training-job", "processing-job", "transform-job"}


@dataclass(frozen=True)
class Entity:
    """One entity of a lineage: what it is, and what it stands for."""

    arn: str
    type: str
    name: str
    source: str = ""
    more: str = field(default="", kw_only=True)

    def told(self) -> dict[str, str]:
        """Return what --json prints of it."""
        said = {"Arn": self.arn, "Type": self.type, "Name": self.name, "Source": self.source}
        return {name: value for name, value in said.items() if value}


@dataclass
class Graph:
    """Entities by ARN, and what led to what."""

    entities: dict[str, Entity] = field(default_factory=dict)
    edges: dict[tuple[str, str], str] = field(default_factory=dict)

    def next(self, arn: str, *, up: bool) -> list[str]:
        """Return what led to an entity, or what it led to, in an order that stays."""
        found = [(source if up else end) for source, end in self.edges if (end if up else source) == arn]
        return sorted(found, key=lambda each: (self.entities[each].type, self.entities[each].name))


@click.command()
@click.argument("arn")
@click.option(
    "--direction",
    type=click.Choice(["up", "down", "both"]),
    default="both",
    show_default=True,
    help="What led to it, what it led to, or both.",
)
@click.option(
    "--depth",
    type=click.IntRange(1, DEEPEST),
    default=DEEPEST,
    show_default=True,
    help="Steps to go at most.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@home_option
def command(arn: str, direction: str, depth: int, as_json: bool, home: Path | None) -> None:
    """Print what led to ARN and what it led to: data, jobs, models, packages, endpoints.

    ARN is that of a job, model, model package, endpoint, trial component or entity of a lineage, or the
    s3:// address of data or of a model's archive.
    """
    server = need(settings(home).home)
    sagemaker = client(server, "sagemaker")
    start = _start(sagemaker, arn)
    graph = Graph()
    for way in ("up", "down") if direction == "both" else (direction,):
        _walk(sagemaker, graph, start, way, depth)
    if as_json:
        click.echo(json.dumps(_told(graph, start), indent=2))
        return
    _print(graph, start, direction)


def _start(sagemaker: Client, asked: str) -> str:
    """Return the ARN of the entity that stands for what was asked for."""
    parts = asked.split(":", 5)
    kind = parts[5].partition("/")[0] if len(parts) == 6 and parts[2] == "sagemaker" else ""
    if not kind and not re.match(r"[a-z][a-z0-9+.-]*://", asked):
        raise click.ClickException(
            f"{asked} is neither an ARN of SageMaker nor an address such as s3://bucket/key."
        )
    if kind in _OWN:
        return asked
    if kind in _JOBS:
        found = sagemaker.list_trial_components(SourceArn=asked)["TrialComponentSummaries"]
        arns = [each["TrialComponentArn"] for each in found]
    else:
        arns = [*_by_source(sagemaker, asked)]
    if not arns:
        raise click.ClickException(
            f"Nothing is known of {asked}. Lineage is kept of jobs, models, model packages and endpoints, "
            "and of the data they name; it is there a second after they are."
        )
    return str(arns[0])


def _by_source(sagemaker: Client, source: str) -> Iterator[str]:
    """Yield the entities of a source, artifacts first: that of a package's ARN is the package itself."""
    for kind, plural in _SOURCES.items():
        for each in getattr(sagemaker, f"list_{plural}")(SourceUri=source)[f"{kind}Summaries"]:
            yield each[f"{kind}Arn"]


def _walk(sagemaker: Client, graph: Graph, start: str, way: str, depth: int) -> None:
    from botocore.exceptions import ClientError

    asked: dict[str, Any] = {
        "StartArns": [start],
        "Direction": "Ascendants" if way == "up" else "Descendants",
        "IncludeEdges": True,
        "MaxDepth": depth,
    }
    page: dict[str, Any] = {}
    while True:
        try:
            page = sagemaker.query_lineage(**asked, **({"NextToken": page["NextToken"]} if page else {}))
        except ClientError as error:
            raise click.ClickException(error.response["Error"]["Message"]) from error
        for vertex in page["Vertices"]:
            if vertex["Arn"] not in graph.entities:
                graph.entities[vertex["Arn"]] = _entity(sagemaker, vertex)
        for edge in page["Edges"]:
            graph.edges[edge["SourceArn"], edge["DestinationArn"]] = edge.get("AssociationType", "")
        if "NextToken" not in page:
            return


def _entity(sagemaker: Client, vertex: Mapping[str, str]) -> Entity:
    """Return an entity as its Describe tells of it."""
    from botocore.exceptions import ClientError

    arn, kind = vertex["Arn"], vertex.get("LineageType", "")
    last = arn.rpartition("/")[2]
    type_ = vertex.get("Type") or kind
    try:
        if kind == "TrialComponent":
            doc = sagemaker.describe_trial_component(TrialComponentName=last)
            source = doc.get("Source", {}).get("SourceArn", "")
            status = doc.get("Status", {}).get("PrimaryStatus", "")
            name = source.rpartition("/")[2] or doc.get("DisplayName", last)
            return Entity(arn, type_, name, source, more=status)
        if kind == "Artifact":
            doc = sagemaker.describe_artifact(ArtifactArn=arn)
        elif kind in _SOURCES:
            doc = getattr(sagemaker, f"describe_{kind.lower()}")(**{f"{kind}Name": last})
        else:
            return Entity(arn, type_, last)
    except ClientError:
        return Entity(arn, type_, last)  # of another account, or deleted since
    source = doc.get("Source", {}).get("SourceUri", "")
    if type_ == "Approval":
        name, more = _approval(doc, last)
        return Entity(arn, type_, name, source, more=more)
    return Entity(
        arn, *_called(type_, source, doc.get(f"{kind}Name", last)), source, more=doc.get("Status", "")
    )


def _called(type_: str, source: str, name: str) -> tuple[str, str]:
    """Return what to call an entity that stands for something else: by that, not by its own name."""
    parts = source.split(":", 5)
    if len(parts) != 6 or parts[2] != "sagemaker":
        return type_, source or name
    kind, _, stands = parts[5].partition("/")
    if type_ == "ModelGroup":
        return type_, stands.partition("/")[0]
    if type_ == "ModelDeployment":
        return type_, name
    return {"model-package": "ModelPackage", "endpoint": "Endpoint"}.get(kind, type_), stands


def _approval(doc: Mapping[str, Any], name: str) -> tuple[str, str]:
    """Return what an approval came to, and who gave it and when."""
    status = doc.get("Properties", {}).get("ModelApprovalStatus", name)
    by = doc.get("CreatedBy", {})
    who = by.get("UserProfileName") or by.get("IamIdentity", {}).get("Arn", "")
    return status, f"by {who.rpartition('/')[2] or 'nobody known'}, {doc['CreationTime']:%Y-%m-%d %H:%M:%S}"


def _told(graph: Graph, start: str) -> dict[str, Any]:
    return {
        "Start": start,
        "Entities": [each.told() for each in graph.entities.values()],
        "Associations": [
            {"Source": source, "Destination": end, **({"Type": kind} if kind else {})}
            for (source, end), kind in graph.edges.items()
        ],
    }


def _print(graph: Graph, start: str, direction: str) -> None:
    out = console()
    for way, title, none in (
        ("up", "came from", "nothing that is known of"),
        ("down", "led to", "nothing yet"),
    ):
        if direction not in (way, "both"):
            continue
        up = way == "up"
        out.print(f"{_line(graph.entities[start])} [dim]{title}[/]", soft_wrap=True)
        if not graph.next(start, up=up):
            out.print(f"[dim]└── {none}[/]")
        for line in _branches(graph, start, {start}, "", up=up):
            out.print(line, soft_wrap=True)


def _branches(graph: Graph, arn: str, shown: set[str], before: str, *, up: bool) -> Iterator[str]:
    """Yield a line for each entity beneath one; what is beneath an entity is told once."""
    beneath = graph.next(arn, up=up)
    for each in beneath:
        last, more = each == beneath[-1], graph.next(each, up=up)
        above = " [dim](above)[/]" if each in shown and more else ""
        yield f"[dim]{before}{'└── ' if last else '├── '}[/]{_line(graph.entities[each])}{above}"
        if each not in shown:
            shown.add(each)
            yield from _branches(graph, each, shown, before + ("    " if last else "│   "), up=up)


def _line(entity: Entity) -> str:
    from rich.markup import escape

    more = f"  [dim]{escape(entity.more)}[/]" if entity.more not in ("", "Completed") else ""
    return f"[bold]{escape(entity.type)}[/] {escape(entity.name)}{more}"
