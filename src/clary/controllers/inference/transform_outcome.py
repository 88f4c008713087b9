"""Puts what a transform job made where the caller asked for it, and says what was captured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from clary.controllers.s3 import RoleObjects
from clary.core.document import Document


def keep(doc: Document, finished: Mapping[str, Path], objects: RoleObjects) -> None:
    """Put whole outputs; doing it twice leaves the same objects."""
    for name, path in finished.items():
        objects.keep(_place(doc, name), path)


def withdraw(doc: Document, finished: Mapping[str, Path], objects: RoleObjects) -> None:
    """Take back what was put of a job that is stopped."""
    for name, path in finished.items():
        objects.take_back(_place(doc, name), path)


def capture(uid: str, doc: Document, finished: Mapping[str, Path], objects: RoleObjects) -> None:
    """List inputs and outputs below the hour in which the job began (evidence/batch-transform.md)."""
    if not finished or "DataCaptureConfig" not in doc:
        return
    began: datetime = doc.get("TransformStartTime") or doc["CreationTime"]
    to = doc["DataCaptureConfig"]["DestinationS3Uri"].rstrip("/")
    hour = began.astimezone(UTC).strftime("%Y/%m/%d/%H")
    names = sorted(finished)
    folder = finished[names[0]].parent
    output = doc["TransformOutput"]["S3OutputPath"].rstrip("/") + "/"
    sides = {"input": (doc["_Prefix"], names), "output": (output, [f"{name}.out" for name in names])}
    for side, (prefix, listed) in sides.items():
        draft = folder / f"captured-{side}.json"
        draft.write_text(json.dumps([{"prefix": prefix}, *listed]))
        objects.keep(f"{to}/{side}/{hour}/{uid}.json", draft)


def _place(doc: Document, name: str) -> str:
    below: str = doc["TransformOutput"]["S3OutputPath"]
    return f"{below.rstrip('/')}/{name}.out"
