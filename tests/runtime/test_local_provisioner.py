"""Shares of a machine, as a table of cases."""

from __future__ import annotations

import pytest

from clary.runtime.launch import Share
from clary.runtime.local_provisioner import GIB, LocalProvisioner, instance_types, serverless_type
from clary.runtime.provisioner import Taken, Waiting


def job(*cpus: int) -> Taken:
    """A job that has some CPUs."""
    return Taken(uid="other", share=Share(memory=GIB, cpus=cpus), serves=False)


def test_jobs_get_different_cpus() -> None:
    provisioner = LocalProvisioner(cpus=range(4), memory=64 * GIB)
    hosts = provisioner.reserve(["ml.m5.large"], "job", [job(0, 1)], 0)
    assert not isinstance(hosts, Waiting)
    assert hosts[0].share.cpus == (2, 3)
    assert hosts[0].share.note == ""


@pytest.mark.parametrize(
    ("wanted", "taken", "ahead", "waits"),
    [
        ("ml.m5.large", [job(0, 1)], 0, False),
        ("ml.m5.xlarge", [job(0, 1)], 0, True),
        ("ml.m5.large", [job(0, 1), job(2)], 0, True),
        ("ml.m5.large", [], 1, True),
        ("ml.m5.24xlarge", [], 0, False),
        ("ml.m5.24xlarge", [job(0)], 0, True),
        ("ml.t3.medium", [Taken(uid="s", share=Share(memory=GIB), serves=True)] * 9, 0, False),
    ],
)
def test_a_job_starts_when_its_cpus_are_free_and_it_is_its_turn(
    wanted: str, taken: list[Taken], ahead: int, waits: bool
) -> None:
    provisioner = LocalProvisioner(cpus=range(4), memory=64 * GIB)
    assert isinstance(provisioner.reserve([wanted], "job", taken, ahead), Waiting) is waits


def test_several_hosts_come_together_or_not_at_all() -> None:
    provisioner = LocalProvisioner(cpus=range(4), memory=64 * GIB)
    assert isinstance(provisioner.reserve(["ml.m5.large"] * 2, "job", [job(0)], 0), Waiting)
    hosts = provisioner.reserve(["ml.m5.large"] * 2, "job", [], 0)
    assert not isinstance(hosts, Waiting)
    assert [host.share.cpus for host in hosts] == [(0, 1), (2, 3)]


def test_more_hosts_than_cpus_share_them() -> None:
    hosts = LocalProvisioner(cpus=range(2), memory=8 * GIB).reserve(["ml.m5.xlarge"] * 4, "job", [], 0)
    assert not isinstance(hosts, Waiting)
    assert [host.share.cpus for host in hosts] == [(0,), (1,), (0,), (1,)]


def test_an_unknown_type_is_treated_as_a_common_one_and_says_so() -> None:
    provisioner = LocalProvisioner(cpus=range(4), memory=64 * GIB)
    assert not provisioner.known("ml.z9.huge")
    hosts = provisioner.reserve(["ml.z9.huge"], "job", [], 0)
    assert not isinstance(hosts, Waiting)
    assert "treated as ml.m5.large" in hosts[0].share.note


def test_the_documented_types_are_in_the_table() -> None:
    types = instance_types()
    assert types["ml.m5.large"] == (2, 8)
    assert types["ml.c5.18xlarge"] == (72, 144)
    assert types["ml.g5.xlarge"] == (4, 16)
    assert types["ml.t3.medium"] == (2, 4)
    assert len(types) > 400


@pytest.mark.parametrize(("megabytes", "cpus"), [(1024, 1), (2048, 2), (4096, 3), (6144, 4)])
def test_an_environment_has_cpus_in_proportion_to_its_memory(megabytes: int, cpus: int) -> None:
    provisioner = LocalProvisioner(cpus=range(8), memory=64 * GIB)
    hosts = provisioner.reserve([serverless_type(megabytes)], "server", [], 0)
    assert not isinstance(hosts, Waiting)
    assert (hosts[0].share.memory, len(hosts[0].share.cpus)) == (megabytes << 20, cpus)


def test_environments_are_spread_over_the_cpus() -> None:
    provisioner = LocalProvisioner(cpus=range(2), memory=64 * GIB)
    taken = [Taken(uid="e", share=Share(memory=GIB, cpus=(0,)), serves=True)]
    hosts = provisioner.reserve([serverless_type(1024)], "server", taken, 0)
    assert not isinstance(hosts, Waiting)
    assert hosts[0].share.cpus == (1,)


def test_an_environment_as_large_as_the_machine_is_not_bound_to_cpus() -> None:
    hosts = LocalProvisioner(cpus=range(2), memory=4 * GIB).reserve([serverless_type(6144)], "server", [], 0)
    assert not isinstance(hosts, Waiting)
    assert hosts[0].share.cpus == ()
    assert "clamped" in hosts[0].share.note
