"""What can be wrong with a pipeline: with its definition, where; with a value when a step wants it, why."""

from __future__ import annotations


class DefinitionFault(Exception):
    """A definition that no execution may begin with: the path of what is wrong, and what would be right."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.message = message


class ParameterFault(Exception):
    """A parameter that an execution cannot begin with."""


class Unresolved(Exception):
    """A reference that leads nowhere when a step begins: the step fails with its text."""

    def __init__(self, reference: str, why: str) -> None:
        super().__init__(f"{reference} cannot be resolved: {why}")
        self.reference = reference
        self.why = why
