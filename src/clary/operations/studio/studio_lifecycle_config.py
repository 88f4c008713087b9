"""What calls about Studio lifecycle configurations decide: one in use stays."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator

from clary.core.document import dumps
from clary.core.errors import ResourceInUse, ValidationError
from clary.operations.registry import Call, before, operation
from clary.resources.studio.app import APP
from clary.resources.studio.domain import DOMAIN
from clary.resources.studio.space import SPACE
from clary.resources.studio.studio_lifecycle_config import STUDIO_LIFECYCLE_CONFIG
from clary.resources.studio.user_profile import USER_PROFILE


@before("sagemaker", "CreateStudioLifecycleConfig")
def check(call: Call) -> None:
    """Refuse content that is not the base64 that it must be."""
    try:
        base64.b64decode(call.request["StudioLifecycleConfigContent"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValidationError(f"StudioLifecycleConfigContent is not base64: {error}.") from error


@operation("sagemaker", "DeleteStudioLifecycleConfig", level="stored")
def delete(call: Call) -> None:
    """Remove a configuration that no domain, profile, space or app names."""
    with call.records.database.write():
        config = call.records.get(STUDIO_LIFECYCLE_CONFIG, call.request)
        holder = next(_naming(call, config.arn), None)
        if holder is not None:
            raise ResourceInUse(f"{config.arn} is in use by {holder}. Take it out of its settings first.")
        call.records.delete(config)


def _naming(call: Call, arn: str) -> Iterator[str]:
    said = json.dumps(arn)
    for kind in (DOMAIN, USER_PROFILE, SPACE, APP):
        for record in call.records.each(kind):
            if said in dumps(record.doc):
                yield record.arn
