"""The lineage graph's edges, and what automatic lineage has yet to follow."""
