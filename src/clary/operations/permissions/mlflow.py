"""Which action a request to an MLflow server needs: AWS names one for each path. See evidence/mlflow.md."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files

PREFIX = "sagemaker-mlflow"
OTHER = "CallOtherApi"
"""What a path needs that AWS's table does not have: policies that list actions do not allow it, `*` does."""

GRAPHQL = (
    "AccessUI", "GetRun", "SearchRuns", "GetMetricHistory", "GetExperiment", "ListArtifacts",
    "SearchModelVersions",
)  # fmt: skip
"""What the pages' one address for queries reads, which names no single run: all of it is needed."""

_API = re.compile(r"/(?:ajax-)?api/\d+\.\d+/mlflow/(.+?)/?")
_PAGES = re.compile(r"/(?:static-files/.*|index\.html|health|version|favicon\.ico)?")


def actions_of(method: str, path: str) -> tuple[str, ...]:
    """Return all actions that a request needs, without their prefix; it is noted by the first."""
    if method == "POST" and path == "/graphql":  # evidence/mlflow.md
        return GRAPHQL
    return (action_of(method, path),)


def action_of(method: str, path: str) -> str:
    """Return the name of the action, without its prefix."""
    if match := _API.fullmatch(path):
        return _listed(method, match[1].split("/")) or OTHER
    if method == "GET" and path == "/get-artifact":
        return "ListArtifacts"
    if method == "GET" and path == "/model-versions/get-artifact":
        return "GetDownloadURIForModelVersionArtifacts"
    return "AccessUI" if method == "GET" and _PAGES.fullmatch(path) else OTHER


def _listed(method: str, parts: list[str]) -> str | None:
    plain = _paths().get((method, tuple(parts)))
    if plain:
        return plain
    for (verb, shape), action in _paths().items():
        fits = verb == method and "*" in shape and len(shape) == len(parts)
        if fits and all(want in ("*", have) for want, have in zip(shape, parts, strict=True)):
            return action
    return None


@cache
def _paths() -> dict[tuple[str, tuple[str, ...]], str]:
    text = (files("clary.operations.permissions") / "data" / "mlflow-paths.json").read_text()
    found: dict[tuple[str, tuple[str, ...]], str] = {}
    for key, action in json.loads(text).items():
        method, _, path = key.partition(" ")
        found[method, tuple(path.split("/"))] = action
    return found
