"""Check steps: a job makes a baseline, and holds it against the one before. evidence/pipeline-checks.md"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from clary.controllers.means import Means
from clary.controllers.pipelines.step import End
from clary.controllers.s3 import DataFault, split
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.engines.pipelines import retrying
from clary.store.records import Record

CHECKS = frozenset({"QualityCheck", "ClarifyCheck"})
BASELINE = "_Baseline"  # what the step was held against, beside what it was asked for
CONSTRAINTS, STATISTICS = "Constraints", "Statistics"
_PLACES: Mapping[str, tuple[str, str]] = {
    "DATA_QUALITY": ("ModelDataQuality", CONSTRAINTS),
    "MODEL_QUALITY": ("ModelQuality", CONSTRAINTS),
    "DATA_BIAS": ("Bias", "PreTrainingConstraints"),
    "MODEL_BIAS": ("Bias", "PostTrainingConstraints"),
    "MODEL_EXPLAINABILITY": ("Explainability", CONSTRAINTS),
}
"""Where DriftCheckBaselines of a model package keep the baseline of each kind of check."""
_FILES = {
    "QualityCheck": {CONSTRAINTS: "constraints.json", STATISTICS: "statistics.json"},
    "ClarifyCheck": {CONSTRAINTS: "analysis.json"},
}
_VIOLATIONS = "constraint_violations.json"
_FOLDER = "/opt/ml/processing/baseline"


class CheckFault(Exception):
    """A check that cannot be held, and why: there is no baseline, or what it was told is not of its type."""


@dataclass(frozen=True)
class Check:
    """What a check step was asked for, resolved."""

    kind: str
    said: Document

    @property
    def skips(self) -> bool:
        """Whether nothing is held against the baseline before."""
        return self.flag("SkipCheck", unsaid=False)

    @property
    def registers(self) -> bool:
        """Whether the new baseline is the one to hold later data against."""
        return self.flag("RegisterNewBaseline", unsaid=False)

    @property
    def fails(self) -> bool:
        """Whether data that is not as it was fails the step."""
        return self.flag("FailOnViolation", unsaid=True)

    def flag(self, name: str, *, unsaid: bool) -> bool:
        """Return a truth value; a parameter may have given it as a word."""
        value = self.said.get(name, unsaid)
        found = {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else value
        if not isinstance(found, bool):
            raise CheckFault(f"{name} is {value!r}; it must be true or false.")
        return found

    def text(self, name: str) -> str:
        """Return a string; "" where it was not said."""
        value = self.said.get(name)
        if value is not None and not isinstance(value, str):
            raise CheckFault(f"{name} is {value!r}; it must be a String.")
        return value or ""


def before(means: Means, step: Record, role: str, check: Check) -> dict[str, str]:
    """Return the baseline before this one; raises CheckFault where the step needs one and there is none."""
    supplied = {part: check.text(f"SuppliedBaseline{part}") for part in _FILES[check.kind]}
    found = {part: uri for part, uri in supplied.items() if uri}
    skips, registers, _ = check.skips, check.registers, check.fails  # what is wrong is said before it runs
    if not found and (group := check.text("ModelPackageGroupName")):
        found = _approved(means, step, role, check, group)
    if CONSTRAINTS not in found and not (skips and registers):
        raise CheckFault(
            f"There is no {check.said['CheckType']} baseline before this one: give a "
            "SuppliedBaselineConstraints, or a ModelPackageGroupName with an approved version that has one "
            "in its DriftCheckBaselines; or set both SkipCheck and RegisterNewBaseline, as in a first run."
        )
    return found


def with_baseline(arguments: Document, baseline: Mapping[str, str], check: Check) -> Document:
    """Return the job's request with the baseline among its inputs, as monitoring containers take it."""
    if not _output(arguments):
        raise CheckFault(
            "Its job writes nowhere: the first of ProcessingOutputConfig.Outputs must have an S3Output with "
            "an S3Uri, where the new baseline goes."
        )
    if check.skips or not baseline:
        return arguments
    inputs, environment = arguments.get("ProcessingInputs") or [], arguments.get("Environment") or {}
    if not isinstance(inputs, list) or not isinstance(environment, dict):
        raise CheckFault("ProcessingInputs must be a list and Environment a map.")
    inputs, environment = [*inputs], {**environment}
    for part, uri in baseline.items():
        name, folder = f"baseline_{part.lower()}", f"{_FOLDER}/{part.lower()}"
        place = {"S3Uri": uri, "LocalPath": folder, "S3DataType": "S3Prefix", "S3InputMode": "File"}
        inputs.append({"InputName": name, "S3Input": place})
        environment[name] = f"{folder}/{uri.rpartition('/')[2]}"
    return {**arguments, "ProcessingInputs": inputs, "Environment": environment}


