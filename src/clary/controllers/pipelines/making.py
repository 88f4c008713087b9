"""Steps that make a resource: the one call, what it made, how that stands, and the call that stops it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clary.controllers.means import Means
from clary.controllers.pipelines.naming import mark, name_of, token
from clary.controllers.pipelines.step import End
from clary.controllers.pipelines.things import Thing, operation_of
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.resources.model_registry.model_package_group import MODEL_PACKAGE_GROUP
from clary.store.records import Record

EXECUTION_TAG = "sagemaker:pipeline-execution-arn"
"""The tag by which a job tells the execution that made it."""
_GROUP = "ModelPackageGroupName"


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a call made: the members a step remembers of it."""

    name: str
    arn: str
    request: Document

    def members(self, thing: Thing) -> Document:
        """Return what the step's record says of it."""
        made: Document = {"Name": self.name, "Arn": self.arn}
        made |= {name: {} for name in ("AutoMLProblemTypeConfig",) if name in self.request}
        return {"_Made": made, "Metadata": {thing.metadata: {"Arn": self.arn}}}


def name(step: Record, thing: Thing, given: object) -> str:
    """Name what the present attempt of a step makes."""
    if isinstance(given, str) and thing.exact:
        return given
    prefix = given if isinstance(given, str) else ""
    letters = mark(step.uid, step.doc["AttemptCount"])
    execution = step.doc["PipelineExecutionId"]
    made = name_of(execution, step.doc["StepName"], letters, limit=thing.limit, prefix=prefix)
    return made.lower() if "!l" in thing.resource.arn else made  # so that its ARN ends with its name


def prepare(means: Means, step: Record, role: str, arguments: Document) -> None:
    """Make what has to be there before a step's call, and may be there for others too."""
    if _GROUP in arguments:
        _ensure_group(means, step, role, arguments[_GROUP])


def make(means: Means, step: Record, role: str, thing: Thing, arguments: Document) -> Made:
    """Make what a step makes; it is to be remembered in the same transaction."""
    request = dict(arguments)
    if thing.once:
        request[thing.once] = token(step.uid, step.doc["AttemptCount"])
        called = ""
    else:
        called = request[thing.name] = name(step, thing, arguments.get(thing.name))
    operation = operation_of(thing, "Create", request)
    answer = means.call_as(role, step.region, operation, request, _more(step, thing, request))
    arn = str(answer[thing.resource.arn_in()])
    return Made(name=called or arn, arn=arn, request=request)


def standing(means: Means, step: Record, thing: Thing) -> End | None:
    """Return how the attempt ended by what was made; None while that goes on."""
    made: Mapping[str, str] = step.doc["_Made"]
    found = means.records.by_arn(made["Arn"])
    if found is None:
        reason = f"{made['Arn']} was deleted before it ended."
        return End(status="Failed", reason=reason, final=True)
    if not thing.ends:
        return End(status="Succeeded")
    status = thing.ends.get(found.status)
    if status is None:
        return None
    why = str(found.doc.get("FailureReason", "")) or f"{made['Arn']} is {found.status}."
    return End(status=status, reason=why)


def stop(means: Means, step: Record, role: str, thing: Thing) -> None:
    """Ask what was made to stop; one that has ended meanwhile needs no asking."""
    made = step.doc["_Made"]
    try:
        means.call_as(role, step.region, thing.stop, {thing.name: made["Name"]}, {})
    except ApiError:
        found = means.records.by_arn(made["Arn"])
        if found is not None and found.status not in thing.ends:
            raise


def _more(step: Record, thing: Thing, request: Document) -> Document:
    """Return what the server keeps of a thing besides the request: whose it is, as SDKs look it up."""
    arn = step.doc["PipelineExecutionArn"]
    more: Document = {"_Parent": step.uid, "_PipelineExecution": arn}
    if thing.stops:  # a job: evidence/pipeline-executions.md
        more["Tags"] = [*request.get("Tags", ()), {"Key": EXECUTION_TAG, "Value": arn}]
    return more


def _ensure_group(means: Means, step: Record, role: str, group: object) -> None:
    """Make the group of a model that is registered, where there is none: evidence/pipeline-executions.md."""
    if not isinstance(group, str) or group.startswith("arn:"):
        return  # what is wrong with it is said of the call itself
    named = {_GROUP: group}
    try:
        means.call_as(role, step.region, "DescribeModelPackageGroup", named, {})
    except ApiError as error:
        if error.code == "AccessDeniedException":
            return  # whether it may register there is asked with the call itself
        try:
            means.call_as(role, step.region, "CreateModelPackageGroup", named, {})
        except ApiError:
            if means.records.scoped(step.account, step.region).find(MODEL_PACKAGE_GROUP, group) is None:
                raise  # else another step has made it meanwhile
