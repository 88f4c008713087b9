"""Calls to Lambda functions: each has an environment to itself."""