def begun(kind: str, said: Document, arguments: Document, job: str) -> Document:
    """Return what the step says of its check, once its job is made."""
    check, baseline, output = Check(kind, said), said[BASELINE], _output(arguments)
    told: Document = {
        name: check.said[name] for name in ("CheckType", "ModelPackageGroupName") if name in check.said
    }
    told |= {"CheckJobArn": job, "SkipCheck": check.skips, "RegisterNewBaseline": check.registers}
    for part, name in _FILES[check.kind].items():
        calculated = f"{output}/{name}"
        told[f"CalculatedBaseline{part}"] = calculated
        used = calculated if check.registers else baseline.get(part)
        if used:
            told[f"BaselineUsedForDriftCheck{part}"] = used
    return {"Metadata": {kind: told}, "_Fails": check.fails}


def ended(means: Means, step: Record, role: str, end: End) -> End:
    """Return how a check step ends whose job has completed: data that is not as it was may fail it."""
    kind = step.doc["_Type"]
    told = step.doc["Metadata"][kind]
    if told["SkipCheck"]:
        return end
    report = f"{told[f'CalculatedBaseline{CONSTRAINTS}'].rpartition('/')[0]}/{_VIOLATIONS}"
    try:
        found = _violations(means, role, report)
    except CheckFault as fault:
        return End(status="Failed", reason=f"ClientError: {fault}", final=True)
    if not found:
        return end
    members = {"Metadata": {kind: {**told, "ViolationReport": report}}}
    if not step.doc["_Fails"]:
        return End(status="Succeeded", members=members)
    reason = f"ClientError: {len(found)} violations of the baseline; {report} tells them."
    return End(status="Failed", members=members, reason=reason, final=True)


def properties(doc: Document) -> Document:
    """Return what other steps may ask of a check step."""
    told = doc.get("Metadata", {}).get(doc["_Type"], {})
    return {name: value for name, value in told.items() if "Baseline" in name and isinstance(value, str)}


def _violations(means: Means, role: str, report: str) -> list[object]:
    """Return the violations that a report tells; a program that found none need not write any."""
    bucket, key = split(report)
    if means.objects.find_bucket(bucket) is not None and means.objects.find(bucket, key) is None:
        return []
    try:
        found = json.loads(means.as_role(role).one(report).read_bytes())
    except (DataFault, ValueError, RecursionError) as error:
        raise CheckFault(f"Its violations cannot be read. {report}: {error}") from error
    violations = found.get("violations", []) if isinstance(found, dict) else None
    if not isinstance(violations, list):
        raise CheckFault(f"{report} must be an object whose violations are a list.")
    return violations


def _approved(means: Means, step: Record, role: str, check: Check, group: str) -> dict[str, str]:
    """Return the baseline of a group's newest approved version."""
    newest = {
        "ModelPackageGroupName": group,
        "ModelApprovalStatus": "Approved",
        "SortBy": "CreationTime",
        "SortOrder": "Descending",
        "MaxResults": 1,
    }
    try:
        listed = means.call_as(role, step.region, "ListModelPackages", newest, {})["ModelPackageSummaryList"]
        if not listed:
            return {}
        named = {"ModelPackageName": listed[0]["ModelPackageArn"]}
        package = means.call_as(role, step.region, "DescribeModelPackage", named, {})
    except ApiError as error:
        if retrying.passes(error.code):
            raise
        raise CheckFault(f"The baseline of {group}: {error.message}") from error
    place, constraints = _PLACES[check.said["CheckType"]]
    kept = package.get("DriftCheckBaselines", {}).get(place, {})
    parts = {CONSTRAINTS: constraints, STATISTICS: STATISTICS}
    return {part: kept[parts[part]]["S3Uri"] for part in _FILES[check.kind] if parts[part] in kept}


def _output(arguments: Document) -> str:
    """Return the prefix that the job writes to first; "" where there is none."""
    found: object = arguments
    for name in ("ProcessingOutputConfig", "Outputs"):
        found = found.get(name) if isinstance(found, dict) else None
    found = found[0] if isinstance(found, list) and found else None
    for name in ("S3Output", "S3Uri"):
        found = found.get(name) if isinstance(found, dict) else None
    return found.rstrip("/") if isinstance(found, str) else ""
