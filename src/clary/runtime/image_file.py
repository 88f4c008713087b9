"""Checks an image's folder as a person wrote it: every mistake with its line and its cure."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from clary.core.document import Document

FILE = "image.toml"
_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_REPOSITORY = re.compile(r"[a-z0-9]+(?:[._/-][a-z0-9]+)*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PYTHON = re.compile(r"3\.\d{1,2}")
_PROGRAMS = ("train", "serve", "process")

Problem = tuple[str, str]
"""The key it is about, dotted, and what is wrong and right."""


class BadImage(ValueError):
    """An image's folder cannot be used; the message has a line for each mistake."""


def check(folder: Path) -> Document:
    """Return what `image.toml` says; a `BadImage` lists all that is wrong with it."""
    path = folder / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadImage(
            f"{folder} has no {FILE}. Write one; the least is:\n"
            '  name = "my-image"\n  requirements = "requirements.in"\n'
            '  [programs]\n  train = ["python", "/opt/image/train.py"]'
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadImage(f"{path} cannot be read: {error}") from error
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadImage(f"{path} is not TOML: {error}. Texts go in quotes, lists in brackets.") from error
    found = list(_problems(document, folder))
    if found:
        lines = [f"{path}:{line_of(text, key)}: {words}" for key, words in found]
        raise BadImage("\n".join(lines))
    return document


def line_of(text: str, key: str) -> int:
    """Return the line on which a dotted key is set; where it is not, its table's, or the first."""
    table, _, name = key.rpartition(".")
    inside, best = "", 1
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if match := re.fullmatch(r"\[+\s*([^\]]+?)\s*\]+(?:\s*#.*)?", bare):
            inside = match[1].strip("\"'")
            if inside == key or (table and inside == table):
                best = number
        elif match := re.match(r"[\"']?([^\"'=]+?)[\"']?\s*=", bare):
            if inside == table and match[1] == name:
                return number
            if not inside and match[1] == key:
                return number
    return best


def _problems(document: Document, folder: Path) -> Iterator[Problem]:
    for key in document:
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, 1)
            cure = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(_KEYS)}."
            yield key, f"{key!r} is not a key of an image. {cure}"
    if "name" not in document:
        yield "name", 'the name is missing. Add: name = "my-image"'
    if "programs" not in document:
        yield "programs", 'no program is named. Add: [programs] and train = ["python", "/opt/image/train.py"]'
    for key, checks in _KEYS.items():
        if key in document:
            yield from ((where, words) for where, words in checks(document[key], folder))


def _name(value: object, folder: Path) -> Iterator[Problem]:
    if not isinstance(value, str) or not _NAME.fullmatch(value) or len(value) > 63:
        yield (
            "name",
            f"the name is {value!r}; it must be a text of at most 63 lower-case letters, digits, '.', '_' "
            "and '-' between them.",
        )
    elif value == "toolkit":
        yield "name", "the name 'toolkit' is taken by what all images share; take another."


def _repositories(value: object, folder: Path) -> Iterator[Problem]:
    if not isinstance(value, list) or not _texts(value) or not value:
        yield "repositories", f'repositories is {value!r}; it must be a list of texts: ["my-image"].'
        return
    for name in value:
        if not _REPOSITORY.fullmatch(name):
            yield (
                "repositories",
                f"the repository {name!r} is not a name: lower-case letters, digits, '.', '_', '-' and '/', "
                "without account, region and tag.",
            )


def _requirements(value: object, folder: Path) -> Iterator[Problem]:
    if not isinstance(value, str) or Path(value).suffix not in (".in", ".txt"):
        yield (
            "requirements",
            f"requirements is {value!r}; name a file beside {FILE}: requirements.in (what you ask for) or "
            "requirements.txt (locked, or it will be).",
        )
        return
    path = (folder / value).resolve()
    if not path.is_relative_to(folder.resolve()):
        yield "requirements", f"{value!r} is outside the folder; the image is copied, so put the file inside."
    elif not path.is_file():
        yield "requirements", f"there is no file {value!r} in {folder}. Write it, or take the line out."


def _python(value: object, folder: Path) -> Iterator[Problem]:
    if not isinstance(value, str) or not _PYTHON.fullmatch(value):
        yield "python", f'python is {value!r}; it must be a version in quotes: python = "3.11".'


def _ahead(value: object, folder: Path) -> Iterator[Problem]:
    if not isinstance(value, bool):
        yield "ahead", f"ahead is {value!r}; it must be true or false, without quotes."


def _programs(value: object, folder: Path) -> Iterator[Problem]:
    if not isinstance(value, dict) or not value:
        yield (
            "programs",
            'programs must be a table with train, serve or process: train = ["python", "train.py"].',
        )
        return
    for name, command in value.items():
        if name not in _PROGRAMS:
            yield (
                f"programs.{name}",
                f"{name!r} is not a program of an image; there are train, serve and process.",
            )
        elif not _texts(command) or not command or not all(command):
            yield (
                f"programs.{name}",
                f"{name} is {command!r}; it must be a list of texts, a word each: "
                '["python", "/opt/image/train.py"].',
            )


def _environment(value: object, folder: Path) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield "environment", "environment must be a table of variables."
        return
    for name, content in value.items():
        if not _VARIABLE.fullmatch(name):
            yield f"environment.{name}", f"{name!r} is not a variable's name: letters, digits and '_'."
        elif not isinstance(content, str | int | float) or "\0" in str(content):
            yield f"environment.{name}", f"{name} is {content!r}; it must be a text or a number."


def _warm(value: object, folder: Path) -> Iterator[Problem]:
    if not isinstance(value, dict) or set(value) - {"imports"} or not _texts(value.get("imports", [])):
        yield "warm", 'warm must be a table with a list of modules: imports = ["numpy", "pandas"].'


def _metrics(value: object, folder: Path) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield "metrics", "metrics must be a table: a name and a regular expression a line."
        return
    for name, regex in value.items():
        try:
            groups = re.compile(regex).groups
        except (re.error, TypeError) as error:
            yield f"metrics.{name}", f"the expression {regex!r} of {name!r} is not valid: {error}."
            continue
        if not groups:
            yield f"metrics.{name}", f"the expression {regex!r} has no group; put the number in brackets."


def _tags(value: object, folder: Path) -> Iterator[Problem]:
    if not isinstance(value, dict) or not all(isinstance(each, dict) for each in value.values()):
        yield "tags", "tags must be a table of tables: a pattern of tags, and the variables that it adds."
        return
    for pattern, variables in value.items():
        try:
            re.compile(pattern)
        except re.error as error:
            yield f"tags.{pattern}", f"the pattern {pattern!r} is not valid: {error}."
        for _, words in _environment(variables, folder):
            yield f"tags.{pattern}", words


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


_KEYS: Mapping[str, Callable[..., Iterator[Problem]]] = {
    "name": _name,
    "repositories": _repositories,
    "requirements": _requirements,
    "python": _python,
    "ahead": _ahead,
    "programs": _programs,
    "environment": _environment,
    "warm": _warm,
    "metrics": _metrics,
    "tags": _tags,
}
