"""Training sessions: a model trained step by step from a client."""

from clary.resources.registry import register
from clary.resources.spec import Resource, not_run

TRAINING_SESSION = register(
    Resource(
        kind="TrainingSession",
        arn="training-session/{TrainingSessionName}",
        envelope="TrainingSessionDetail",
        status="TrainingSessionStatus",
        initial=not_run("TrainingSessionStatus", "training sessions", why="ErrorDetails"),
        hidden=frozenset(),
    )
)
