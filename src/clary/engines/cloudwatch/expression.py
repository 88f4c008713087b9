"""Metric math, read: from the text of an expression to a tree."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)|(?P<name>[A-Za-z_][A-Za-z0-9_.]*)"
    r"|(?P<text>'[^']*'|\"[^\"]*\")|(?P<sign>&&|\|\||==|!=|<=|>=|[-+*/^(),<>\[\]]))"
)
_DEEPEST = 50
_LONGEST = 500  # Tokens; a tree may be as deep as half of them.
_LEVELS = (("||", "OR"), ("&&", "AND"), ("==", "!=", "<=", ">=", "<", ">"), ("+", "-"), ("*", "/"))


class BadExpression(Exception):
    """The text is no expression; the message says where."""


@dataclass(frozen=True)
class Number:
    """A number."""

    value: float


@dataclass(frozen=True)
class Text:
    """A quoted text."""

    value: str


@dataclass(frozen=True)
class Name:
    """The id of another query."""

    name: str


@dataclass(frozen=True)
class Several:
    """Several in brackets."""

    items: tuple[Node, ...]


@dataclass(frozen=True)
class Operation:
    """Two joined by a sign, or one with a minus before it."""

    sign: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Function:
    """A function and what it is given."""

    name: str
    arguments: tuple[Node, ...]


Node = Number | Text | Name | Several | Operation | Function


def parse(text: str) -> Node:
    """Read an expression, or raise BadExpression."""
    reader = _Reader(text)
    tree = reader.level(0)
    if reader.at < len(reader.tokens):
        raise BadExpression(f"Unexpected '{reader.tokens[reader.at][1]}' in '{text}'.")
    return tree


def names(node: Node) -> set[str]:
    """Return the ids an expression asks for."""
    if isinstance(node, Name):
        return {node.name}
    if isinstance(node, Several):
        return set().union(*map(names, node.items))
    if isinstance(node, Operation):
        return names(node.left) | names(node.right)
    if isinstance(node, Function):
        return set().union(*map(names, node.arguments))
    return set()


def functions(node: Node) -> set[str]:
    """Return the functions an expression calls."""
    if isinstance(node, Several):
        return set().union(*map(functions, node.items))
    if isinstance(node, Operation):
        return functions(node.left) | functions(node.right)
    if isinstance(node, Function):
        return {node.name}.union(*map(functions, node.arguments))
    return set()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0
        self.tokens: list[tuple[str, str]] = []
        place = 0
        while place < len(text.rstrip()):
            match = _TOKEN.match(text, place)
            if match is None or match.lastgroup is None:
                raise BadExpression(f"Unexpected '{text[place:].strip()[:1]}' in '{text}'.")
            self.tokens.append((match.lastgroup, match[match.lastgroup]))
            place = match.end()
        if len(self.tokens) > _LONGEST:
            raise BadExpression(f"'{text[:64]}…' has more than {_LONGEST} parts.")

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, *wanted: str) -> str | None:
        if self.at < len(self.tokens) and self.tokens[self.at][1] in wanted:
            if self.tokens[self.at][0] == "text":
                return None
            self.at += 1
            return self.tokens[self.at - 1][1]
        return None

    def need(self, sign: str) -> None:
        if self.take(sign) is None:
            raise BadExpression(f"'{sign}' is missing before '{self.peek()}' in '{self.text}'.")

    def level(self, number: int) -> Node:
        if number == len(_LEVELS):
            return self.power()
        left = self.level(number + 1)
        while sign := self.take(*_LEVELS[number]):
            left = Operation({"OR": "||", "AND": "&&"}.get(sign, sign), left, self.level(number + 1))
        return left

    def power(self) -> Node:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise BadExpression(f"'{self.text[:64]}…' is nested more than {_DEEPEST} deep.")
        try:
            if self.take("-"):
                return Operation("-", Number(0.0), self.power())
            left = self.atom()
            return Operation("^", left, self.power()) if self.take("^") else left
        finally:
            self.depth -= 1

    def atom(self) -> Node:
        if self.take("("):
            tree = self.level(0)
            self.need(")")
            return tree
        if self.take("["):
            return Several(self.items("]"))
        if self.at >= len(self.tokens):
            raise BadExpression(f"'{self.text}' ends too early.")
        kind, token = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            return Number(float(token))
        if kind == "text":
            return Text(token[1:-1])
        if kind == "name":
            return Function(token.upper(), self.items(")")) if self.take("(") else Name(token)
        raise BadExpression(f"Unexpected '{token}' in '{self.text}'.")

    def items(self, end: str) -> tuple[Node, ...]:
        if self.take(end):
            return ()
        found = [self.level(0)]
        while self.take(","):
            found.append(self.level(0))
        self.need(end)
        return tuple(found)
