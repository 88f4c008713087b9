"""The life of executions on the session's server: their controllers, without those of their jobs."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.controllers.doubles import StagedRuntime

from clary.app import allowed_by
from clary.controllers.loop import Loop
from clary.controllers.means import Means
from clary.controllers.pipelines.definitions import Definitions
from clary.controllers.pipelines.execution_world import PipelineExecutions
from clary.controllers.pipelines.step_world import PipelineExecutionSteps
from clary.controllers.step import Controller
from clary.core.document import Document
from clary.gateway.inside import Inside
from clary.operations.sts.trust import trusting
from clary.resources.registry import find
from clary.store.record import key_of
from clary.store.records import Record

if TYPE_CHECKING:
    from tests.conftest import Server

ACCOUNT, REGION = "000000000000", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerExecutionRole"
ENDED = ("Succeeded", "Failed", "Stopped", "CompletedWithFailures")
TURNS = 200  # far more looks than anything here takes


@dataclass
class Life:
    """Starts executions, and lets them go on one look at a time."""

    server: Server
    root: Path

    def __post_init__(self) -> None:
        stores, parts = self.server.stores, self.server.parts
        inside = Inside(
            settings=parts.settings,
            clock=parts.clock,
            records=stores.records,
            objects=stores.objects,
            logs=stores.logs,
            metrics=stores.metrics,
            audit=parts.audit,
            credentials=stores.credentials,
            authoriser=stores.authoriser,
        )
        self.means = means = Means(
            runtime=StagedRuntime(self.root),
            records=stores.records,
            objects=stores.objects,
            logs=stores.logs,
            metrics=stores.metrics,
            settings=parts.settings,
            token=lambda uid, role: "",
            allowed=allowed_by(stores),
            call=inside.call,
            call_as=inside.call_as,
        )
        self.trusts = trusting(stores.records)
        pipelines = means, Definitions(means), self.trusts
        self.controllers: list[Controller] = [
            PipelineExecutions(*pipelines),
            PipelineExecutionSteps(*pipelines),
        ]
        self.records = stores.records.scoped(ACCOUNT, REGION)
        self.sagemaker: Any = self.server.client("sagemaker")

    def create(self, *steps: Document, parameters: Any = (), role: str = ROLE, **more: Any) -> str:
        """Create a pipeline of these steps; return its name."""
        name = f"life-{uuid4().hex[:10]}"
        text = self.definition(*steps, parameters=parameters)
        self.sagemaker.create_pipeline(PipelineName=name, RoleArn=role, PipelineDefinition=text, **more)
        return name

    def definition(self, *steps: Document, parameters: Any = (), **more: Any) -> str:
        """Return the text of a definition."""
        whole = {"Version": "2020-12-01", "Parameters": list(parameters), "Steps": list(steps), **more}
        return json.dumps(whole)

    def start(self, pipeline: str, **asked: Any) -> str:
        """Start an execution; return its ARN."""
        started: str = self.sagemaker.start_pipeline_execution(PipelineName=pipeline, **asked)[
            "PipelineExecutionArn"
        ]
        return started

    def run(self, *steps: Document, **more: Any) -> str:
        """Create a pipeline, start it and let it go on; return the execution's ARN."""
        arn = self.start(self.create(*steps, **more))
        self.go_on(arn)
        return arn

    def go_on(self, arn: str) -> Document:
        """Let everything take its steps until the execution has ended or waits for others."""
        loop = Loop(self.records, self.controllers, self.server.parts.clock, owner=uuid4().hex)
        assert asyncio.run(_rest(loop)), f"{arn} still goes on: {self.steps(arn)}"
        return self.described(arn)

    def described(self, arn: str) -> Document:
        """Return what Describe says of an execution."""
        told: Document = self.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        return told

    def steps(self, arn: str) -> dict[str, Document]:
        """Return the steps of an execution by name."""
        pages = self.sagemaker.get_paginator("list_pipeline_execution_steps")
        found = pages.paginate(PipelineExecutionArn=arn)
        return {step["StepName"]: step for page in found for step in page["PipelineExecutionSteps"]}

    def statuses(self, arn: str) -> dict[str, str]:
        """Return how the steps of an execution stand."""
        return {name: step["StepStatus"] for name, step in self.steps(arn).items()}

    def made(self, arn: str, step: str) -> Record:
        """Return the record of what a step made."""
        [metadata] = self.steps(arn)[step]["Metadata"].values()
        found = self.records.by_arn(metadata["Arn"])
        assert found is not None
        return found

    def end(self, arn: str, step: str, status: str = "Completed", **members: Any) -> Document:
        """Let the job of a step end, and the execution go on."""
        return self.end_made(self.made(arn, step).arn, arn, status, **members)

    def end_made(self, job: str, arn: str, status: str = "Completed", **members: Any) -> Document:
        """Let a job end that belongs to an execution, and this go on."""
        found = self.records.by_arn(job)
        assert found is not None
        member = find(found.service, found.kind).status or ""
        self.records.update(found, {member: status, **members}, due=None)
        self.wake(arn)
        return self.go_on(arn)

    def wake(self, arn: str) -> None:
        """Let everything that waits look again, as the end of a job does."""
        now = self.server.parts.clock.now()
        execution = self.records.by_arn(arn)
        assert execution is not None
        kind = find("sagemaker", "PipelineExecutionStep")
        under = execution.doc["PipelineExecutionId"]
        for step in list(self.records.each(kind, under=under)):
            if step.due is not None:
                self.records.update(step, {}, due=now, touch=False)
        if execution.due is not None:
            self.records.update(execution, {}, due=now, touch=False)

    def record(self, arn: str, step: str) -> Record:
        """Return the record of a step."""
        kind = find("sagemaker", "PipelineExecutionStep")
        named = {"PipelineExecutionId": arn.rpartition("/")[2], "StepName": step}
        found = self.records.find(kind, key_of(kind, named))
        assert found is not None
        return found

    def hurry(self, arn: str, step: str) -> Document:
        """Let the time pass until a step is tried again."""
        now = self.server.parts.clock.now()
        self.records.update(self.record(arn, step), {"_RetryAt": now}, due=now)
        return self.go_on(arn)


async def _rest(loop: Loop) -> bool:
    """Take steps until nothing is due."""
    for _ in range(TURNS):
        if not await loop.tend():
            return True
    return False
