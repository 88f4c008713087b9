"""The piece of SQL that databases spell differently: does a text contain another."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ColumnElement, Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _Contains(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True


def contains(column: ColumnElement[Any], part: str) -> ColumnElement[bool]:
    """Return the condition that a column's text contains `part`; ASCII letters match in either case."""
    escaped = part.replace("/", "//").replace("%", "/%").replace("_", "/_")
    return _Contains(column, f"%{escaped}%")


class _Position(FunctionElement[int]):
    type = Integer()
    inherit_cache = True


def contains_exactly(column: ColumnElement[Any], part: str) -> ColumnElement[bool]:
    """Return the condition that a column's text contains `part` in the same case."""
    return _Position(column, part) > 0


@compiles(_Position)
def _strpos(element: _Position, compiler: SQLCompiler, **options: object) -> str:
    return f"strpos({', '.join(compiler.process(clause, **options) for clause in element.clauses)})"


@compiles(_Position, "sqlite")
def _instr(element: _Position, compiler: SQLCompiler, **options: object) -> str:
    return f"instr({', '.join(compiler.process(clause, **options) for clause in element.clauses)})"


@compiles(_Contains)
def _ilike(element: _Contains, compiler: SQLCompiler, **options: object) -> str:
    column, pattern = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({column} ILIKE {pattern} ESCAPE '/')"


@compiles(_Contains, "sqlite")
def _like(element: _Contains, compiler: SQLCompiler, **options: object) -> str:
    # SQLite's LIKE ignores ASCII case by itself; lower() on every name would cost three times as much.
    column, pattern = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({column} LIKE {pattern} ESCAPE '/')"
