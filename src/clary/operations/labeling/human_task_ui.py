"""What calls about labeling jobs and worker task templates decide; the rest is `crud`'s."""

from __future__ import annotations

import hashlib

from clary.core.document import Document
from clary.operations import references
from clary.operations.registry import Call, before, completes


@before("sagemaker", "CreateLabelingJob")
@before("sagemaker", "CreateFlowDefinition")
def check(call: Call) -> None:
    """Refuse a role that cannot be passed on."""
    references.role(call, call.request["RoleArn"])


@completes("sagemaker", "CreateHumanTaskUi")
def hashed(call: Call) -> Document:
    """Tell a template's hash, which Describe answers instead of the template."""
    template = call.request["UiTemplate"]
    digest = hashlib.sha256(template["Content"].encode()).hexdigest()
    return {"UiTemplate": {**template, "ContentSha256": digest}}
