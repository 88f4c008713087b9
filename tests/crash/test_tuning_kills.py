"""kill -9 of the controller again and again while a tuning job makes its trials."""

from __future__ import annotations

from functools import partial

import pytest
from tests.crash.site import Site
from tests.crash.tuned import Tuned


@pytest.mark.timeout(600)
def test_no_trial_is_lost_or_made_twice_when_the_controller_dies_again_and_again(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    site = Site(tmp_path_factory.mktemp("killed"))
    try:
        tuned = Tuned(site)
        tuned.create("killed", strategy="Bayesian", jobs=8, parallel=2)
        for least in (1, 3, 4, 6):
            site.until(partial(_begun, tuned, least), f"{least} trials begin")
            site.kill("controller")
            site.up()
        told = tuned.ended("killed")
        assert told["TrainingJobStatusCounters"]["Completed"] == 8
        names = [each["TrainingJobName"] for each in tuned.trials("killed")]
        assert [name[:10] for name in names] == [f"killed-{number:03d}" for number in range(1, 9)]
        pages = tuned.sagemaker.get_paginator("list_training_jobs").paginate(NameContains="killed")
        made = [each["TrainingJobName"] for page in pages for each in page["TrainingJobSummaries"]]
        assert sorted(made) == names
    finally:
        site.down()


def _begun(tuned: Tuned, least: int) -> bool:
    return len(tuned.trials("killed")) >= least
