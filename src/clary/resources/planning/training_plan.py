"""Training plans: capacity bought ahead. Nobody sells any here, so there is never one."""

from clary.resources.registry import register
from clary.resources.spec import Resource

TRAINING_PLAN = register(
    Resource(
        kind="TrainingPlan",
        arn="training-plan/{TrainingPlanName}",
        status="Status",
        ignored={"Filters": "there is nothing to select from"},
    )
)
