"""Functions of real processes: answers, errors in AWS's words, and events that kills do not double."""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conformance.awslambda.functions import create, role_for_functions, zipped
from tests.crash.pipelined import Pipelined
from tests.crash.site import SOURCE, Site
from tests.operations.pipelines.written import ROLE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

HELD = """
import pathlib, time
def handler(event, context):
    print("handled", event["n"], flush=True)
    while not pathlib.Path("/opt/ml/go").exists():
        time.sleep(0.01)
    return {"n": event["n"], "left": context.get_remaining_time_in_millis() > 0}
"""
MANY = """
import logging, os, sys, time
logging.getLogger().setLevel("INFO")
def handler(event, context):
    what = event.get("what")
    if what == "raise":
        raise KeyError("absent")
    if what == "exit":
        sys.exit(event["code"])
    if what == "sleep":
        time.sleep(600)
    if what == "memory":
        held = bytearray(400 << 20)
        time.sleep(600)
    if what == "set":
        return {1}
    if what == "giant":
        return "x" * 7_000_000
    if what == "nan":
        return float("nan")
    logging.info("seen %s", what)
    told = {name: os.environ[name] for name in ("AWS_LAMBDA_FUNCTION_NAME", "MODE", "AWS_EXECUTION_ENV")}
    return {**told, "arn": context.invoked_function_arn, "memory": context.memory_limit_in_mb, "event": event}
"""

SQUARES = """
def handler(event, context):
    if "word" in event:
        raise ValueError("no " + event["word"])
    print("handled", event["n"], flush=True)
    return {"square": event["n"] ** 2, "word": "luck", "more": [1]}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run a server whose functions have the standard library only, so that no environment is built."""
    made = Site(tmp_path_factory.mktemp("site"))
    folder = made.home / "images" / "lambda-python"
    shutil.copytree(SOURCE / "images" / "lambda-python", folder)
    lines = (folder / "image.toml").read_text().splitlines(keepends=True)
    (folder / "image.toml").write_text("".join(each for each in lines if not each.startswith("requirements")))
    made.up()
    yield made
    made.open_gates()
    made.down()


@pytest.fixture(scope="module")
def role(site: Site) -> str:
    return role_for_functions(site.client("iam"))


@pytest.fixture(scope="module")
def many(site: Site, role: str) -> str:
    variables = {"Variables": {"MODE": "test"}}
    return create(site.client("lambda"), role, MANY, Timeout=300, MemorySize=256, Environment=variables)


def call(site: Site, name: str, event: object, **options: Any) -> tuple[str | None, Any]:
    """Return whether a function failed, and what it answered."""
    answer = site.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event), **options)
    return answer.get("FunctionError"), json.loads(answer["Payload"].read())


def log_of(site: Site, name: str) -> list[str]:
    """Return the lines of all environments of a function."""
    logs = site.client("logs")
    try:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}")
        return [event["message"] for page in pages for event in page["events"]]
    except ClientError:  # no line came in yet
        return []


def test_a_function_answers_and_its_caller_sees_the_log(site: Site, many: str) -> None:
    function = site.client("lambda")
    answer = function.invoke(FunctionName=many, Payload=b'{"what": "hello"}', LogType="Tail")
    told = json.loads(answer["Payload"].read())
    assert told == {
        "AWS_LAMBDA_FUNCTION_NAME": many,
        "MODE": "test",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
        "arn": f"arn:aws:lambda:us-east-1:000000000000:function:{many}",
        "memory": "256",
        "event": {"what": "hello"},
    }
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    start, seen, end, report = base64.b64decode(answer["LogResult"]).decode().splitlines()
    request = start.removeprefix("START RequestId: ").removesuffix(" Version: $LATEST")
    assert seen.startswith("[INFO]\t")
    assert seen.endswith(f"\t{request}\tseen hello")
    assert end == f"END RequestId: {request}"
    assert report.startswith(f"REPORT RequestId: {request}\tDuration: ")
    assert "\tMemory Size: 256 MB\tMax Memory Used: " in report
    site.until(lambda: report in log_of(site, many), "the log has the line")


