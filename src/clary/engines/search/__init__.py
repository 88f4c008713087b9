"""The grammar of Search: from what a caller writes to conditions on records."""
