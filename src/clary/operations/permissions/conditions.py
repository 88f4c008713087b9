"""Which members of a request a condition key asks about: told by their names, else by a small table."""

from __future__ import annotations

from collections.abc import Iterable

from clary.operations.permissions.places import Place, places
from clary.operations.permissions.table import Action, names, prefix_of, table


def bound(service: str, operation: str, action: Action) -> dict[str, tuple[Place, ...]]:
    """Return the places that each of an action's condition keys reads; keys without one are left out."""
    known = table(prefix_of(service))
    found = {key: tuple(asked(key, places(service, operation))) for key in action.keys}
    older = {key.removesuffix("Arn"): at for key, at in found.items()}  # OutputKmsKey is OutputKmsKeyArn's
    return {key: at for key, at in {**older, **found}.items() if at and key in known.keys}


def asked(key: str, among: Iterable[Place]) -> list[Place]:
    """Return the places a key reads."""
    if ends := names()["conditions"].get(key):
        return [place for place in among if any(_ends(place, end) for end in ends)]
    name = key.partition(":")[2].partition("/")[0].lower()
    spellings = {
        name,
        name.removesuffix("s"),
        f"enable{name}",
        name.removesuffix("arn"),
        name.replace("-", ""),
    }
    return [
        place
        for place in among
        if place.kind != "structure" and (place.member.lower() in spellings or _dotted(place, name))
    ]


def _dotted(place: Place, name: str) -> bool:
    return place.header == name or (":" in name and place.dotted.lower().endswith(name.replace(":", ".")))


def _ends(place: Place, end: str) -> bool:
    if end.startswith("^"):
        return place.dotted == end[1:]
    return f".{place.dotted}".endswith(f".{end}")
