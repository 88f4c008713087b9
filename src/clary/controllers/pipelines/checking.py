"""Check steps: a job makes a baseline, and holds it against the one before. evidence/pipeline-checks.md"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from clary.controllers.means import Means
from clary.controllers.pipelines.step import End
from clary.controllers.s3 import DataFault
from clary.core.document import Document
from clary.core.errors import ApiError
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


class NoBaseline(Exception):
    """There is no baseline before this one, and the step needs one."""


@dataclass(frozen=True)
class Check:
    """What a check step was asked for, resolved."""

    kind: str
    said: Document

    @property
    def skips(self) -> bool:
        """Whether nothing is held against the baseline before."""
        return bool(self.said.get("SkipCheck", False))

    @property
    def registers(self) -> bool:
        """Whether the new baseline is the one to hold later data against."""
        return bool(self.said.get("RegisterNewBaseline", False))


def before(means: Means, step: Record, role: str, check: Check) -> dict[str, str]:
    """Return the baseline before this one; raises NoBaseline where the step needs one and there is none."""
    found = {
        part: check.said[f"SuppliedBaseline{part}"]
        for part in _FILES[check.kind]
        if check.said.get(f"SuppliedBaseline{part}")
    }
    if not found and (group := check.said.get("ModelPackageGroupName")):
        found = _approved(means, step, role, check, str(group))
    if CONSTRAINTS not in found and not (check.skips and check.registers):
        raise NoBaseline(
            f"There is no {check.said['CheckType']} baseline before this one: give a "
            "SuppliedBaselineConstraints, or a ModelPackageGroupName with an approved version that has one "
            "in its DriftCheckBaselines; or set both SkipCheck and RegisterNewBaseline, as in a first run."
        )
    return found


def with_baseline(arguments: Document, baseline: Mapping[str, str], check: Check) -> Document:
    """Return the job's request with the baseline among its inputs, as monitoring containers take it."""
    if check.skips or not baseline:
        return arguments
    inputs, environment = list(arguments.get("ProcessingInputs", ())), dict(arguments.get("Environment", {}))
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
    return {"Metadata": {kind: told}, "_Fails": said.get("FailOnViolation", True)}


def ended(means: Means, step: Record, role: str, end: End) -> End:
    """Return how a check step ends whose job has completed: data that is not as it was may fail it."""
    kind = step.doc["_Type"]
    told = step.doc["Metadata"][kind]
    if told["SkipCheck"]:
        return end
    report = f"{told[f'CalculatedBaseline{CONSTRAINTS}'].rpartition('/')[0]}/{_VIOLATIONS}"
    found = _violations(means, role, report)
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
    try:
        found = json.loads(means.as_role(role).one(report).read_bytes())
    except (DataFault, OSError, ValueError):
        return []  # a program that found none need not write any
    violations = found.get("violations", []) if isinstance(found, dict) else []
    return violations if isinstance(violations, list) else []


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
        raise NoBaseline(f"The baseline of {group}: {error.message}") from error
    place, constraints = _PLACES[check.said["CheckType"]]
    kept = package.get("DriftCheckBaselines", {}).get(place, {})
    parts = {CONSTRAINTS: constraints, STATISTICS: STATISTICS}
    return {part: kept[parts[part]]["S3Uri"] for part in _FILES[check.kind] if parts[part] in kept}


def _output(arguments: Document) -> str:
    outputs = arguments.get("ProcessingOutputConfig", {}).get("Outputs", [])
    found = outputs[0]["S3Output"]["S3Uri"] if outputs else ""
    return str(found).rstrip("/")
