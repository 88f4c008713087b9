"""The vocabulary of resource declarations: only what a service model does not already say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

_TIME = {
    "Created": "CreationTime",
    "Creation": "CreationTime",
    "LastModified": "LastModifiedTime",
    "Modified": "LastModifiedTime",
}
Level = Literal["absent", "stored", "behaves", "conforms"]
"""How far an operation goes: it only names itself, keeps and gives back, does its work, is held to AWS's."""

_EDGE = {"After": "ge", "Before": "le"}


@dataclass(frozen=True, kw_only=True, eq=False)  # There is one of each kind: told apart by which it is.
class Resource:
    """One kind of resource.

    `service` is botocore's service name; `arn` the resource part of its ARN with members in braces (`!l`
    lowers one, `!u` raises it, `!e` lets it be left out); `identity` the members that make its key (default
    `<Kind>Name`; optional ones count as empty); `generated` maps an identity member that the server makes up
    to its form (`d-{12}`: so many random letters and digits); `caseless` says that keys that differ in case
    only are the same; `arn_member` holds the ARN (default `<Kind>Arn`), `asked_by` is what requests call the
    resource by where it is neither the identity nor the ARN's member; `named` maps a verb to an operation
    that is not called `<Verb><Kind>`, or to "" where it is none of this kind's; `status` is the status
    member; `initial` what a new record starts with; `filters` maps a List member to `"StoredPath test"`;
    `filters_after_paging` names those that AWS applies to a page already cut; `missing` and `conflict` are
    the error codes for an absent record and a taken name, and their texts may name `{arn}`, `{name}`,
    `{noun}`; `lives` says that a controller works on it, `passing` are the statuses that end by themselves,
    `traced` that what becomes of it is followed into the lineage, `announced` the detail type of the events
    that tell of its creation and of each change of its status (its end, where it has none), and `announces`
    other members whose change they tell; `hidden` are stored members that Describe
    does not show; `answers` maps a dotted path to what Describe says where the record says nothing
    (structures on the way are not invented); `shown` maps a member of Describe and List to the stored path it
    comes from, `summary` one of List alone; `envelope` is the member that Describe, Create and Update wrap
    the record in; `orders` maps a value of SortBy to a stored path; `sort_order` holds when a List names
    none; `within` maps a member to the kind of this service that it names, which must be there; `holds` maps
    a kind that keeps this one from being deleted to what binds it (`"ItsPath test"` to our member), `held` is
    the error code then; `removals` maps a member of Update that lists keys to the map they are taken from;
    `ignored` maps a member of List that has no effect to the reason, `without_effect` one of Create by its
    dotted path; `absent` are operations of the kind that are not built; `level` says what the others do,
    `conforms` which of them a test compares with what AWS does.
    """

    kind: str
    arn: str
    service: str = "sagemaker"
    identity: tuple[str, ...] = ()
    generated: Mapping[str, str] = field(default_factory=dict)
    caseless: bool = False
    arn_member: str = ""
    asked_by: str = ""
    named: Mapping[str, str] = field(default_factory=dict)
    status: str | None = None
    initial: Mapping[str, object] = field(default_factory=dict)
    answers: Mapping[str, object] = field(default_factory=dict)
    filters: Mapping[str, str] = field(default_factory=dict)
    filters_after_paging: frozenset[str] = frozenset()
    shown: Mapping[str, str] = field(default_factory=dict)
    summary: Mapping[str, str] = field(default_factory=dict)
    envelope: str = ""
    orders: Mapping[str, str] = field(default_factory=dict)
    within: Mapping[str, str] = field(default_factory=dict)
    holds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    held: str = "ResourceInUse"
    removals: Mapping[str, str] = field(default_factory=dict)
    sort_order: Literal["Ascending", "Descending"] = "Descending"
    hidden: frozenset[str] = frozenset({"Tags"})
    ignored: Mapping[str, str] = field(default_factory=dict)
    without_effect: Mapping[str, str] = field(default_factory=dict)
    missing: str = "ResourceNotFound"
    missing_text: str = "Requested resource not found."
    missing_status: int = 400
    conflict: str = "ResourceInUse"
    conflict_text: str = "{noun} with name {name} already exists ({arn})."
    conflict_status: int = 400
    lives: bool = False
    traced: bool = False
    announced: str = ""
    announces: frozenset[str] = frozenset()
    passing: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    level: Level = "stored"
    conforms: frozenset[str] = frozenset()

    def key(self) -> tuple[str, ...]:
        """Return the members that identify a record, in order."""
        return self.identity or (f"{self.kind}Name",)

    def arn_in(self) -> str:
        """Return the member that holds the ARN in requests and answers."""
        return self.arn_member or f"{self.kind}Arn"

    def noun(self) -> str:
        """Return the kind in words: `endpoint config` for `EndpointConfig`."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", self.kind).lower()

    def order(self, by: str) -> str:
        """Return the stored path that a value of SortBy stands for."""
        return self.orders.get(by, by)

    def bind(self, member: str, stored: frozenset[str]) -> tuple[str, str] | None:
        """Name the stored field and the test that one List member stands for."""
        if member in self.filters:
            path, _, test = self.filters[member].partition(" ")
            return path, test or "eq"
        if match := re.fullmatch(r"(\w+?)(?:Time)?(After|Before)", member):
            return _TIME.get(match[1], f"{match[1]}Time"), _EDGE[match[2]]
        if member == "NameContains":
            return self.key()[-1], "contains"
        if member == "StatusEquals" and self.status:
            return self.status, "eq"
        for suffix, test in (("Equals", "eq"), ("Contains", "contains"), ("", "eq")):
            path = member.removesuffix(suffix)
            if member.endswith(suffix) and path in stored:
                return path, test
        return None


def not_run(
    status: str, things: str, *, failed: str = "Failed", why: str = "FailureReason", instead: str = ""
) -> dict[str, str]:
    """Return what a job starts with that is kept but that nothing runs yet: it has failed, and says so.

    `instead` is a sentence that says what can be done meanwhile.
    """
    reason = f"Clary keeps {things} but does not run them yet; see docs/reference/operations.md. {instead}"
    return {status: failed, why: reason.rstrip()}
