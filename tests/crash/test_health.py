"""Hosts that go wrong while they serve: each is replaced, its end is told, and no call is lost over it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.crash.site import PATIENCE, Site
from tests.crash.test_endpoint_kills import describe, finish
from tests.crash.test_no_loss import serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def last_words(site: Site, name: str, uid: str) -> str:
    """Return the last line of a host's log once it is of its end."""
    place = {"logGroupName": f"/aws/sagemaker/Endpoints/{name}", "logStreamName": f"v/{uid}"}
    logs = site.client("logs")

    def look() -> str:
        events = logs.get_log_events(**place, startFromHead=False)["events"]
        line = str(events[-1]["message"]) if events else ""
        return line if line.startswith("The container ended") else ""

    return site.until(look, "the host's end is in its log")


def asked(site: Site, name: str, nonce: str) -> None:
    """Ask a few times; each host would be among those who answer."""
    runtime: Any = site.client("sagemaker-runtime", attempts=1)
    for number in range(20):
        answer = runtime.invoke_endpoint(EndpointName=name, Body=str(number).encode())
        assert answer["Body"].read() == f"{nonce} {number}".encode()


def count(site: Site, name: str) -> int:
    return int(describe(site, name)["ProductionVariants"][0]["CurrentInstanceCount"])


def test_a_host_that_says_it_is_unwell_is_left_alone_then_replaced(site: Site) -> None:
    nonce, _ = serving(site, "unwell")
    sick, well = site.runs("*")
    (site.job(sick).ml / "unwell").touch()
    site.until(lambda: count(site, "unwell") == 1, "it is asked no more")
    assert site.phase(sick) == "unhealthy"
    asked(site, "unwell", nonce)
    (site.job(sick).ml / "unwell").unlink()
    site.until(lambda: count(site, "unwell") == 2, "it is well again")
    (site.job(sick).ml / "unwell").touch()
    (site.job(well).ml / "unwell").touch()
    site.until(
        lambda: {sick, well} & {uid for uid in site.runs("*") if site.phase(uid) == "unhealthy"}, "again"
    )
    asked(site, "unwell", nonce)  # though nobody is well, there are those who answer
    (site.job(well).ml / "unwell").unlink(missing_ok=True)  # by now it may be replaced, too
    site.until(lambda: sick not in site.runs("*"), "it is taken away", 3 * PATIENCE)
    site.until(lambda: count(site, "unwell") == 2, "another one took its place")
    words = last_words(site, "unwell", sick)
    assert words.startswith(
        "The container ended: AlgorithmError: The server has not answered GET /ping with 200"
    )
    assert "In the end it answers 503" in words
    finish(site, "unwell")
