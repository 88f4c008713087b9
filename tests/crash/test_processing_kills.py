"""kill -9 of gateway, controller, shim and container at every phase of a processing job, each in turn."""

from __future__ import annotations

import secrets

import pytest
from tests.crash import processing_site as jobs
from tests.crash.site import Site

from clary.core.document import Document


def check(site: Site, name: str, nonce: str, job: Document) -> None:
    """Check that a job that ended well wrote everything, said everything once, and left nothing over."""
    if job["ProcessingJobStatus"] == "Completed":
        assert job["ExitMessage"] == "all is done" and "FailureReason" not in job
        assert job["ProcessingEndTime"] >= job["ProcessingStartTime"] >= job["CreationTime"]
        outputs = {f"output/algo-1-{n}": f"{n} of {nonce}" for n in range(20)}
        assert jobs.written(site, name) == {**outputs, "live/first": "begun", "live/last": nonce}
        last = max(jobs.log(site, name).items())[1]
        assert last == [*(f"line {n}" for n in range(jobs.LINES)), "done"]
    jobs.nothing_left(site)


@pytest.mark.parametrize("phase", ["created", "starting", "running", "exited"])
@pytest.mark.parametrize("victim", ["gateway", "controller"])
@pytest.mark.slow
def test_a_job_does_not_notice_that_a_server_process_was_killed(site: Site, victim: str, phase: str) -> None:
    name, nonce = f"p-{victim}-{phase}", secrets.token_hex(8)
    jobs.create(site, name, nonce)
    jobs.meet(site, name, phase)
    site.kill(victim)
    job = jobs.settle(site, name)
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    check(site, name, nonce, job)


@pytest.mark.parametrize("phase", ["starting", "running"])
@pytest.mark.slow
def test_a_job_whose_shim_was_killed_begins_again_or_says_that_it_was_lost(site: Site, phase: str) -> None:
    name, nonce = f"p-shim-{phase}", secrets.token_hex(8)
    jobs.create(site, name, nonce)
    before = site.kill_run(jobs.meet(site, name, phase), "shim")
    job = jobs.settle(site, name)
    if before in ("starting", "preparing"):
        assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    elif job["ProcessingJobStatus"] != "Completed":
        assert job["FailureReason"].startswith("InternalServerError: The run was lost")
    check(site, name, nonce, job)


@pytest.mark.slow
def test_a_job_whose_container_was_killed_fails_and_keeps_what_it_wrote_meanwhile(site: Site) -> None:
    name, nonce = "p-container", secrets.token_hex(8)
    jobs.create(site, name, nonce)
    uid = jobs.meet(site, name, "running")
    site.until(lambda: b"line 99" in site.job(uid).log.read_bytes(), "the program runs")
    site.kill_run(uid, "container")
    job = jobs.settle(site, name, gates=False)
    assert job["ProcessingJobStatus"] == "Failed"
    assert "SIGKILL" in job["FailureReason"] and job["FailureReason"].endswith("exit code: 137")
    assert jobs.written(site, name) == {"live/first": "begun"}
    jobs.nothing_left(site)


@pytest.mark.slow
def test_two_hosts_end_well_though_everything_of_the_server_was_killed(site: Site) -> None:
    name, nonce = "p-two", secrets.token_hex(8)
    jobs.create(site, name, nonce, hosts=2)
    jobs.meet(site, name, "running")
    site.kill("controller")
    site.kill("gateway")
    job = jobs.settle(site, name)
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["ExitMessage"] == "all is done" * 2
    made = jobs.written(site, name)
    assert {f"output/algo-{host}-{n}" for host in (1, 2) for n in range(20)} < set(made)
    assert len(made) == 42 and len(jobs.log(site, name)) == 2
    jobs.nothing_left(site)


@pytest.mark.slow
def test_a_job_that_is_stopped_ends_in_order_and_keeps_what_it_wrote(site: Site) -> None:
    name = "p-stopped"
    jobs.create(site, name, "n")
    uid = jobs.meet(site, name, "running")
    site.until(lambda: b"line 99" in site.job(uid).log.read_bytes(), "the program runs")
    site.client("sagemaker").stop_processing_job(ProcessingJobName=name)
    job = jobs.settle(site, name, gates=False)
    assert job["ProcessingJobStatus"] == "Stopped" and "FailureReason" not in job
    assert jobs.written(site, name) == {"live/first": "begun", "output/stopped": "in order"}
    jobs.nothing_left(site)


@pytest.mark.slow
def test_a_job_whose_time_is_over_is_stopped_and_says_so(site: Site) -> None:
    name = "p-long"
    jobs.create(site, name, "n", StoppingCondition={"MaxRuntimeInSeconds": 1})
    job = jobs.settle(site, name, gates=False)
    assert job["ProcessingJobStatus"] == "Stopped"
    assert job["FailureReason"].startswith("MaxRuntimeExceeded: the job ran for longer")
    jobs.nothing_left(site)


def test_a_job_fails_with_its_exit_code_and_says_its_last_words(site: Site) -> None:
    name = "p-failed"
    jobs.create(site, name, "n", Environment={"TRAINING_JOB_NAME": name, "CODE": "3"})
    job = jobs.settle(site, name)
    assert job["ProcessingJobStatus"] == "Failed" and job["ExitMessage"] == "all is done"
    assert job["FailureReason"].endswith("exit code: 3")
    made = jobs.written(site, name)
    assert len(made) == 22 and made["live/last"] == "n"
    jobs.nothing_left(site)
