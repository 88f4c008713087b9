"""Jobs of several hosts, from the request to their end, with real processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.crash.hosts_site import BUCKET, ROLE, archive, create, describe, logs, prepare, settled, told
from tests.crash.site import Site

from clary.core import reclaim
from clary.core.settings import Home

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


def test_isolated_hosts_reach_each_other_and_nothing_else(site: Site) -> None:
    create(site, "isolated", EnableNetworkIsolation=True)
    assert settled(site, "isolated")["TrainingJobStatus"] == "Completed", describe(site, "isolated")
    seen = told(site, "isolated")
    assert [seen["algo-1"]["came"], seen["algo-2"]["came"]] == [[2], [1]]
    assert [seen["algo-1"]["outside"], told(site, "two")["algo-1"]["outside"]] == [False, True]
    assert seen["algo-2"]["config"]["network_interface_name"] == "eth0"


def test_groups_of_instances_share_what_is_theirs(site: Site) -> None:
    for name in ("a", "b", "c"):
        site.client("s3").put_object(Bucket=BUCKET, Key=f"groups/{name}", Body=name.encode())
    groups = [
        {"InstanceGroupName": "many", "InstanceType": "ml.t3.medium", "InstanceCount": 2},
        {"InstanceGroupName": "one", "InstanceType": "ml.m5.large", "InstanceCount": 1},
    ]
    source = {
        "S3DataType": "S3Prefix",
        "S3Uri": f"s3://{BUCKET}/groups/",
        "S3DataDistributionType": "ShardedByS3Key",
        "InstanceGroupNames": ["many"],
    }
    create(
        site,
        "groups",
        ResourceConfig={"InstanceGroups": groups, "VolumeSizeInGB": 1},
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
    )
    assert settled(site, "groups")["TrainingJobStatus"] == "Completed", describe(site, "groups")
    seen = told(site, "groups")
    assert [seen[host]["came"] for host in ("algo-1", "algo-2", "algo-3")] == [[2, 3], [1, 3], [1, 2]]
    assert [seen[host]["data"] for host in ("algo-1", "algo-2", "algo-3")] == [
        ["input/data/train/a", "input/data/train/c"],
        ["input/data/train/b"],
        [],
    ]
    assert [seen[host]["config"]["current_group_name"] for host in seen] == ["many", "many", "one"]


def test_one_failed_host_ends_the_others_and_is_named(site: Site) -> None:
    create(site, "fails", "fail algo-2")
    job = settled(site, "fails")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: algo-2: "), job["FailureReason"]
    assert "planted on algo-2" in job["FailureReason"]
    assert logs(site, "fails")["algo-1"][-1] == "waiting for ever"


def held(site: Site, name: str, **members: Any) -> list[str]:
    """Start a job that waits on both hosts; return its runs."""
    create(site, name, "hold", **members)
    uid = site.run_of(name).partition("-")[0]
    site.until(lambda: [lines[-1:] for lines in logs(site, name).values()] == [["holding"]] * 2, "both hold")
    return site.runs(uid)


def opened(site: Site, name: str) -> None:
    """Open the gates until the job is complete."""

    def complete() -> bool:
        site.open_gates()
        return bool(describe(site, name)["TrainingJobStatus"] == "Completed")

    site.until(complete, f"{name} is complete")


def test_a_job_that_is_stopped_stops_on_all_hosts_and_keeps_its_model(site: Site) -> None:
    held(site, "stopped")
    site.client("sagemaker").stop_training_job(TrainingJobName="stopped")
    assert settled(site, "stopped")["TrainingJobStatus"] == "Stopped"
    assert sorted(told(site, "stopped")) == ["algo-1", "algo-2"]


def test_a_job_ends_on_all_hosts_when_its_time_is_over(site: Site) -> None:
    create(site, "timed", "hold", StoppingCondition={"MaxRuntimeInSeconds": 1})
    job = settled(site, "timed")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_two_jobs_of_two_hosts_run_one_after_the_other(site: Site) -> None:
    for name in ("first", "second"):
        create(site, name)
    assert {settled(site, name)["TrainingJobStatus"] for name in ("first", "second")} == {"Completed"}


def test_a_pool_of_two_hosts_is_for_jobs_of_two(site: Site) -> None:
    resources = {"InstanceType": "ml.t3.medium", "VolumeSizeInGB": 1, "KeepAlivePeriodInSeconds": 600}
    for name, count in (("pool", 2), ("alone", 1), ("pooled", 2)):
        create(site, name, ResourceConfig={**resources, "InstanceCount": count})
        assert settled(site, name)["TrainingJobStatus"] == "Completed"
        if name != "pooled":
            assert describe(site, "pool")["WarmPoolStatus"]["Status"] == "Available"
    status = describe(site, "pool")["WarmPoolStatus"]
    assert (status["Status"], status["ReusedByJob"]) == ("Reused", "pooled")
    assert sorted(told(site, "pooled")) == ["algo-1", "algo-2"]
    for name in ("alone", "pooled"):
        site.client("sagemaker").update_training_job(
            TrainingJobName=name, ResourceConfig={"KeepAlivePeriodInSeconds": 0}
        )

    def over() -> bool:
        pools = [describe(site, name)["WarmPoolStatus"]["Status"] for name in ("alone", "pooled")]
        return pools == ["Terminated", "Terminated"]

    site.until(over, "the pools end")


def test_a_killed_controller_loses_no_host(site: Site) -> None:
    runs = held(site, "orphan")
    site.kill("controller")
    site.up()
    site.open_gates()
    assert settled(site, "orphan")["TrainingJobStatus"] == "Completed"
    assert sorted(told(site, "orphan")) == ["algo-1", "algo-2"]
    site.until(lambda: not site.runs(runs[0].partition("-")[0]), "no run is left")


def test_a_job_that_lost_a_host_begins_again_on_all_of_them(site: Site) -> None:
    runs = held(site, "lost", RetryStrategy={"MaximumRetryAttempts": 1})
    site.kill_run(runs[1], "shim")
    again = [run.replace("-1-", "-2-") for run in runs]
    site.until(lambda: site.runs(runs[0].partition("-")[0]) == again, "a second attempt")
    site.until(lambda: all(site.phase(run) == "running" for run in again), "it runs on both")
    opened(site, "lost")


def test_interrupted_hosts_begin_again_from_the_checkpoints_of_all(site: Site) -> None:
    where = f"s3://{BUCKET}/kept/"
    runs = held(
        site,
        "spot",
        EnableManagedSpotTraining=True,
        CheckpointConfig={"S3Uri": where},
        StoppingCondition={"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 600},
    )
    reclaim.ask(Home(site.home), describe(site, "spot")["TrainingJobArn"])
    again = [run.replace("-1-", "-2-") for run in runs]
    site.until(lambda: all(site.phase(run) == "running" for run in again), "it runs on both again")
    opened(site, "spot")
    listed = site.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="kept/")["Contents"]
    assert [each["Key"] for each in listed] == ["kept/algo-1", "kept/algo-2"]
    statuses = [each["Status"] for each in describe(site, "spot")["SecondaryStatusTransitions"]]
    assert "Interrupted" in statuses


def test_a_tuning_job_trains_each_trial_on_several_hosts(site: Site) -> None:
    client = site.client("sagemaker")
    client.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName="tuned",
        HyperParameterTuningJobConfig={
            "Strategy": "Random",
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {
                "ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "1"}]
            },
        },
        TrainingJobDefinition={
            "AlgorithmSpecification": {
                "TrainingImage": "hosts",
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "rank", "Regex": "rank=([0-9]+)"}],
            },
            "TuningObjective": {"Type": "Maximize", "MetricName": "rank"},
            "StaticHyperParameters": {"act": ""},
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
            "ResourceConfig": {"InstanceType": "ml.t3.medium", "InstanceCount": 2, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        },
    )

    def ended() -> bool:
        told = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="tuned")
        return told["HyperParameterTuningJobStatus"] in ("Completed", "Failed")

    site.until(ended, "the tuning job ends")
    told_of = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="tuned")
    assert told_of["TrainingJobStatusCounters"]["Completed"] == 1, told_of
    best = told_of["BestTrainingJob"]["TrainingJobName"]
    assert sorted(told(site, best)) == ["algo-1", "algo-2"]
