"""Cluster extensions. Which there are, and in which versions, is AWS's catalogue: Clary has none."""

from __future__ import annotations

from clary.core.errors import ValidationError
from clary.operations import none_yet
from clary.resources.clusters.cluster import CLUSTER

none_yet.listed("ListClusterExtensions", CLUSTER)
none_yet.listed("ListClusterExtensionVersions")
none_yet.absent(
    "CreateClusterExtension",
    "There is no extension named {ExtensionName}: Clary has no catalogue of cluster extensions.",
    CLUSTER,
    error=ValidationError,
)
for _verb in ("Describe", "Update", "Delete"):
    none_yet.absent(f"{_verb}ClusterExtension", "There is no extension {ExtensionArn}.", CLUSTER)
