"""A job loses its capacity at every tenth of its way, and whoever tends it is killed meanwhile."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import pytest
from click.testing import CliRunner
from tests.crash.site import Site
from tests.crash.test_training_kills import BUCKET, ROLE, describe
from tests.crash.test_training_kills import create as create_on_demand

from clary.cli.chaos import choose, command
from clary.core import reclaim
from clary.core.document import Document
from clary.core.settings import Home

STEPS = 10
WHOLE = "ml.m7i.48xlarge"  # more than any machine that runs this: it is clamped to all of it
# One step after another from the last checkpoint; at step HOLD of the first attempt it waits for SIGTERM.
TRAIN = """
import json, os, pathlib, signal, sys, time
ml, held = pathlib.Path("/opt/ml"), int(os.environ["HOLD"])
kept = ml / "checkpoints/state"
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(1))
state = json.loads(kept.read_text()) if kept.exists() else {"step": 0, "value": 1.0}
first = state["step"] == 0 and not (ml / "checkpoints/begun").exists()
(ml / "checkpoints/begun").touch()
print("from step", state["step"], flush=True)
while state["step"] < 10:
    while first and state["step"] == held and not told:
        time.sleep(0.01)
    if told:
        kept.write_text(json.dumps(state))
        sys.exit(0)
    state = {"step": state["step"] + 1, "value": state["value"] * 1.5 + state["step"]}
(ml / "model/value").write_text(repr(state["value"]))
"""


def value() -> str:
    """Return what an undisturbed job makes."""
    found = 1.0
    for step in range(STEPS):
        found = found * 1.5 + step
    return repr(found)


def create(site: Site, name: str, hold: int, instance_type: str = "ml.t3.medium") -> None:
    site.client("s3").put_object(Bucket=BUCKET, Key="spot-code/train.py", Body=TRAIN.encode())
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/spot-code/"}
    site.client("sagemaker").create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={
            "TrainingImage": "held",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python", "/opt/ml/input/data/code/train.py"],
        },
        RoleArn=ROLE,
        InputDataConfig=[{"ChannelName": "code", "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out"},
        ResourceConfig={"InstanceType": instance_type, "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 1200},
        EnableManagedSpotTraining=True,
        CheckpointConfig={"S3Uri": f"s3://{BUCKET}/checkpoints/{name}"},
        Environment={"HOLD": str(hold)},
    )


def trains(site: Site, name: str) -> Any:
    """Wait until the job trains; return it."""

    def training() -> Any:
        job = describe(site, name)
        return job if job["SecondaryStatus"] == "Training" else None

    return site.until(training, f"{name} trains")


def begun(site: Site, name: str) -> Any:
    """Wait until the job trains, and its script would see a signal; return it.

    One that is ended before it wrote down that it began holds in its second attempt again.
    """
    job = trains(site, name)
    sign = site.job(site.run_of(name)).ml / "checkpoints/begun"
    site.until(sign.exists, f"{name} listens")
    return job


def finish(site: Site, name: str) -> Document:
    site.up()

    def ended() -> Document | None:
        job: Document = describe(site, name)
        return job if job["TrainingJobStatus"] in ("Completed", "Failed", "Stopped") else None

    return site.until(ended, f"{name} has ended")


def check(site: Site, name: str) -> None:
    job = finish(site, name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    statuses = [each["Status"] for each in job["SecondaryStatusTransitions"]]
    assert statuses.count("Interrupted") == 1 and statuses[-1] == "Completed"
    assert statuses[statuses.index("Interrupted") + 1] == "Restarting"
    assert job["BillableTimeInSeconds"] <= job["TrainingTimeInSeconds"]
    key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{BUCKET}/")
    body = site.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        member = archive.extractfile("value")
        assert member is not None and member.read().decode() == value()


@pytest.mark.parametrize("tenth", range(STEPS))
def test_a_job_interrupted_at_any_tenth_makes_the_same_model(site: Site, tenth: int) -> None:
    name = f"tenth-{tenth}"
    create(site, name, tenth)
    job = begun(site, name)
    reclaim.ask(Home(site.home), job["TrainingJobArn"])
    check(site, name)


@pytest.mark.parametrize("moment", ["noticed", "told", "exited", "restarted"])
def test_an_interruption_survives_kill_9_of_the_controller(site: Site, moment: str) -> None:
    name = f"killed-{moment}"
    create(site, name, 5)
    job = begun(site, name)
    uid, again = site.run_of(name), site.job(site.run_of(name).removesuffix("1") + "2")
    if moment == "noticed":
        site.kill("controller")
        reclaim.ask(Home(site.home), job["TrainingJobArn"])
    else:
        reclaim.ask(Home(site.home), job["TrainingJobArn"])
        looks = {
            "told": lambda: (site.job(uid).path / "stop").exists(),
            "exited": lambda: site.job(uid).exit(),
            "restarted": again.path.exists,
        }

        def reached() -> bool:  # each is soon over: whoever looks too late meets one of those after it
            return bool(looks[moment]() or again.path.exists() or _done(site, name))

        site.until(reached, f"{name} is {moment}")
        site.kill("controller")
    check(site, name)


def test_a_run_whose_shim_dies_under_notice_goes_on_from_what_was_kept(site: Site) -> None:
    create(site, "shimless", 5)
    job = begun(site, "shimless")
    uid = site.run_of("shimless")
    reclaim.ask(Home(site.home), job["TrainingJobArn"])

    def told() -> bool:  # soon after that the run is removed
        return (site.job(uid).path / "stop").exists() or not site.job(uid).path.exists()

    site.until(told, "it is told")
    site.kill_run(uid, "shim")
    check(site, "shimless")


def test_a_job_that_is_not_on_spot_capacity_takes_it_and_the_other_goes_on_after_it(site: Site) -> None:
    create(site, "yields", 5, instance_type=WHOLE)
    begun(site, "yields")
    create_on_demand(site, "takes", "nonce", config=None)
    site.until(lambda: describe(site, "yields")["SecondaryStatus"] != "Training", "it yields")
    assert finish(site, "takes")["TrainingJobStatus"] == "Completed"
    check(site, "yields")


def test_chaos_chooses_a_share_the_same_again_with_the_same_seed() -> None:
    names = [f"job-{n}" for n in range(9)]
    assert len(choose(names, 0.5, 7)) == 5
    assert choose(names, 0.5, 7) == choose(names[::-1], 0.5, 7) != choose(names, 0.5, 8)
    assert choose(names, 1.0, 1) == names and choose([], 0.5, 1) == []


def test_chaos_refuses_a_fault_that_it_does_not_know() -> None:
    told = CliRunner().invoke(command, ["spot@0%"])
    assert told.exit_code == 2 and "spot@1% to spot@100%" in told.output


def _done(site: Site, name: str) -> bool:
    return bool(describe(site, name)["TrainingJobStatus"] == "Completed")
