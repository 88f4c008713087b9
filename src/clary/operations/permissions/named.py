"""Which resources a request names: by ARN, by name, by lists of them, or by their parent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from clary.core.arn import parse as parse_arn
from clary.operations.permissions.places import Place
from clary.operations.permissions.plan import Kind, Plan, either_of
from clary.operations.permissions.table import names
from clary.resources.spec import Resource
from clary.store.record import arn_tail
from clary.store.records import Records

Found = Iterable[tuple[Place, object]]
Said = Mapping[str, tuple[str, ...]]
"""What a request says, by member in lower case."""

_VARIABLE = re.compile(r"\$\{(\w+)\}")


def resources(plan: Plan, found: Found, records: Records, more: Said | None = None) -> list[str]:
    """Return the ARNs of all that a request acts on, the most important first; never none.

    What is not named stands as `*`: so does a whole ARN where an operation acts on nothing in particular.
    `more` says what a service's requests spell in their own way.
    """
    said = {**_said(found), **(more or {})}
    given = [value for place, value in _texts(found) if place.naming and place.member not in plan.mentions]
    arns = [arn for arn in dict.fromkeys(given) if _of_service(arn, plan.prefix)]
    if not plan.kinds:
        return ["*", *arns]
    wanted: list[str] = []
    parents: list[str] = []
    for kind in plan.kinds:
        by_arn = [arn for arn in arns if _best(plan.kinds, arn) is kind]
        parents += (within := _parents(plan, kind, found, records))
        wanted += by_arn or _by_name(plan, kind, said, records) or [_below(kind, arn) for arn in within]
    wanted = wanted or _in_part(plan, said, records) or arns or _at_all(plan, records)
    foreign = [arn for arn in arns if _account(arn) not in ("", "aws", records.account)]
    return list(dict.fromkeys([*wanted, *(arn for arn in foreign if arn not in parents)]))


def _said(found: Found) -> dict[str, tuple[str, ...]]:
    """Collect names. A member at the top hides those of its name further down; `Names` also says `Name`."""
    said: dict[str, tuple[str, ...]] = {}
    depth: dict[str, int] = {}
    for place, value in _texts(found):
        for member in {place.member.lower(), place.member.lower().removesuffix("s")}:
            if len(place.path) < depth.get(member, 99):
                said[member], depth[member] = (), len(place.path)
            if len(place.path) == depth[member] and not value.startswith("arn:"):
                said[member] = (*said[member], value)
    return {member: values for member, values in said.items() if values}


def _texts(found: Found) -> Iterator[tuple[Place, str]]:
    return ((place, value) for place, value in found if isinstance(value, str) and value)


def _of_service(arn: str, prefix: str) -> bool:
    parsed = parse_arn(arn)
    return parsed is not None and parsed.service == prefix


def _account(arn: str) -> str:
    parsed = parse_arn(arn)
    return "" if parsed is None else parsed.account


def _best(kinds: Iterable[Kind], arn: str) -> Kind | None:
    return max((kind for kind in kinds if kind.type.fits(arn)), key=lambda k: k.type.literal, default=None)


def _by_name(plan: Plan, kind: Kind, said: Said, records: Records) -> list[str]:
    """Return the resources of one kind that are named in full, or are found by what they are called."""
    values = [_value(kind, member, said) for member in kind.members]
    if values and all(values):
        return [
            _arn(kind, dict(zip(kind.members, row, strict=True)), said, plan, records)
            for row in _rows(values)
        ]
    declared = kind.declared
    if declared is None or plan.creates:
        return []
    called = said.get(declared.asked_by.lower(), ()) or said.get(declared.key()[-1].lower(), ())
    keys = [_value(kind, member, said) for member in declared.key()[:-1]]
    if not called or not all(keys):
        return []
    found = (records.find(declared, "/".join([*(key[0] for key in keys), name])) for name in called)
    return [record.arn for record in found if record is not None]


def _parents(plan: Plan, kind: Kind, found: Found, records: Records) -> list[str]:
    """Return the ARNs of what a kind lies in, where requests name that instead."""
    member: str = names()["parents"].get(plan.prefix, {}).get(kind.type.name, "")
    if not member:
        return []
    noun = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", member.removesuffix("Name")).lower()
    listed = [value for place, value in _texts(found) if place.member == member]
    head = _head(kind, records)
    return [text if text.startswith("arn:") else f"{head}{noun}/{text}" for text in listed]


def _below(kind: Kind, parent: str) -> str:
    """Return everything of a kind that lies in a parent."""
    start, _, name = parent.partition("/")
    return f"{start.rpartition(':')[0]}:{kind.type.tail.partition('/')[0]}/{name}/*"


def _in_part(plan: Plan, said: Said, records: Records) -> list[str]:
    """Return the first kind of which a request says something, best of the required ones."""
    for kind in plan.kinds:
        values = {member: _value(kind, member, said) for member in kind.members}
        if any(values.values()):
            return [_arn(kind, {m: v[0] for m, v in values.items() if v}, said, plan, records)]
    return []


def _at_all(plan: Plan, records: Records) -> list[str]:
    """Return any resource of the first required kind, or simply any."""
    return [_arn(kind, {}, {}, plan, records) for kind in plan.kinds[:1] if kind.required] or ["*"]


def _value(kind: Kind, member: str, said: Said) -> tuple[str, ...]:
    found = said.get(member.lower(), ())
    if (
        not found
        and kind.declared is not None
        and kind.declared.asked_by
        and member == kind.declared.key()[-1]
    ):
        found = said.get(kind.declared.asked_by.lower(), ())
    return found


def _rows(values: list[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Pair several values with the one of each other member."""
    for index in range(max(len(value) for value in values)):
        yield tuple(value[index] if index < len(value) else value[-1] for value in values)


def _arn(kind: Kind, values: Mapping[str, str], said: Said, plan: Plan, records: Records) -> str:
    if kind.declared is not None:
        if (there := _there(kind.declared, values, plan, records)) is not None:
            return there
        either = either_of(kind.declared)
        more = {member: said[member.lower()][0] for member in (*either, "Path") if member.lower() in said}
        tail = arn_tail(kind.declared, {"Path": "/", **more, **values})
        tail = tail if not either or any(member in more for member in either) else tail.replace("//", "/*/")
    else:
        told = iter(kind.members)
        tail = _VARIABLE.sub(lambda _: values.get(next(told), "*"), kind.type.tail)
    return _head(kind, records) + tail


def _head(kind: Kind, records: Records) -> str:
    """Return what stands before the resource part of ARNs of the caller's own."""
    place = {"Partition": "aws", "Region": records.region, "Account": records.account}
    return _VARIABLE.sub(lambda match: place[match[1]], kind.type.arn.removesuffix(kind.type.tail))


def _there(declared: Resource, values: Mapping[str, str], plan: Plan, records: Records) -> str | None:
    """Return the ARN of a resource that has a path, which no request but its creation's says."""
    if "{Path}" not in declared.arn or plan.creates or not all(member in values for member in declared.key()):
        return None
    record = records.find(declared, "/".join(values[member] for member in declared.key()))
    return None if record is None else record.arn
