"""`clary pipeline`: what became of each step of an execution, and why it ran, was reused or failed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from clary.cli.server import Client, client, console, home_option, need, settings

GROUP = "/aws/sagemaker/Pipelines"
Document = Mapping[str, Any]


@dataclass
class Line:
    """One step of the definition: how it stands, and the steps of its branches."""

    name: str
    kind: str
    status: str = ""
    seconds: float | None = None
    made: str = ""
    why: str = ""
    branches: dict[str, list[Line]] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """Return what --json prints of it."""
        said = {
            "StepName": self.name,
            "Type": self.kind,
            "StepStatus": self.status,
            "Seconds": self.seconds,
            "Made": self.made,
            "Why": self.why,
        }
        found = {name: value for name, value in said.items() if value not in ("", None)}
        inner = {branch: [each.told() for each in lines] for branch, lines in self.branches.items() if lines}
        return {**found, **inner}


@click.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@home_option
def command(name: str, as_json: bool, home: Path | None) -> None:
    """Print the steps of an execution: how each stands, how long it took, why it ran or did not.

    NAME is that of a pipeline, whose latest execution is told, or the ARN of an execution.
    """
    from botocore.exceptions import ClientError

    server = need(settings(home).home)
    sagemaker, logs = client(server, "sagemaker"), client(server, "logs")
    try:
        arn = name if name.startswith("arn:") else _latest(sagemaker, name)
        execution = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        text = sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)
        pipeline = sagemaker.describe_pipeline(PipelineName=execution["PipelineArn"])["PipelineName"]
        begun = _begun(sagemaker, arn)
    except ClientError as error:
        raise click.ClickException(error.response["Error"]["Message"]) from error
    reasons = _reasons(logs, f"{pipeline}/{_last(arn)}")
    lines = _lines(json.loads(text["PipelineDefinition"])["Steps"], begun, reasons)
    if as_json:
        click.echo(json.dumps(_told(execution, lines), indent=2))
        return
    _print(pipeline, execution, lines)


def _latest(sagemaker: Client, name: str) -> str:
    """Return the ARN of a pipeline's latest execution."""
    found = sagemaker.list_pipeline_executions(
        PipelineName=name, SortBy="CreationTime", SortOrder="Descending", MaxResults=1
    )["PipelineExecutionSummaries"]
    if not found:
        raise click.ClickException(f"The pipeline {name} has not been executed.")
    return str(found[0]["PipelineExecutionArn"])


def _begun(sagemaker: Client, arn: str) -> dict[str, Document]:
    """Return the steps that have begun, by name."""
    pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(PipelineExecutionArn=arn)
    return {step["StepName"]: step for page in pages for step in page["PipelineExecutionSteps"]}


def _reasons(logs: Client, stream: str) -> dict[str, str]:
    """Return why steps ran, as the execution's log says it, the last word of each."""
    from botocore.exceptions import ClientError

    reasons: dict[str, str] = {}
    token: dict[str, str] = {}
    while True:
        try:
            page = logs.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True, **token)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return reasons  # nothing was there to be told
            raise click.ClickException(error.response["Error"]["Message"]) from error
        for event in page["events"]:
            step, said, why = event["message"].partition(" runs: ")
            if said:
                reasons[step] = why
        if token.get("nextToken") == page["nextForwardToken"]:
            return reasons
        token = {"nextToken": page["nextForwardToken"]}


def _lines(
    steps: Sequence[Document], begun: Mapping[str, Document], reasons: Mapping[str, str]
) -> list[Line]:
    """Return the steps of a definition as they stand."""
    lines = []
    for step in steps:
        line = Line(step["Name"], step["Type"])
        if found := begun.get(line.name):
            line.status, line.seconds = found["StepStatus"], _seconds(found)
            line.made, line.why = _made(found), _why(found, reasons.get(line.name, ""))
        if line.kind == "Condition":
            arguments = step["Arguments"]
            line.branches = {
                branch: _lines(arguments.get(branch, ()), begun, reasons)
                for branch in ("IfSteps", "ElseSteps")
            }
        lines.append(line)
    return lines


def _seconds(step: Document) -> float | None:
    if "StartTime" not in step:
        return None
    end = step.get("EndTime") or datetime.now(UTC)
    return round(float((end - step["StartTime"]).total_seconds()), 3)


def _made(step: Document) -> str:
    """Return what a step made, or what it decided."""
    for kind, told in step.get("Metadata", {}).items():
        if kind == "Condition":
            return str(told.get("Outcome", ""))
        if "Arn" in told:
            return f"{kind} {_last(told['Arn'])}"
    return ""


def _why(step: Document, reason: str) -> str:
    """Return why a step failed, else whose result it took, else why it took none."""
    if failure := step.get("FailureReason"):
        return str(failure)
    if hit := step.get("CacheHitResult"):
        return f"from the cache: the result of {_last(hit['SourcePipelineExecutionArn'])}"
    if taken := step.get("SelectiveExecutionResult"):
        return f"not selected: the result of {_last(taken['SourcePipelineExecutionArn'])}"
    return f"ran: {reason}" if reason else ""


def _told(execution: Document, lines: Sequence[Line]) -> dict[str, Any]:
    names = ("PipelineArn", "PipelineExecutionArn", "PipelineExecutionStatus", "FailureReason")
    return {
        **{name: execution[name] for name in names if name in execution},
        "Steps": [line.told() for line in lines],
    }


def _print(pipeline: str, execution: Document, lines: Sequence[Line]) -> None:
    from rich.markup import escape

    out = console()
    by = execution.get("CreatedBy", {}).get("IamIdentity", {}).get("Arn", "")
    who = f"  [dim]by {escape(by.partition('/')[2] or by.rpartition(':')[2])}[/]" if by else ""
    out.print(
        f"[bold]{escape(pipeline)}[/] {_last(execution['PipelineExecutionArn'])} "
        f"{execution['PipelineExecutionStatus']}  [dim]{execution['CreationTime']:%Y-%m-%d %H:%M:%S}[/]{who}",
        soft_wrap=True,
    )
    for line in _branches(lines, ""):
        out.print(line, soft_wrap=True)
    if failure := execution.get("FailureReason"):
        out.print(escape(failure), soft_wrap=True)


def _branches(lines: Sequence[Line], before: str) -> Iterator[str]:
    """Yield what is printed of steps, those of a condition's branches beneath it."""
    from rich.markup import escape

    for line in lines:
        last = line is lines[-1]
        inner = before + ("    " if last else "│   ")
        words = [f"[bold]{escape(line.name)}[/]", line.kind, line.status or "[dim]did not begin[/]"]
        if line.seconds is not None:
            words.append(f"{line.seconds:.1f} s")
        if line.made:
            words.append(f"[dim]{escape(line.made)}[/]")
        yield f"[dim]{before}{'└── ' if last else '├── '}[/]{'  '.join(words)}"
        under = [each for branch in line.branches.values() for each in branch]
        for part in line.why.splitlines():
            yield f"[dim]{inner}{'│   ' if under else '    '}[/]{escape(part)}"
        yield from _branches(under, inner)


def _last(arn: str) -> str:
    return arn.rpartition("/")[2]
