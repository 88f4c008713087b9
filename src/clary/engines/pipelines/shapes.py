"""Arguments held against the request they will become: members, types, and references that fit."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection

from botocore.model import ListShape, MapShape, Shape, StructureShape

from clary.engines.pipelines.expressions import GET, JOIN, Json, is_expression
from clary.engines.pipelines.faults import DefinitionFault
from clary.wire.patterns import compile_pattern

SortOf = Callable[[str, str], str | None]
"""What sort of value a Get stands for, by its text and place; None where only its execution knows."""

_JSON = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (str, int, float),
    "blob": (str,),
}
_TAKES = {
    "string": ("string", "timestamp"),
    "integer": ("integer", "long"),
    "long": ("integer", "long"),
    "float": ("float", "double", "integer", "long"),
    "double": ("float", "double", "integer", "long"),
    "boolean": ("boolean",),
}
_SAID = {"integer": "Integer", "long": "Integer", "float": "Float", "double": "Float", "boolean": "Boolean"}


def check(
    shape: Shape,
    value: Json,
    path: str,
    sort_of: SortOf,
    without: Collection[str] = (),
    never: Collection[str] = (),
) -> None:
    """Refuse a value that can never be the shape's; `without` need not, `never` may not be there."""
    if is_expression(value):
        _expression(shape, value, path, sort_of)
    elif isinstance(shape, StructureShape):
        if not getattr(shape, "is_document_type", False):
            _structure(shape, value, path, sort_of, without, never)
    elif isinstance(shape, MapShape):
        for name, each in _object(value, path).items():
            check(shape.value, each, f"{path}.{name}", sort_of)
    elif isinstance(shape, ListShape):
        found = _list(value, path)
        _limited(shape, len(found), "elements", path)
        for index, each in enumerate(found):
            check(shape.member, each, f"{path}[{index}]", sort_of)
    else:
        _scalar(shape, value, path)


def unknown(name: str, known: Collection[str], path: str) -> DefinitionFault:
    """Return the fault of a member that nothing knows, with the one that was probably meant."""
    like = difflib.get_close_matches(name, known, n=1)
    rather = f"did you mean {like[0]!r}?" if like else f"it may have {', '.join(sorted(known)) or 'none'}."
    return DefinitionFault(f"{path}.{name}" if path else name, f"Unknown property '{name}': {rather}")


def _structure(
    shape: StructureShape,
    value: Json,
    path: str,
    sort_of: SortOf,
    without: Collection[str],
    never: Collection[str],
) -> None:
    members = {name: each for name, each in shape.members.items() if name not in never}
    found = {name: each for name, each in _object(value, path).items() if each is not None}
    for name, each in found.items():
        if name not in members:
            raise unknown(name, members, path)
        check(members[name], each, f"{path}.{name}", sort_of)
    for name in shape.required_members:
        if name not in found and name not in without:
            raise DefinitionFault(path, f"it has no {name}, which {shape.name} needs.")


def _scalar(shape: Shape, value: Json, path: str) -> None:
    wanted = _JSON[shape.type_name]
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        raise DefinitionFault(path, f"it is {_shown(value)}; it must be of type {_said(shape.type_name)}.")
    if isinstance(value, str):
        _limited(shape, len(value), "characters", path)
        pattern = compile_pattern(shape.metadata.get("pattern", ""))
        if "pattern" in shape.metadata and pattern is not None and not pattern.fullmatch(value):
            raise DefinitionFault(path, f"it is {value!r}; it must match {shape.metadata['pattern']}.")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        _limited(shape, value, "", path)
    choices = getattr(shape, "enum", None)
    if choices and value not in choices:
        like = difflib.get_close_matches(str(value), choices, n=1)
        rather = f"did you mean {like[0]!r}?" if like else f"it must be one of {', '.join(choices[:12])}."
        raise DefinitionFault(path, f"it is {value!r}: {rather}")


def _limited(shape: Shape, size: float, of: str, path: str) -> None:
    least, most = shape.metadata.get("min", size), shape.metadata.get("max", size)
    if not least <= size <= most:
        limit = f"at most {most}" if size > most else f"at least {least}"
        has = f"it has {size} {of}; it may have" if of else f"it is {size}; it may be"
        raise DefinitionFault(path, f"{has} {limit}.")


def _expression(shape: Shape, value: Json, path: str, sort_of: SortOf) -> None:
    ((name, said),) = value.items() if isinstance(value, dict) else ((None, None),)
    takes = _TAKES.get(shape.type_name)
    if name == JOIN:
        if takes and "string" not in takes:
            raise _misfit("Std:Join", "String", shape, path)
    elif name == GET and isinstance(said, str):
        sort = sort_of(said, path)
        if takes and sort is not None and sort not in takes:
            raise _misfit(said, _said(sort), shape, path)


def _misfit(said: str, sort: str, shape: Shape, path: str) -> DefinitionFault:
    wanted = _said(shape.type_name)
    text = f"Cannot assign property reference [{said}] of type [{sort}] to argument of type [{wanted}]"
    return DefinitionFault(
        path, text + ("; join it: to_string() in the SDK." if shape.type_name == "string" else ".")
    )


def _object(value: Json, path: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise DefinitionFault(path, f"it is {_shown(value)}; it must be an object.")
    return value


def _list(value: Json, path: str) -> list[object]:
    if not isinstance(value, list):
        raise DefinitionFault(path, f"it is {_shown(value)}; it must be a list.")
    return value


def _said(sort: str) -> str:
    return _SAID.get(sort, sort.capitalize())


def _shown(value: Json) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return repr(value)
