"""Where a processing job's data lies in its container: which paths can be had, and which go together.

Evidence: docs/evidence/processing-container.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from clary.core.document import Document
from clary.core.errors import ValidationError

HERE = "/opt/ml/processing/"


def check(inputs: Sequence[Document], outputs: Sequence[Document]) -> None:
    """Refuse inputs and outputs whose names or places cannot be told apart."""
    _check_names([each["InputName"] for each in inputs], "ProcessingInputs", "input")
    _check_names([each["OutputName"] for each in outputs], "ProcessingOutputConfig.Outputs", "output")
    read = {each["InputName"]: path for each in inputs if (path := _input(each))}
    written = {each["OutputName"]: path for each in outputs if (path := _output(each))}
    taken: dict[str, str] = {}
    for what, places in (("input", read), ("output", written)):
        for name, path in places.items():
            if path in taken:
                raise ValidationError(
                    f"The LocalPath {path!r} is asked for twice: by the {taken[path]} and the {what} "
                    f"{name!r}. Give each a directory of its own."
                )
            taken[path] = f"{what} {name!r}"
    for output, there in written.items():
        for name, path in read.items():
            if path.startswith(f"{there}/"):
                raise ValidationError(
                    f"The input {name!r} lies at {path!r}, inside the output {output!r} at {there!r}, and "
                    "would be uploaded with it. Give them directories beside each other."
                )
            if there.startswith(f"{path}/"):
                raise ValidationError(
                    f"The output {output!r} lies at {there!r}, inside the input {name!r} at {path!r}, whose "
                    "files could be uploaded with it. Give them directories beside each other."
                )


def plain(path: str) -> str:
    """Return a path in the one way to write it: without `.`, doubled slashes and one at its end."""
    return "/".join(("", *(part for part in path.split("/") if part not in ("", "."))))


def _check_names(names: Sequence[str], member: str, what: str) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValidationError(f"{member} has more than one {what} called {twice[0]!r}.")


def _input(given: Document) -> str:
    """Return where an input is placed, "" where that is the program's own affair."""
    where = f"The input {given['InputName']!r} has"
    if "DatasetDefinition" in given:
        raise ValidationError(
            f"{where} a DatasetDefinition, and there is no Athena and no Redshift here. Write what the query "
            "gives to S3, and name that in S3Input."
        )
    if given.get("AppManaged"):
        return ""
    if "S3Input" not in given:
        raise ValidationError(f"{where} no S3Input; say where its data is.")
    return _directory(given["S3Input"], where)


def _output(made: Document) -> str:
    where = f"The output {made['OutputName']!r} has"
    if "FeatureStoreOutput" in made and not made.get("AppManaged"):
        raise ValidationError(
            f"{where} a FeatureStoreOutput, which goes with AppManaged only: the program itself puts the "
            "records. Set AppManaged to true."
        )
    if made.get("AppManaged"):
        return ""
    if "S3Output" not in made:
        raise ValidationError(f"{where} no S3Output; say where its files are to go.")
    return _directory(made["S3Output"], where)


def _directory(place: Document, where: str) -> str:
    path: str = place.get("LocalPath", "")
    if not path:
        raise ValidationError(f"{where} no LocalPath; name a directory below {HERE}.")
    found = plain(path)
    if not path.startswith("/") or not found.startswith(HERE) or ".." in found.split("/") or "\0" in found:
        raise ValidationError(
            f"{where} the LocalPath {path!r}; it must be a full path below {HERE}, without '..'."
        )
    return found
