"""Lambda's Python runtime: a small server, and the process that has a function's handler."""
