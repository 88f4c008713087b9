"""Jobs of several hosts, from the request to their end, with real processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.crash.hosts_site import archive, create, logs, prepare, settled, told
from tests.crash.site import Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run a server that has the image of the hosts."""
    made = prepare(Site(tmp_path_factory.mktemp("site")))
    made.up()
    yield made
    made.open_gates()
    made.down()


def test_hosts_reach_each_other_and_what_they_made_is_one_model(site: Site) -> None:
    create(site, "two")
    job = settled(site, "two")
    assert job["TrainingJobStatus"] == "Completed", job
    seen = told(site, "two")
    assert [seen["algo-1"]["came"], seen["algo-2"]["came"]] == [[2], [1]]
    assert archive(site, "two")["shared"] == b"algo-1"
    assert sorted(archive(site, "two", "output.tar.gz")) == ["algo-1", "algo-2"]
    assert {host: lines[-1] for host, lines in logs(site, "two").items()} == {
        "algo-1": "done",
        "algo-2": "done",
    }
    assert [each["MetricName"] for each in job["FinalMetricDataList"]] == ["rank"]
