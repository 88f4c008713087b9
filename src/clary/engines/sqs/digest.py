"""The MD5 sums by which SQS's clients see that a message arrived as it was sent.

How attributes are summed: evidence/sqs.md.
"""

from __future__ import annotations

import hashlib

from clary.core.document import Document


def of_body(text: str) -> str:
    """Return the sum of a message's body."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def of_attributes(attributes: Document) -> str:
    """Return the sum of message attributes: names, types and values by name, each with its length."""
    total = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        value = attributes[name]
        binary = "BinaryValue" in value
        content = value["BinaryValue"] if binary else str(value["StringValue"]).encode()
        kind = b"\x02" if binary else b"\x01"
        for part in (name.encode(), str(value["DataType"]).encode()):
            total.update(len(part).to_bytes(4, "big") + part)
        total.update(kind + len(content).to_bytes(4, "big") + content)
    return total.hexdigest()


def size_of(body: str, attributes: Document) -> int:
    """Return the bytes of a message as its limit counts them: body, and attributes with names and types."""
    size = len(body.encode())
    for name, value in attributes.items():
        content = (
            value["BinaryValue"] if "BinaryValue" in value else str(value.get("StringValue", "")).encode()
        )
        size += len(name.encode()) + len(str(value.get("DataType", "")).encode()) + len(content)
    return size
