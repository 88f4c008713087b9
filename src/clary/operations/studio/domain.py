"""What calls about domains and those who live in them decide: they must be there, and settings add up."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations import crud, references
from clary.operations.kinds import of
from clary.operations.registry import Call, before, completes
from clary.resources.spec import Resource
from clary.resources.studio.domain import DOMAIN
from clary.resources.studio.space import SPACE
from clary.resources.studio.user_profile import USER_PROFILE
from clary.store.record import key_of

_RSTUDIO = "RStudioServerProDomainSettings"


@before("sagemaker", "CreateDomain")
def check_domain(call: Call) -> None:
    """Refuse default users without a role, or with one that is not there."""
    role = call.request["DefaultUserSettings"].get("ExecutionRole")
    if role is None:
        raise ValidationError(
            "DefaultUserSettings.ExecutionRole is missing: name the role that users work with."
        )
    references.role(call, role)


@completes("sagemaker", "UpdateDomain")
def merge_domain(call: Call) -> Document:
    """Lay settings over the domain's own: what the request leaves out stays."""
    changes = _merged(call, DOMAIN, "DefaultUserSettings", "DefaultSpaceSettings")
    if settings := call.request.get("DomainSettingsForUpdate"):
        own = crud.named(of(DOMAIN), call).doc.get("DomainSettings", {})
        renamed = {
            _RSTUDIO if name == f"{_RSTUDIO}ForUpdate" else name: item for name, item in settings.items()
        }
        changes["DomainSettings"] = {**own, **renamed}
    return changes


@before("sagemaker", "CreateUserProfile")
def check_user_profile(call: Call) -> None:
    """Refuse a profile of a domain that is not there."""
    require(call, DOMAIN)
    if role := call.request.get("UserSettings", {}).get("ExecutionRole"):
        references.role(call, role)


@completes("sagemaker", "UpdateUserProfile")
def merge_user_profile(call: Call) -> Document:
    """Lay settings over the profile's own."""
    return _merged(call, USER_PROFILE, "UserSettings")


@before("sagemaker", "CreateSpace")
def check_space(call: Call) -> None:
    """Refuse a space of a domain that is not there, or of nobody in it."""
    require(call, DOMAIN)
    owned, shared = call.request.get("OwnershipSettings"), call.request.get("SpaceSharingSettings")
    if (owned is None) != (shared is None):
        raise ValidationError("Give both OwnershipSettings and SpaceSharingSettings, or neither.")
    if owned is not None:
        require(call, USER_PROFILE, owned["OwnerUserProfileName"])


@completes("sagemaker", "UpdateSpace")
def merge_space(call: Call) -> Document:
    """Lay settings over the space's own."""
    return _merged(call, SPACE, "SpaceSettings")


@before("sagemaker", "CreateApp")
def check_app(call: Call) -> None:
    """Refuse an app of nobody: it is a person's or a space's."""
    require(call, DOMAIN)
    request = call.request
    if ("UserProfileName" in request) == ("SpaceName" in request):
        raise ValidationError("Give exactly one of UserProfileName and SpaceName.")
    require(call, USER_PROFILE if "UserProfileName" in request else SPACE)


def require(call: Call, resource: Resource, name: str | None = None) -> None:
    """Refuse a request whose domain, profile or space is not there."""
    asked = {**call.request, resource.key()[-1]: name} if name else call.request
    if call.records.find(resource, key_of(resource, asked)) is None:
        raise ValidationError(call.records.missing(resource, asked).message)


def _merged(call: Call, resource: Resource, *members: str) -> Document:
    doc = crud.named(of(resource), call).doc
    given = [member for member in members if member in call.request]
    return {member: {**doc.get(member, {}), **call.request[member]} for member in given}
