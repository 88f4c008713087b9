"""The life of pipeline executions and of their steps."""
