"""Lineage groups: the one of each account, which other accounts are given access to."""

from clary.resources.registry import register
from clary.resources.spec import Resource

LINEAGE_GROUP = register(
    Resource(kind="LineageGroup", arn="lineage-group/{LineageGroupName}", level="behaves")
)
