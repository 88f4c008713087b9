"""The generated page of operations, and the honesty of its levels."""

from __future__ import annotations

import re
from pathlib import Path

from botocore import xform_name

from clary.operations import reference
from clary.operations.dispatch import Dispatcher

CONFORMANCE = Path(__file__).resolve().parents[1] / "conformance"


def test_every_operation_that_conforms_is_called_by_a_conformance_test() -> None:
    calls = set(re.findall(r"\.(\w+)\b", "".join(p.read_text() for p in CONFORMANCE.rglob("test_*.py"))))
    calls |= set(
        re.findall(r'get_paginator\("(\w+)"', "".join(p.read_text() for p in CONFORMANCE.rglob("*.py")))
    )
    claimed = [
        (service, name)
        for service in reference.services()
        for name, level in reference.levels(service).items()
        if level == "conforms"
    ]
    assert claimed
    assert [claim for claim in claimed if xform_name(claim[1]) not in calls] == []


def test_what_is_not_absent_is_served_and_what_is_absent_names_itself() -> None:
    dispatcher = Dispatcher()
    for service in reference.services():
        for name, level in reference.levels(service).items():
            served = (
                dispatcher.find(service, name) is not None or (service, name) in reference.SERVED_ELSEWHERE
            )
            if level != "absent":
                assert served, f"{service} {name}"


def test_the_page_counts_what_it_lists() -> None:
    page = reference.page()
    for service in reference.services():
        counts = [int(number) for number in re.search(rf"\(#{service}\) \|(.*)\|", page)[1].split("|")]  # type: ignore[index]
        assert counts[0] == sum(counts[1:])
        section = page.split(f"## {service}\n")[1].split("\n## ")[0]
        assert section.count("`") == 2 * counts[0]
