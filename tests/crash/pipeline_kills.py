"""kill -9 of controller, gateway and shims at seeded moments while pipelines run and are stopped.

`python -m tests.crash.pipeline_kills 200 7` does it 200 times, by the seed 7, in a home of its own.
"""

from __future__ import annotations

import contextlib
import json
import random
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from tests.crash.pipelined import Pipelined, condition, model, training
from tests.crash.site import Site
from tests.operations.pipelines.written import callback

LONGEST = 0.6  # seconds from one kill to the next, at most
TARGETS = ("controller", "controller", "gateway", "shim")
AGAIN = [
    {
        "ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"],
        "IntervalSeconds": 1,
        "BackoffRate": 1,
        "MaxAttempts": 20,
    }
]
STOPS = 0.2  # of the kills are told of a stop just before
ENDS = {"Succeeded", "Failed", "Stopped"}
DONE = {"Left", "Right", "Ask", "Good", "Keep", "Register"}


class Kills:
    """Executes one pipeline again and again while something is killed, and counts what was done."""

    def __init__(self, root: Path, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - repeatable
        self.site = Site(root)
        self.pipelined = Pipelined(self.site)
        self.sqs = self.site.client("sqs")
        self.queue = self.sqs.create_queue(QueueName="asked", Attributes={"VisibilityTimeout": "1"})[
            "QueueUrl"
        ]
        self.role = self._role()
        self.heard: dict[str, set[str]] = defaultdict(set)
        self.stopped: set[str] = set()
        self.token = 0
        text = json.dumps({"Version": "2020-12-01", "Steps": self._steps()})
        self.pipelined.sagemaker.create_pipeline(
            PipelineName="killed", RoleArn=self.role, PipelineDefinition=text
        )

    def run(self, kills: int) -> list[str]:
        """Kill so many times; return the executions that ran meanwhile: each succeeded or was stopped."""
        executions = [self._start()]
        for _ in range(kills):
            self._pause(self.random.uniform(0, LONGEST))
            if self.random.random() < STOPS:
                self._stop(executions[-1])
                self._pause(self.random.uniform(0, LONGEST / 10))
            self._kill(self.random.choice(TARGETS))
            self.site.up()
            if self._status(executions[-1]) != "Executing":
                executions.append(self._start())
        for arn in executions:
            told = self.site.until(lambda arn=arn: self._ended(arn), f"{arn} ends")  # type: ignore[misc]
            wanted = ("Succeeded", "Stopped") if arn in self.stopped else ("Succeeded",)
            assert told in wanted, self._try(self.pipelined.described, arn)
        self.check(executions)
        return executions

    def check(self, executions: list[str]) -> None:
        """Hold that every step of each execution did what it does, once, and nothing of it runs on."""
        sagemaker = self.pipelined.sagemaker
        packages = (
            [
                package["ModelPackageArn"]
                for page in sagemaker.get_paginator("list_model_packages").paginate(
                    ModelPackageGroupName="killed"
                )
                for package in page["ModelPackageSummaryList"]
            ]
            if self._registers(executions)
            else []
        )
        registered, tokens = set(), set()
        for arn in executions:
            steps = self.pipelined.steps(arn)
            assert set(steps) <= DONE
            assert {step["StepStatus"] for step in steps.values()} <= ENDS
            if arn not in self.stopped:
                assert set(steps) == DONE
                assert {step["StepStatus"] for step in steps.values()} == {"Succeeded"}
            if made := steps.get("Register", {}).get("Metadata"):
                registered.add(made["RegisterModel"]["Arn"])
            if asked := steps.get("Ask", {}).get("Metadata"):
                tokens.add(asked["Callback"]["CallbackToken"])
            for name in {"Left", "Right"} & set(steps):
                jobs = self._made(arn, name)
                unmade = "Metadata" not in steps[name] or steps[name]["StepStatus"] == "Stopped"
                told = steps[name]["AttemptCount"]
                assert len(jobs) in ((told - 1, told) if unmade else (told,)), (arn, name)
                assert set(jobs) <= {"Completed", "Failed", "Stopped"}, (arn, name, "runs on")
            models = sagemaker.list_models(NameContains=f"{arn.rpartition('/')[2]}-keep-")["Models"]
            assert len(models) == ("Metadata" in steps.get("Keep", {}))
        assert sorted(packages) == sorted(registered), "each execution registered one version, once"
        assert {token: len(ids) for token, ids in self.heard.items()} == dict.fromkeys(tokens, 1)

    def down(self) -> None:
        """Stop the site."""
        self.site.down()

    def _registers(self, executions: list[str]) -> bool:
        """Say whether any execution came to make the group of its models."""
        return any("Register" in self.pipelined.steps(arn) for arn in executions)

    def _made(self, arn: str, step: str) -> list[str]:
        """Return how the training jobs stand that a step made."""
        named = f"pipelines-{arn.rpartition('/')[2]}-{step}-"
        pages = self.pipelined.sagemaker.get_paginator("list_training_jobs").paginate(NameContains=named)
        return [job["TrainingJobStatus"] for page in pages for job in page["TrainingJobSummaries"]]

    def _stop(self, arn: str) -> None:
        """Tell an execution to stop, unless it has ended."""
        if self._status(arn) == "Executing":
            self.stopped.add(arn)
            self._try(self._ask_to_stop, arn)

    def _ask_to_stop(self, arn: str) -> None:
        try:
            self.pipelined.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConflictException":  # it has ended meanwhile
                raise

    def _start(self) -> str:
        self.token += 1
        asked = {"PipelineName": "killed", "ClientRequestToken": f"{self.token:032d}"}
        arn: str = self.pipelined.sagemaker.start_pipeline_execution(**asked)["PipelineExecutionArn"]
        return arn

    def _kill(self, target: str) -> None:
        if target != "shim":
            self.site.kill(target)
            return
        runs = self.site.runs("*")
        if runs:
            self.site.kill_run(self.random.choice(runs), "shim")

    def _pause(self, seconds: float) -> None:
        """Let time pass, and answer whoever asks."""
        self._answer()
        with contextlib.suppress(AssertionError):  # nothing is waited for but the time
            self.site.until(lambda: False, "time", seconds)

    def _ended(self, arn: str) -> str:
        self._answer()
        status = self._status(arn)
        return "" if status in ("Executing", "Stopping") else status

    def _status(self, arn: str) -> str:
        return str(self._try(self.pipelined.described, arn)["PipelineExecutionStatus"])

    def _answer(self) -> None:
        """Tell every callback that asked that it succeeded."""
        found: Any = self._try(self.sqs.receive_message, QueueUrl=self.queue, MaxNumberOfMessages=10)
        for message in found.get("Messages", []):
            body = json.loads(message["Body"])
            token = body["token"]
            if body["status"] == "Executing":
                self.heard[token].add(message["MessageId"])
            send = self.pipelined.sagemaker.send_pipeline_execution_step_success
            self._try(send, CallbackToken=token, ClientRequestToken=token.ljust(32, "x"))
            self._try(self.sqs.delete_message, QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])

    def _try(self, call: Any, *asked: Any, **more: Any) -> Any:
        """Call until it is answered: the gateway may be killed meanwhile."""

        def look() -> list[Any]:
            try:
                return [call(*asked, **more)]
            except (BotoCoreError, ClientError) as error:
                code = getattr(error, "response", {}).get("Error", {}).get("Code", "")
                assert code in ("", "InternalFailure", "500", "503"), error
                return []

        return self.site.until(look, "an answer")[0]

    def _role(self) -> str:
        """Make a role that may do all that the steps do."""
        iam = self.site.client("iam")
        service = {"Service": "sagemaker.amazonaws.com"}
        trust = {"Effect": "Allow", "Principal": service, "Action": "sts:AssumeRole"}
        allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        policies = [json.dumps({"Version": "2012-10-17", "Statement": [each]}) for each in (trust, allow)]
        arn: str = iam.create_role(RoleName="pipes", AssumeRolePolicyDocument=policies[0])["Role"]["Arn"]
        iam.put_role_policy(RoleName="pipes", PolicyName="all", PolicyDocument=policies[1])
        return arn

    def _steps(self) -> list[dict[str, Any]]:
        data = {"Get": "Steps.Left.ModelArtifacts.S3ModelArtifacts"}
        kinds = ["text/csv"]
        specification = {
            "Containers": [{"Image": "quick", "ModelDataUrl": data}],
            "SupportedContentTypes": kinds,
            "SupportedResponseMIMETypes": kinds,
        }
        register = {
            "Name": "Register",
            "Type": "RegisterModel",
            "Arguments": {"ModelPackageGroupName": "killed", "InferenceSpecification": specification},
            "DependsOn": ["Keep"],
        }
        return [
            training("Left", RetryPolicies=AGAIN),
            training("Right", RetryPolicies=AGAIN),
            callback("Ask", self.queue, {"of": data}),
            condition("Good", 1, 2, then=[model("Keep", "Left"), register], DependsOn=["Ask", "Right"]),
        ]


def main(words: list[str]) -> None:
    """Kill as often as the first word says, by the seed that the second one is."""
    kills, seed = int(words[0]) if words else 200, int(words[1]) if len(words) > 1 else 0
    with tempfile.TemporaryDirectory(prefix="clary-kills-") as folder:
        made = Kills(Path(folder), seed)
        try:
            print(f"{kills} kills, {len(made.run(kills))} executions, each ended once")
        except BaseException:
            print(made.site.complaints())
            raise
        finally:
            made.down()


if __name__ == "__main__":
    main(sys.argv[1:])
