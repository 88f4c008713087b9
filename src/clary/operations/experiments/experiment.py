"""What calls about experiments decide; the rest is `crud`'s."""

from __future__ import annotations

from clary.core.document import Document
from clary.operations.registry import Call, completes
from clary.resources.experiments.experiment import EXPERIMENT


@completes("sagemaker", "CreateExperiment")
def complete(call: Call) -> Document:
    """Display the name where nothing else is given."""
    return displayed(call, EXPERIMENT.key()[-1])


def displayed(call: Call, name: str) -> Document:
    """Return the display name: the one given, else the name itself."""
    return {"DisplayName": call.request.get("DisplayName") or call.request[name]}
