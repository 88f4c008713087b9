"""Worker task templates: what a worker sees."""

from clary.resources.registry import register
from clary.resources.spec import Resource

HUMAN_TASK_UI = register(
    Resource(
        kind="HumanTaskUi",
        arn="human-task-ui/{HumanTaskUiName}",
        status="HumanTaskUiStatus",
        initial={"HumanTaskUiStatus": "Active"},
    )
)
