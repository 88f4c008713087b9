"""IAM policies: parsing and evaluation as plain functions."""

from clary.engines.policy.document import Policy
from clary.engines.policy.evaluate import Decision, Policies, Request, evaluate
from clary.engines.policy.parse import Malformed, parse
from clary.engines.policy.principals import Caller

__all__ = ["Caller", "Decision", "Malformed", "Policies", "Policy", "Request", "evaluate", "parse"]
