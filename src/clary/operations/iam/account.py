"""The account itself: its alias, its numbers, and everything in it at once."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations.iam import access_key, attached_policy, group, inline_policy, policy_version
from clary.operations.iam.answers import absent, mine, page
from clary.operations.iam.grants import VERSIONS
from clary.operations.registry import Call, operation
from clary.resources.iam.account_alias import ACCOUNT_ALIAS
from clary.resources.iam.group import GROUP
from clary.resources.iam.instance_profile import INSTANCE_PROFILE
from clary.resources.iam.open_id_connect_provider import OPEN_ID_CONNECT_PROVIDER
from clary.resources.iam.policy import POLICY
from clary.resources.iam.role import ROLE
from clary.resources.iam.saml_provider import SAML_PROVIDER
from clary.resources.iam.user import USER

_COUNTED = {
    "Users": USER,
    "Groups": GROUP,
    "Roles": ROLE,
    "InstanceProfiles": INSTANCE_PROFILE,
}
_QUOTAS = {
    "AccessKeysPerUserQuota": access_key.KEYS_PER_USER,
    "GroupsPerUserQuota": group.GROUPS_PER_USER,
    "AttachedPoliciesPerGroupQuota": attached_policy.ATTACHED_LIMIT,
    "AttachedPoliciesPerRoleQuota": attached_policy.ATTACHED_LIMIT,
    "AttachedPoliciesPerUserQuota": attached_policy.ATTACHED_LIMIT,
    "UserPolicySizeQuota": inline_policy.QUOTA["User"],
    "GroupPolicySizeQuota": inline_policy.QUOTA["Group"],
    "RolePolicySizeQuota": inline_policy.QUOTA["Role"],
    "VersionsPerPolicyQuota": policy_version.VERSIONS_LIMIT,
}
_NONE_HERE = ("MFADevices", "MFADevicesInUse", "AccountMFAEnabled", "ServerCertificates")


@operation("iam", "CreateAccountAlias")
def create_account_alias(call: Call) -> None:
    """Give the account an alias; it replaces the one it has."""
    records, alias = mine(call), call.request["AccountAlias"]
    with records.database.write():
        taken = [one for one in records.scoped("", "").each(ACCOUNT_ALIAS) if one.name == alias]
        if any(one.account != call.account for one in taken):
            raise ApiError(
                f"The account alias {alias} already exists.", code="EntityAlreadyExists", status=409
            )
        for one in records.each(ACCOUNT_ALIAS):
            records.delete(one)
        records.create(ACCOUNT_ALIAS, {"AccountAlias": alias})


@operation("iam", "ListAccountAliases")
def list_account_aliases(call: Call) -> Document:
    """List the account's alias."""
    return page(call, "AccountAliases", [(one.name, one.name) for one in mine(call).each(ACCOUNT_ALIAS)])


@operation("iam", "DeleteAccountAlias")
def delete_account_alias(call: Call) -> None:
    """Take the account's alias away."""
    records, alias = mine(call), call.request["AccountAlias"]
    with records.database.write():
        found = records.find(ACCOUNT_ALIAS, alias)
        if found is None:
            raise absent(f"The account alias {alias} cannot be found.")
        records.delete(found)


@operation("iam", "GetAccountSummary")
def get_account_summary(call: Call) -> Document:
    """Answer how many of each there are, and how many there may be where this server has a limit."""
    records = mine(call)
    numbers = {name: sum(1 for _ in records.each(resource)) for name, resource in _COUNTED.items()}
    policies = list(records.each(POLICY))
    numbers["Policies"] = len(policies)
    numbers["PolicyVersionsInUse"] = sum(len(policy.doc[VERSIONS]) for policy in policies)
    numbers["Providers"] = sum(
        1 for kind in (OPEN_ID_CONNECT_PROVIDER, SAML_PROVIDER) for _ in records.each(kind)
    )
    return {"SummaryMap": {**numbers, **_QUOTAS, **dict.fromkeys(_NONE_HERE, 0)}}
