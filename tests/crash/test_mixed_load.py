"""kill -9 at random moments while many clients write: what was acknowledged is there, nothing is by half."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from tests.crash.site import Site

BUCKET = "sagemaker-us-east-1-000000000000"
KILLS = 8
LEAST = 10  # writes of each, however slow the machine
SEED = random.SystemRandom().randrange(1 << 32)
pytestmark = pytest.mark.slow

GIT = {"RepositoryUrl": "https://example.com/r.git"}


class Writer(threading.Thread):
    """Writes until told to stop, and remembers what was acknowledged and what may or may not have happened.

    `sure` holds what each thing must look like, `open` what it may look like as well: a call that broke off
    has happened or has not.
    """

    service = ""

    def __init__(self, site: Site, number: int) -> None:
        super().__init__(name=f"{type(self).__name__}-{number}")
        self.site, self.random = site, random.Random(f"{SEED} {self.name}")  # noqa: S311
        self.stopping = threading.Event()
        self.sure: dict[str, Any] = {}
        self.open: dict[str, list[Any]] = {}
        self.surprises: list[str] = []

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                client = self.site.client(self.service, attempts=1)
                while not self.stopping.is_set():
                    self.write(client)
            except (BotoCoreError, OSError, ValueError):  # the server is away, or its address half written
                time.sleep(0.01)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                    continue
                self.surprises.append(str(error))
                return

    def attempt(self, name: str, then: Any, call: Callable[[], object]) -> None:
        """Make a call after which `name` looks like `then`; if it breaks off, both are possible."""
        # What broke off before may still have happened: only an answer settles what there is.
        self.open[name] = [*self.open.get(name, [self.sure.get(name)]), then]
        call()
        self.sure[name] = then
        del self.open[name]

    def write(self, client: Any) -> None:
        raise NotImplementedError

    def check(self, client: Any) -> None:
        """Compare everything with what the server says now."""
        for name in {*self.sure, *self.open}:
            possible = self.open.get(name, [self.sure.get(name)])
            assert self.read(client, name) in possible, (self.name, name)

    def read(self, client: Any, name: str) -> Any:
        raise NotImplementedError


class Repositories(Writer):
    """Creates, changes, tags and deletes records."""

    service = "sagemaker"

    def write(self, client: Any) -> None:
        name = f"r-{uuid.uuid4().hex[:12]}"
        arn = f"arn:aws:sagemaker:us-east-1:000000000000:code-repository/{name}"
        self.attempt(
            name,
            ("secret-0", {}),
            lambda: client.create_code_repository(
                CodeRepositoryName=name, GitConfig={**GIT, "SecretArn": secret(0)}
            ),
        )
        change = {"SecretArn": secret(1)}
        update = client.update_code_repository
        self.attempt(name, ("secret-1", {}), lambda: update(CodeRepositoryName=name, GitConfig=change))
        tags = [{"Key": "a", "Value": name}]
        self.attempt(name, ("secret-1", {"a": name}), lambda: client.add_tags(ResourceArn=arn, Tags=tags))
        if self.random.random() < 0.5:
            self.attempt(name, None, lambda: client.delete_code_repository(CodeRepositoryName=name))

    def read(self, client: Any, name: str) -> Any:
        try:
            told = client.describe_code_repository(CodeRepositoryName=name)
        except ClientError:
            return None
        tags = client.list_tags(ResourceArn=told["CodeRepositoryArn"])["Tags"]
        return told["GitConfig"]["SecretArn"][-15:-7], {tag["Key"]: tag["Value"] for tag in tags}


class Objects(Writer):
    """Puts, overwrites and deletes objects."""

    service = "s3"

    def write(self, client: Any) -> None:
        name = f"load/{self.random.randrange(40)}"
        if self.random.random() < 0.2:
            self.attempt(name, None, lambda: client.delete_object(Bucket=BUCKET, Key=name))
            return
        body = self.random.randbytes(self.random.choice((10, 4096, 200_000)))
        self.attempt(name, body, lambda: client.put_object(Bucket=BUCKET, Key=name, Body=body))

    def read(self, client: Any, name: str) -> Any:
        try:
            return client.get_object(Bucket=BUCKET, Key=name)["Body"].read()
        except ClientError:
            return None


class Versions(Writer):
    """Registers versions of one model: each has a number of its own, and none is left out."""

    service = "sagemaker"
    group = "load-versions"

    def write(self, client: Any) -> None:
        name = uuid.uuid4().hex
        make = client.create_model_package
        asked = {"ModelPackageGroupName": self.group, "ModelPackageDescription": name, "ClientToken": name}
        self.attempt(name, name, lambda: make(**asked))

    def check(self, client: Any) -> None:
        pages = client.get_paginator("list_model_packages").paginate(ModelPackageGroupName=self.group)
        listed = [package for page in pages for package in page["ModelPackageSummaryList"]]
        numbers = sorted(package["ModelPackageVersion"] for package in listed)
        assert numbers == list(range(1, len(numbers) + 1))
        told = [package["ModelPackageDescription"] for package in listed]
        assert len(told) == len(set(told))
        assert set(self.sure) <= set(told)


class Points(Writer):
    """Puts metrics of a trial component."""

    service = "sagemaker-metrics"

    def write(self, client: Any) -> None:
        step = len(self.sure) + len(self.open)
        point = {"MetricName": "loss", "Timestamp": datetime.now(UTC), "Step": step, "Value": float(step)}
        asked = {"TrialComponentName": "load-points", "MetricData": [point]}
        self.attempt(str(step), float(step), lambda: client.batch_put_metrics(**asked))

    def check(self, client: Any) -> None:
        arn = "arn:aws:sagemaker:us-east-1:000000000000:experiment-trial-component/load-points"
        query = {"MetricName": "loss", "ResourceArn": arn, "MetricStat": "Last", "Period": "IterationNumber"}
        [told] = client.batch_get_metrics(MetricQueries=[{**query, "XAxisType": "IterationNumber"}])[
            "MetricQueryResults"
        ]
        found = dict(zip(told["XAxisValues"], told["MetricValues"], strict=True))
        for step, value in self.sure.items():
            assert found.get(int(step)) == value
        assert {str(step) for step in found} <= {*self.sure, *self.open}


class Users(Writer):
    """Creates users with policies and deletes them again."""

    service = "iam"

    def write(self, client: Any) -> None:
        name = f"u-{uuid.uuid4().hex[:12]}"
        document = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
        put = client.put_user_policy
        self.attempt(name, [], lambda: client.create_user(UserName=name))
        self.attempt(name, ["p"], lambda: put(UserName=name, PolicyName="p", PolicyDocument=document))
        if self.random.random() < 0.5:
            self.attempt(name, [], lambda: client.delete_user_policy(UserName=name, PolicyName="p"))
            self.attempt(name, None, lambda: client.delete_user(UserName=name))

    def read(self, client: Any, name: str) -> Any:
        try:
            return client.list_user_policies(UserName=name)["PolicyNames"]
        except ClientError:
            return None


def secret(number: int) -> str:
    return f"arn:aws:secretsmanager:us-east-1:000000000000:secret:secret-{number}-AbCdEf"


@contextmanager
def load(site: Site) -> Iterator[list[Writer]]:
    """Run the writers as long as the context lasts."""
    kinds: tuple[type[Writer], ...] = (Repositories, Repositories, Objects, Versions, Points, Users)
    writers = [kind(site, number) for number, kind in enumerate(kinds)]
    for writer in writers:
        writer.start()
    try:
        yield writers
    finally:
        for writer in writers:
            writer.stopping.set()
        for writer in writers:
            writer.join()


@pytest.fixture(scope="module")
def loaded(site: Site) -> list[Writer]:
    sagemaker = site.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=Versions.group)
    sagemaker.create_trial_component(TrialComponentName="load-points")
    chance = random.Random(SEED)  # noqa: S311
    with load(site) as writers:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.1, 0.7))
            for role in chance.choice(
                (("gateway",), ("gateway",), ("controller",), ("gateway", "controller"))
            ):
                site.kill(role)
            site.up()
        site.until(
            lambda: all(len(writer.sure) > LEAST or writer.surprises for writer in writers), "all wrote"
        )
    return writers


def test_what_was_acknowledged_is_there_and_nothing_by_half(site: Site, loaded: list[Writer]) -> None:
    print(f"seed {SEED}")
    for writer in loaded:
        assert writer.surprises == []
        assert len(writer.sure) > LEAST, f"{writer.name} wrote hardly anything"
        writer.check(site.client(writer.service))


def test_the_search_index_agrees_with_the_records(site: Site, loaded: list[Writer]) -> None:
    sagemaker = site.client("sagemaker")
    listed = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=Versions.group)
    by_list = {package["ModelPackageArn"] for page in listed for package in page["ModelPackageSummaryList"]}
    found = sagemaker.get_paginator("search").paginate(
        Resource="ModelPackage",
        SearchExpression={
            "Filters": [{"Name": "ModelPackageGroupName", "Operator": "Equals", "Value": Versions.group}]
        },
    )
    by_search = [result["ModelPackage"]["ModelPackageArn"] for page in found for result in page["Results"]]
    assert sorted(by_search) == sorted(by_list)
