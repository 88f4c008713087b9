"""What S3 tells EventBridge of objects, in the shape that AWS documents. evidence/events-s3.md"""

from __future__ import annotations

import uuid
from datetime import datetime

from clary.core.document import Document
from clary.engines.events.announcement import stamp

_SPACE = uuid.UUID("4f0c2f3b-7d0e-4a35-8f0d-93b0d7c6a1e2")


def event_of(
    number: int, account: str, region: str, bucket: str, at: datetime, told: Document, *, gone: bool
) -> Document:
    """Return the event of an object that was put, or is `gone`; the same number makes the same event."""
    return {
        "version": "0",
        "id": str(uuid.uuid5(_SPACE, f"{bucket}/{number}")),
        "detail-type": "Object Deleted" if gone else "Object Created",
        "source": "aws.s3",
        "account": account,
        "time": stamp(at),
        "region": region,
        "resources": [bucket],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket.rpartition(":")[2]},
            **told,
            "object": {**told["object"], "sequencer": f"{number:018X}"},
        },
    }