@pytest.mark.parametrize(
    ("event", "kind", "words"),
    [
        ({"what": "raise"}, "KeyError", "'absent'"),
        (
            {"what": "exit", "code": 0},
            "Runtime.ExitError",
            "Error: Runtime exited without providing a reason",
        ),
        ({"what": "exit", "code": 3}, "Runtime.ExitError", "Error: Runtime exited with error: exit status 3"),
        ({"what": "memory"}, "Runtime.OutOfMemory", "Error: Runtime exited with error: signal: killed"),
        ({"what": "set"}, "Runtime.MarshalError", "Object of type set is not JSON serializable"),
        ({"what": "giant"}, "Function.ResponseSizeTooLarge", "maximum allowed payload size (6291556 bytes)."),
    ],
)
def test_errors_are_in_awss_words(site: Site, many: str, event: object, kind: str, words: str) -> None:
    failed, told = call(site, many, event)
    assert (failed, told["errorType"]) == ("Unhandled", kind)
    assert told["errorMessage"].endswith(words)
    if kind == "KeyError":
        assert 'app.py", line 7, in handler' in told["stackTrace"][0]
    failed, told = call(site, many, {"what": "again"})  # it is well again
    assert failed is None
    assert told["event"] == {"what": "again"}


def test_a_function_whose_time_is_over_says_so_and_is_well_again(site: Site, role: str) -> None:
    short = create(site.client("lambda"), role, MANY, Timeout=1, Environment={"Variables": {"MODE": "test"}})
    failed, told = call(site, short, {"what": "sleep"})
    assert (failed, told["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    assert told["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")

    def well() -> bool:
        """Ask again: on a busy machine the time of this call may be over too."""
        failed, told = call(site, short, {"what": "again"})
        assert failed is None or told["errorType"] == "Sandbox.Timedout"
        return failed is None and told["event"] == {"what": "again"}

    site.until(well, "it is well again")


def test_nan_is_written_as_it_is(site: Site, many: str) -> None:
    _, told = call(site, many, {"what": "nan"})
    assert told != told  # which only NaN does not equal


@pytest.mark.parametrize(
    ("code", "handler", "kind", "words"),
    [
        (
            "import nowhere",
            "app.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module",
        ),
        ("def handler(", "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
        ("a = 1", "app.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("a = 1", "app", "Runtime.MalformedHandlerName", "Bad handler 'app': not enough values to unpack"),
        ("1 / 0", "app.handler", "ZeroDivisionError", "division by zero"),
    ],
)
def test_a_handler_that_is_not_to_be_had(
    site: Site, role: str, code: str, handler: str, kind: str, words: str
) -> None:
    name = create(site.client("lambda"), role, code, Handler=handler, Timeout=60)
    for _ in range(2):
        failed, told = call(site, name, {})
        assert (failed, told["errorType"]) == ("Unhandled", kind)
        assert told["errorMessage"].startswith(words)


def test_an_update_is_called_from_then_on(site: Site, role: str) -> None:
    functions = site.client("lambda")
    name = create(functions, role, "def handler(event, context):\n    return 1\n", Timeout=60)
    assert call(site, name, {}) == (None, 1)
    code = "import other\ndef handler(event, context):\n    return other.TWO\n"
    functions.update_function_code(FunctionName=name, ZipFile=zipped(app=code, other="TWO = 2"))
    assert call(site, name, {}) == (None, 2)
    functions.delete_function(FunctionName=name)
    with pytest.raises(ClientError, match="Function not found"):
        call(site, name, {})


def test_more_calls_than_reserved_are_turned_away_and_counted(site: Site, role: str) -> None:
    functions, began = site.client("lambda", attempts=1), datetime.now(UTC)
    name = create(functions, role, HELD, Timeout=120)
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    functions.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"n": 1}')
    site.until(lambda: "handled 1" in log_of(site, name), "the event is handled")
    with pytest.raises(ClientError) as told:
        functions.invoke(FunctionName=name, Payload=b'{"n": 2}')
    assert told.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert told.value.response["Error"]["Code"] == "TooManyRequestsException"
    site.open_gates()

    def total(metric: str) -> float:
        found = site.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=metric,
            Dimensions=[{"Name": "FunctionName", "Value": name}],
            StartTime=began - timedelta(minutes=1),
            EndTime=datetime.now(UTC) + timedelta(minutes=1),
            Period=60,
            Statistics=["Sum"],
        )
        return float(sum(each["Sum"] for each in found["Datapoints"]))

    site.until(lambda: total("Invocations") == 1, "it is counted")
    site.until(lambda: total("Throttles") == 1, "so is the one that was turned away")
    assert total("Errors") == 0


def invocations(site: Site, name: str) -> list[tuple[str, Any]]:
    """Return the status and the answer of a function's events."""
    with closing(sqlite3.connect(site.home / "clary.db")) as database:
        rows = database.execute("SELECT status, doc FROM records WHERE kind = 'LambdaInvocation'").fetchall()
    found = [(status, json.loads(text)) for status, text in rows]
    return [
        (status, json.loads(doc.get("_Answer", "null")))
        for status, doc in found
        if doc["_Asked"]["Function"] == name
    ]


def handled(site: Site, name: str) -> Counter[str]:
    return Counter(line for line in log_of(site, name) if line.startswith("handled"))


def test_events_are_handled_once_whoever_is_killed(site: Site, role: str) -> None:
    functions = site.client("lambda")
    name = create(functions, role, HELD, Timeout=300)
    for n in range(3):
        functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps({"n": n}))
    site.kill("controller")
    site.up()
    site.until(lambda: sum(handled(site, name).values()) >= 3, "all are handled")
    site.kill("controller")
    functions.update_function_configuration(FunctionName=name, Description="their environments are old now")
    site.kill("gateway")
    site.up()
    site.kill("controller")
    site.up()
    site.open_gates()
    answers = [("Succeeded", {"n": n, "left": True}) for n in range(3)]

    def done() -> bool:
        return all(status in ("Succeeded", "Failed") for status, _ in invocations(site, name))

    site.until(done, "all are answered")
    assert sorted(invocations(site, name), key=lambda each: each[1]["n"]) == answers
    site.until(lambda: sum(handled(site, name).values()) >= 3, "the logs are whole")
    assert handled(site, name) == {f"handled {n}": 1 for n in range(3)}


def test_an_event_whose_environment_is_lost_is_handled_again(site: Site, role: str) -> None:
    functions = site.client("lambda")
    name = create(functions, role, HELD, Timeout=300)
    before = set(site.runs("*"))
    functions.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"n": 1}')
    site.until(lambda: handled(site, name), "it is handled")
    [uid] = [each for each in set(site.runs("*")) - before if "function.json" in site.job(each).spec().files]
    assert site.kill_run(uid, "container")
    site.until(lambda: handled(site, name)["handled 1"] == 2, "it is handled again")
    site.open_gates()
    site.until(lambda: invocations(site, name) == [("Succeeded", {"n": 1, "left": True})], "it is answered")
    assert handled(site, name)["handled 1"] == 2


