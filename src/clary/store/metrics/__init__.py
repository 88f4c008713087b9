"""Numbers over time: the one place that holds them, whoever sent them."""

from clary.store.metrics.columns import CLOUDWATCH, SAGEMAKER, Columns
from clary.store.metrics.store import Metrics, Series, Summary

__all__ = ["CLOUDWATCH", "SAGEMAKER", "Columns", "Metrics", "Series", "Summary"]
