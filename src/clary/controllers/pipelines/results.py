"""Results of steps that later executions take: found by the parts of their key; of a miss it says which."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from clary.controllers.means import Means
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.engines.pipelines import caching
from clary.resources.pipelines.pipeline_step_result import LAST, PIPELINE_STEP_RESULT
from clary.store.record import key_of
from clary.store.records import Record, Records

KEPT = ("_Made", "_Outputs", "Metadata")
"""What a step says of its result."""


class Unseen(Exception):
    """What a step reads cannot be listed: no result of it is taken or kept."""


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """What the cache said: the members of a step that takes a result, or why there is none to take."""

    hit: Document | None = None
    remark: str = ""


class Results:
    """The cache of steps."""

    def __init__(self, means: Means) -> None:
        self._means = means

    def find(self, step: Record, parts: Mapping[str, str], oldest: datetime | None) -> Lookup:
        """Return the newest result that has these parts and is not older than it may be."""
        records = self._records(step)
        found = records.find(PIPELINE_STEP_RESULT, _key(step, digest(parts)))
        if found is not None and oldest is not None and found.doc["EndTime"] < oldest:
            ended = found.doc["EndTime"].isoformat(timespec="seconds")
            return Lookup(remark=f"the result of {found.doc['_Execution']} is too old: it ended at {ended}")
        if found is not None and _gone(records, found.doc["_Result"]):
            return Lookup(remark=f"what {found.doc['_Execution']} made was deleted")
        if found is not None:
            source = {"SourcePipelineExecutionArn": found.doc["_Execution"]}
            return Lookup(hit={**found.doc["_Result"], "CacheHitResult": source})
        last = records.find(PIPELINE_STEP_RESULT, _key(step, LAST))
        if last is None:
            return Lookup(remark="no execution before has a result of this step")
        names = ", ".join(caching.missed(last.doc["_Parts"], parts))
        return Lookup(remark=f"not the same as in {last.doc['_Execution']}: {names}")

    def keep(self, step: Record, write: Document) -> None:
        """Remember the result of a step that has succeeded; to do it twice is no mistake."""
        records, doc = self._records(step), {**step.doc, **write}
        result: Document = {
            "_Parts": doc["_Parts"],
            "_Result": {name: doc[name] for name in KEPT if name in doc},
            "_Execution": doc["PipelineExecutionArn"],
            "EndTime": doc["EndTime"],
        }
        with records.database.write():
            for key in (digest(doc["_Parts"]), LAST):
                found = records.find(PIPELINE_STEP_RESULT, _key(step, key))
                if found is None:
                    named = {name: doc[name] for name in ("PipelineName", "StepName")}
                    records.create(PIPELINE_STEP_RESULT, {**named, "CacheKey": key, **result})
                elif found.doc["EndTime"] <= doc["EndTime"]:
                    records.update(found, result)

    def _records(self, step: Record) -> Records:
        return self._means.records.scoped(step.account, step.region)


def digest(parts: Mapping[str, str]) -> str:
    """Return the key that parts make."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def listing(means: Means, role: str, uri: str) -> str:
    """Return a digest of all objects under an S3 prefix, keys and contents; raises Unseen."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    told = hashlib.sha256()
    try:
        if not means.allowed(role, "s3:ListBucket", f"arn:aws:s3:::{bucket}"):
            raise Unseen(f"its role may not list {uri} (s3:ListBucket), so what it reads is not known")
        for each in means.objects.each(bucket, prefix):
            told.update(f"{each.key}\0{each.etag}\0{each.size}\n".encode())
    except ApiError as error:
        raise Unseen(f"{uri} cannot be listed: {error.message}") from error
    return told.hexdigest()


def _gone(records: Records, result: Document) -> bool:
    """Say whether what was made is not there any more."""
    made = result.get("_Made")
    return made is not None and records.by_arn(made["Arn"]) is None


def _key(step: Record, key: str) -> str:
    return key_of(PIPELINE_STEP_RESULT, {**step.doc, "CacheKey": key})
