"""Automatic model tuning as plain functions: spaces, strategies, and when to stop."""
