"""The one piece of SQL that databases spell differently: does a text contain another, whatever their case."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ColumnElement
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


@compiles(_Contains)
def _ilike(element: _Contains, compiler: SQLCompiler, **options: object) -> str:
    column, pattern = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({column} ILIKE {pattern} ESCAPE '/')"


@compiles(_Contains, "sqlite")
def _like(element: _Contains, compiler: SQLCompiler, **options: object) -> str:
    # SQLite's LIKE ignores ASCII case by itself; lower() on every name would cost three times as much.
    column, pattern = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({column} LIKE {pattern} ESCAPE '/')"