def test_a_pipelines_step_runs_a_function_and_another_uses_what_it_answered(site: Site, role: str) -> None:
    name = create(site.client("lambda"), role, SQUARES)
    may = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may]})
    executing = ROLE.rpartition("/")[2]
    site.client("iam").put_role_policy(RoleName=executing, PolicyName="invoke", PolicyDocument=policy)

    def step(step_name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        outputs = [("square", "Integer"), ("word", "String")]
        return {
            "Name": step_name,
            "Type": "Lambda",
            "FunctionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{name}",
            "Arguments": arguments,
            "OutputParameters": [{"OutputName": each, "OutputType": form} for each, form in outputs],
        }

    def output(of: str, which: str) -> dict[str, str]:
        return {"Get": f"Steps.{of}.OutputParameters['{which}']"}

    pipelines = Pipelined(site)
    squares = [step("One", {"n": 3}), step("Two", {"n": output("One", "square")})]
    arn = pipelines.start("Squares", *squares, step("Three", {"word": output("Two", "word")}))
    assert pipelines.ended(arn)["PipelineExecutionStatus"] == "Failed"
    found = pipelines.steps(arn)
    told = {each: found[each]["Metadata"]["Lambda"].get("OutputParameters") for each in found}
    luck = {"Name": "word", "Value": "luck"}
    assert told["One"] == [{"Name": "square", "Value": "9"}, luck]
    assert told["Two"] == [{"Name": "square", "Value": "81"}, luck]
    assert {each: found[each]["StepStatus"] for each in found} == {
        "One": "Succeeded",
        "Two": "Succeeded",
        "Three": "Failed",
    }
    assert "ValueError" in found["Three"]["FailureReason"]
    assert "no luck" in found["Three"]["FailureReason"]
    site.until(lambda: sum(handled(site, name).values()) >= 2, "the log has them")
    assert handled(site, name) == {"handled 3": 1, "handled 9": 1}
