"""XML bodies: the rest-xml protocol both ways, and the answers of the query protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from clary.core.errors import SerializationError
from clary.wire import scalars
from clary.wire.memo import Memo, PerService
from clary.wire.scalars import Mismatch

Read = Callable[[list[Element]], Any]
Write = Callable[[list[str], str, Any], None]


def decode(body: bytes) -> Element:
    """Parse a document without a document type; whatever is not one is a SerializationError."""
    if b"<!DOCTYPE" in body or b"<!doctype" in body:
        raise SerializationError("A document type declaration is not allowed in the request body.")
    # UTF-8 whatever the document claims: no other encoding can hide a declaration from the line above.
    parser = ElementTree.XMLParser(encoding="utf-8")  # noqa: S314  # entities need a document type
    try:
        parser.feed(body)
        root: Element = parser.close()
        return root
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise SerializationError("The request body is not well-formed XML.") from error


class XmlReader:
    """Turns elements into a document. `strict` refuses elements the shape does not have, as S3 does."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self.plan: Memo[Read] = Memo(self._build)

    def _build(self, shape: Shape) -> Read:
        if isinstance(shape, StructureShape):
            return self._structure(shape)
        if isinstance(shape, ListShape):
            return self._list(shape)
        if isinstance(shape, MapShape):
            return self._map(shape)
        scalar = scalars.reader(shape)
        return lambda nodes: scalar(_text(nodes[-1]))

    def _structure(self, shape: StructureShape) -> Read:
        fields: dict[str, tuple[str, Read]] = {}
        attributes: dict[str, str] = {}

        def read(nodes: list[Element]) -> dict[str, Any]:
            if not fields and not attributes:
                self._prepare(shape, fields, attributes)
            node, found = nodes[-1], dict[str, list[Element]]()
            for child in node:
                found.setdefault(local(child.tag), []).append(child)
            result: dict[str, Any] = {
                attributes[local(name)]: value for name, value in node.items() if local(name) in attributes
            }
            for name, children in found.items():
                if (field := fields.get(name)) is not None:
                    try:
                        result[field[0]] = field[1](children)
                    except Mismatch as error:
                        raise error.inside(name) from None
                elif self._strict:
                    raise Mismatch(f"Unknown element {name[:64]}")
            return result

        return read

    def _prepare(
        self, shape: StructureShape, fields: dict[str, tuple[str, Read]], attributes: dict[str, str]
    ) -> None:
        for member, target in shape.members.items():
            if target.serialization.get("xmlAttribute"):
                attributes[_bare(target.serialization["name"])] = member
            else:
                for name in spellings(member, target):
                    fields[name] = (member, self.plan(target))

    def _list(self, shape: ListShape) -> Read:
        element = self.plan(shape.member)
        if shape.serialization.get("flattened"):
            return lambda nodes: [element([node]) for node in nodes]
        wanted = shape.member.serialization.get("name", "member")

        def read(nodes: list[Element]) -> list[Any]:
            children = list(nodes[-1])
            if self._strict and any(local(child.tag) != wanted for child in children):
                raise Mismatch(f"Only {wanted} elements may stand here")
            return [element([child]) for child in children]

        return read

    def _map(self, shape: MapShape) -> Read:
        key_name = shape.key.serialization.get("name", "key")
        value_name = shape.value.serialization.get("name", "value")
        read_key, read_value = self.plan(shape.key), self.plan(shape.value)
        flattened = shape.serialization.get("flattened")

        def read(nodes: list[Element]) -> dict[Any, Any]:
            result = {}
            for entry in nodes if flattened else nodes[-1]:
                parts = {local(part.tag): part for part in entry}
                if key_name not in parts or value_name not in parts:
                    raise Mismatch(f"A map entry needs {key_name} and {value_name}")
                result[read_key([parts[key_name]])] = read_value([parts[value_name]])
            return result

        return read


