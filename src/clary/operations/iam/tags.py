"""Tags of users, roles, customer managed policies, instance profiles and identity providers."""

from __future__ import annotations

from functools import partial

from clary.core.document import Document
from clary.core.tags import listed, retagged
from clary.operations.iam.answers import PRINCIPALS, absent, limit, mine, page
from clary.operations.iam.grants import find_managed
from clary.operations.iam.identity_provider import provider
from clary.operations.registry import Call, operation
from clary.resources.iam.instance_profile import INSTANCE_PROFILE
from clary.resources.iam.open_id_connect_provider import OPEN_ID_CONNECT_PROVIDER
from clary.resources.iam.policy import POLICY
from clary.resources.iam.saml_provider import SAML_PROVIDER
from clary.resources.spec import Resource
from clary.store.records import Record

TAGS_LIMIT = 50


def tag(resource: Resource, call: Call) -> None:
    """Add tags; one that is there gets the new value."""
    records = mine(call)
    with records.database.write():
        record = _tagged(resource, call)
        tags = retagged(record.doc.get("Tags"), call.request["Tags"])
        if len(tags) > TAGS_LIMIT:
            raise limit(f"The number of tags has reached the maximum limit of {TAGS_LIMIT}.")
        records.update(record, {"Tags": listed(tags)})


def untag(resource: Resource, call: Call) -> None:
    """Remove tags; one that is not there does not matter."""
    records, gone = mine(call), set(call.request["TagKeys"])
    with records.database.write():
        record = _tagged(resource, call)
        records.update(record, {"Tags": listed(retagged(record.doc.get("Tags"), gone=gone))})


def list_tags(resource: Resource, call: Call) -> Document:
    """List tags."""
    record = _tagged(resource, call)
    return page(call, "Tags", [(item["Key"], item) for item in record.doc.get("Tags", ())])


def _tagged(resource: Resource, call: Call) -> Record:
    if resource in (OPEN_ID_CONNECT_PROVIDER, SAML_PROVIDER):
        return provider(mine(call), resource, call.request)
    if resource is not POLICY:
        return mine(call).get(resource, call.request)
    found = find_managed(call.records, call.request["PolicyArn"])
    if found is None or found.account != call.account:
        raise absent(f"Policy {call.request['PolicyArn']} was not found.")
    return found


_OTHERS = (POLICY, INSTANCE_PROFILE, OPEN_ID_CONNECT_PROVIDER, SAML_PROVIDER)
for _word, _resource in (*PRINCIPALS, *((kind.kind, kind) for kind in _OTHERS)):
    operation("iam", f"Tag{_word}")(partial(tag, _resource))
    operation("iam", f"Untag{_word}")(partial(untag, _resource))
    operation("iam", f"List{_word}Tags")(partial(list_tags, _resource))
