"""Calls for up to ten messages: each succeeds or fails by itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from clary.core.document import Document
from clary.core.errors import ApiError

MOST = 10
LARGEST = 1_048_576  # Bytes of all messages together.
_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


def check(entries: Sequence[Document], kind: str = "") -> None:
    """Refuse a batch that is empty, too large or ambiguous; `kind` ends the names of the errors."""
    if not entries:
        raise _refused("EmptyBatchRequest", kind, "There should be at least one entry in the request.")
    if len(entries) > MOST:
        words = f"Maximum number of entries per request are {MOST}. You have sent {len(entries)}."
        raise _refused("TooManyEntriesInBatchRequest", kind, words)
    seen = set()
    for entry in entries:
        if not _ID.fullmatch(entry["Id"]):
            raise _refused(
                "InvalidBatchEntryId",
                kind,
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
                f"It can be at most 80 letters long; this is {entry['Id'][:100]!r}.",
            )
        if entry["Id"] in seen:
            raise _refused("BatchEntryIdsNotDistinct", kind, f"Id {entry['Id']} repeated.")
        seen.add(entry["Id"])


def check_size(size: int, kind: str = "") -> None:
    """Refuse messages that are too large together."""
    if size > LARGEST:
        words = f"Batch requests cannot be longer than {LARGEST} bytes. You have sent {size} bytes."
        raise _refused("BatchRequestTooLong", kind, words)


def each(entries: Sequence[Document], work: Callable[[Document], Document]) -> Document:
    """Do the work for each entry and answer which went well and which did not."""
    done: list[Document] = []
    failed: list[Document] = []
    for entry in entries:
        try:
            done.append({"Id": entry["Id"], **work(entry)})
        except ApiError as error:
            told = {"Code": error.code, "Message": error.message, "SenderFault": error.status < 500}
            failed.append({"Id": entry["Id"], **told})
    return {"Successful": done, "Failed": failed}


def _refused(code: str, kind: str, words: str) -> ApiError:
    return ApiError(words, code=f"{code}{kind}", status=400)