class XmlWriter:
    """Turns a document into pieces of XML text."""

    def __init__(self) -> None:
        self.plan: Memo[Write] = Memo(self._build)

    def _build(self, shape: Shape) -> Write:
        if isinstance(shape, StructureShape):
            return self._structure(shape)
        if isinstance(shape, ListShape):
            return self._list(shape)
        if isinstance(shape, MapShape):
            return self._map(shape)
        scalar, namespace = scalars.writer(shape, "iso8601"), namespace_of(shape)

        def write(out: list[str], name: str, value: Any) -> None:
            out.append(f"<{name}{namespace}>{escape(scalar(value))}</{name}>")

        return write

    def _structure(self, shape: StructureShape) -> Write:
        fields: dict[str, tuple[str, Write | None]] = {}
        namespace = namespace_of(shape)

        def prepare() -> None:
            for member, target in shape.members.items():
                plan = None if target.serialization.get("xmlAttribute") else self.plan(target)
                fields[member] = (member_name(member, target), plan)

        def write(out: list[str], name: str, value: Any) -> None:
            if not fields:
                prepare()
            at, attributes = len(out), ""
            out.append("")
            for member, item in value.items():
                field = fields.get(member)
                if field is None or item is None:
                    continue
                if field[1] is None:
                    attributes += f' {field[0]}="{escape(str(item))}"'
                else:
                    field[1](out, field[0], item)
            out[at] = f"<{name}{namespace}{attributes}>"
            out.append(f"</{name}>")

        return write

    def _list(self, shape: ListShape) -> Write:
        element = self.plan(shape.member)
        if shape.serialization.get("flattened"):

            def write_flat(out: list[str], name: str, value: Any) -> None:
                for item in value:
                    element(out, name, item)

            return write_flat
        inner, namespace = shape.member.serialization.get("name", "member"), namespace_of(shape)

        def write(out: list[str], name: str, value: Any) -> None:
            out.append(f"<{name}{namespace}>")
            for item in value:
                element(out, inner, item)
            out.append(f"</{name}>")

        return write

    def _map(self, shape: MapShape) -> Write:
        key_name = shape.key.serialization.get("name", "key")
        value_name = shape.value.serialization.get("name", "value")
        write_key, write_value = self.plan(shape.key), self.plan(shape.value)
        flattened, namespace = shape.serialization.get("flattened"), namespace_of(shape)

        def write(out: list[str], name: str, value: Any) -> None:
            entry = name if flattened else "entry"
            if not flattened:
                out.append(f"<{name}{namespace}>")
            for key, item in value.items():
                out.append(f"<{entry}{namespace if flattened else ''}>")
                write_key(out, key_name, key)
                write_value(out, value_name, item)
                out.append(f"</{entry}>")
            if not flattened:
                out.append(f"</{name}>")

        return write


def member_name(member: str, shape: Shape) -> str:
    """Return the element a member is written as."""
    return str(shape.serialization.get("name", member))


def spellings(member: str, shape: Shape) -> set[str]:
    """Return the names a member may arrive under: a flattened list also goes by the name of its elements."""
    names = {member_name(member, shape)}
    if isinstance(shape, ListShape) and shape.serialization.get("flattened"):
        names.add(shape.member.serialization.get("name", member_name(member, shape)))
    return names


def namespace_of(shape: Shape) -> str:
    """Return the namespace attribute of a shape with a space before it, or nothing."""
    declared = shape.serialization.get("xmlNamespace")
    if not declared:
        return ""
    if isinstance(declared, str):
        return f' xmlns="{declared}"'
    prefix = f":{declared['prefix']}" if declared.get("prefix") else ""
    return f' xmlns{prefix}="{declared["uri"]}"'


def namespace_of_service(service: ServiceModel) -> str:
    """Return the namespace attribute of a service's answers with a space before it, or nothing."""
    declared = service.metadata.get("xmlNamespace")
    return f' xmlns="{declared}"' if declared else ""


def escape(text: str) -> str:
    """Escape text for an element or attribute; what XML cannot say is written as a reference, as S3 does."""
    return text.translate(_ESCAPES)


def local(tag: str) -> str:
    """Return an element's name without its namespace."""
    return tag.rpartition("}")[2]


def _bare(name: str) -> str:
    return name.rpartition(":")[2]


def _text(node: Element) -> str:
    if len(node):
        raise Mismatch(f"{local(node.tag)[:64]} may not contain elements")
    return node.text or ""


_ESCAPES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord('"'): "&quot;"} | {
    code: f"&#x{code:x};" for code in range(32) if chr(code) != "\t"
}


def _strict(service: ServiceModel) -> bool:
    return service.metadata.get("serviceId") == "S3"


reader = PerService(lambda service: XmlReader(strict=_strict(service)))
writer = PerService(lambda service: XmlWriter())
