"""Everything that a user can get wrong says what was wrong and what to do, and leaves nothing behind."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.stories.planted import (
    BUCKET,
    IMAGE,
    Job,
    Model,
    archive,
    channel,
    command,
    deploy,
    ended,
    request,
    script,
    settled,
)
from tests.stories.server import Clary

pytestmark = pytest.mark.timeout(300)

ROWS = "1,2,3\n0,4,5\n1,2,2\n0,5,6\n"
GOOD = {"num_round": "2"}
POPULATE = (
    "import mmap; mmap.mmap(-1, {} << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)"
)
ARGUMENT = (
    "import argparse; p = argparse.ArgumentParser(); p.add_argument('--lr', type=float); p.parse_args()"
)
SHELL = {"AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"}}


def metric(regex: str) -> dict[str, Any]:
    """Return members with one metric definition."""
    definitions = [{"Name": "m", "Regex": regex}]
    return {"AlgorithmSpecification": {**SHELL["AlgorithmSpecification"], "MetricDefinitions": definitions}}


JOBS = {
    "own-exception": script(
        "class Mine(Exception): pass\ndef f(x): raise Mine(f'{x} is bad')\nf(3)",
        r'ErrorMessage "Mine: 3 is bad"',
        r'File "/opt/ml/code/train.py", line 2, in f',
        r"exit code: 1$",
    ),
    "chained": script(
        "try: {}['gone']\nexcept KeyError as e: raise RuntimeError('no such row') from e",
        r"KeyError: 'gone'",
        r"RuntimeError: no such row",
    ),
    "deep": script(
        "exec('\\n'.join(f'def h{n}(): h{n + 1}()' for n in range(90)))\n"
        "def h90(): raise ValueError('the bottom')\nh0()",
        r'ErrorMessage "ValueError: the bottom"',
        r"in h90\n.*\nValueError: the bottom, exit code: 1$",
    ),
    "exit-code": script("raise SystemExit(3)", r"ExitCode 3", r"printed nothing", r"exit code: 3$"),
    "exit-text": script("import sys; sys.exit('give me data')", r"SystemExit: give me data"),
    "module": script("import no_such_module", r"No module named 'no_such_module'", r"requirements.txt"),
    "syntax": script("a = 1\ndef f(:\n", r"SyntaxError", r'train.py", line 2'),
    "argument": script(ARGUMENT, r"--lr: invalid float value: 'fast'", parameters={"lr": "fast"}),
    "not-utf-8": script(
        "import os; os.write(1, bytes(range(256)) * 99); raise ValueError('\\0 \\udcff \\x1b[31mred')",
        r"ValueError: \? \\udcff red",
    ),
    "long-line": script(
        "print('A' * 5_000_000, end='', flush=True); raise ValueError('B' * 5000)",
        r"ValueError: BB",
        r"line 1",
    ),
    "closed-output": script("import os; os.close(1); os.close(2); raise ValueError('unseen')", r"unseen"),
    "entry-point": Job((r"'train.py' is not in the submitted source, which holds: fit.py",), {"fit.py": ""}),
    "entry-outside": Job((r"must be a path inside the source directory",), {"a": ""}, "../a.py"),
    "windows-ends": Job((r"Unix line ends",), {"t.sh": "#!/bin/sh\r\necho\r\n"}, "t.sh"),
    "shell-python": Job(
        (r"ValueError: 42", r"exit code: 1$"), {"t.sh": "python -c 'raise ValueError(42)'"}, "t.sh"
    ),
    "no-program": Job((r"No such file", r"exit code: 127$"), members=command("/opt/nothing")),
    "killed": script("import os; os.kill(os.getpid(), 9)", r"killed by SIGKILL", r"exit code: 137$"),
    "crash": script("import ctypes; ctypes.string_at(0)", r"SIGSEGV \(a crash in native code\)"),
    "memory": script(POPULATE.format(5), r"OutOfMemoryError", r"4\.0 GiB", r"Choose a larger"),
    "requirements": Job(
        (r"InstallRequirementsError", r"no-such-package-of-clary"),
        {"train.py": "", "requirements.txt": "no-such-package-of-clary==1\n"},
    ),
    "source-no-tar": Job((r"is not a tar archive",), b"this is no archive"),
    "source-cut": Job((r"or not a complete one",), archive({"train.py": "x" * 9999})[:90]),
    "source-climbs": Job((r"outside the destination",), archive({"../../x.py": ""})),
    "source-gone": Job(
        (r"NoSuchKey", r"s3:GetObject"),
        parameters={"sagemaker_program": "t.py", "sagemaker_submit_directory": f"s3://{BUCKET}/none.tar.gz"},
    ),
    "isolated": script("", r"EnableNetworkIsolation", members={"EnableNetworkIsolation": True}),
    "leftovers": script(
        "import os, signal, time\nif os.fork() == 0:\n    os.setsid()\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    time.sleep(600)\nraise ValueError('parent')",
        r"ValueError: parent",
    ),
    "bottomless": script(
        "import os\nos.chdir('/opt/ml/model')\nfor n in range(1500): os.mkdir('d'); os.chdir('d')",
        r"below 64 directories was left out",
        status="Completed",
    ),
    "links": script(
        "import os; os.symlink('/etc/passwd', '/opt/ml/model/pw'); open('/opt/ml/model/m', 'w').write('x')",
        r"pw is a link that points out of model and was left out",
        status="Completed",
    ),
    "no-model": script("", r"left nothing in /opt/ml/model", status="Completed"),
    "model-replaced": script(
        "import os; os.rmdir('/opt/ml/model'); os.symlink('/etc', '/opt/ml/model')",
        r"link or a file where a directory should be",
        status="Completed",
    ),
    "endless-metric": script(
        "print('a' * 5000 + '!')",
        r"no metric m: the regular expression took more than",
        status="Completed",
        members=metric("(a+)+$"),
    ),
    "over-time": script(
        "import time; time.sleep(600)",
        r"exceeded MaxRuntimeInSeconds \(1 s; raise it",
        status="Stopped",
        members={"StoppingCondition": {"MaxRuntimeInSeconds": 1}},
    ),
    "no-channel": Job((r"Missing required channel: train",), parameters=GOOD),
    "empty-data": Job((r"No data in the training channel",), parameters=GOOD, data=""),
    "text-data": Job((r"data.csv, line 2: 'x' is not a number",), parameters=GOOD, data="1,2\n0,x\n"),
    "ragged-data": Job((r"line 2: 2 columns; the lines above have 3",), parameters=GOOD, data="1,2,3\n0,5\n"),
    "content-type": Job(
        (r"image/png is not an accepted ContentType: .*text/csv",),
        parameters=GOOD,
        data=ROWS,
        content_type="image/png",
    ),
    "other-type": Job((r"is not LIBSVM",), parameters=GOOD, data=ROWS, content_type="text/libsvm"),
    "no-rounds": Job((r"Missing required hyperparameter: num_round",), data=ROWS),
    "no-number": Job((r"num_round: 'ten' is not an integer",), parameters={"num_round": "ten"}, data=ROWS),
    "out-of-range": Job(
        (r"eta: 7 is not in the range \[0, 1\]",), parameters={**GOOD, "eta": "7"}, data=ROWS
    ),
    "unknown-parameter": Job(
        (r"Extraneous hyperparameter found: speed", r"max_depth"),
        parameters={**GOOD, "speed": "1"},
        data=ROWS,
    ),
}

CODE = "def model_fn(d): return 1\ndef input_fn(b, c): return b\ndef output_fn(p, a): return p\n"
MODELS = {
    "no-tar": Model((r"valid tar.gz archive", r"not a complete tar archive"), b"no archive at all"),
    "cut": Model((r"not a complete tar archive",), archive({"xgboost-model": "x" * 99_999})[:150]),
    "climbs": Model((r"'../../evil' climbs out of its directory",), archive({"../../evil": ""})),
    "empty": Model((r"/opt/ml/model holds no file",), {}, script=False),
    "garbage": Model((r"xgboost-model cannot be loaded",), {"xgboost-model": "garbage"}, script=False),
    "raises": Model(
        (r"ValueError: other weights", r'inference.py", line 2, in model_fn'),
        {"inference.py": "def model_fn(d):\n    raise ValueError('other weights')"},
    ),
    "no-function": Model((r"Please provide a model_fn implementation",), {"inference.py": "x = 1"}),
    "no-module": Model(
        (r"No module named 'no_such_module'", r"requirements.txt"), {"inference.py": "import no_such_module"}
    ),
    "no-script": Model((r"'inference.py' is not in .* which holds: other.py",), {"other.py": ""}),
    "exits": Model(
        (r"ended with exit code 3 before its model was loaded",),
        {"inference.py": "import os\ndef model_fn(d): os._exit(3)"},
    ),
    "memory": Model(
        (r"OutOfMemoryError", r"4\.0 GiB"),
        {"inference.py": f"def model_fn(d):\n    {POPULATE.format(6)}\n"},
        instance_type="ml.t2.medium",
    ),
}


@pytest.fixture(scope="module")
def planted(clary: Clary) -> Iterator[Clary]:
    """Start every job at once: they go through the queue while the tests look at the first."""
    for name, job in JOBS.items():
        clary.client("sagemaker").create_training_job(**request(clary, name, job))
    yield clary


@pytest.mark.parametrize("name", JOBS)
def test_a_job_says_what_was_wrong_and_what_to_do(planted: Clary, name: str) -> None:
    job = ended(planted, name)
    assert job["TrainingJobStatus"] == JOBS[name].status, job.get("FailureReason")
    last = job["SecondaryStatusTransitions"][-1]["StatusMessage"]
    said = job["FailureReason"] if JOBS[name].status == "Failed" else last
    for words in JOBS[name].says:
        assert re.search(words, said), said
    assert len(said) <= 1024
    assert "/opt/toolkit" not in said
    assert ("ModelArtifacts" in job) == (JOBS[name].status == "Completed")


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no-data": ({"InputDataConfig": [channel(f"s3://{BUCKET}/none/")]}, "No S3 objects found under S3 URL"),
    "no-bucket": ({"InputDataConfig": [channel("s3://no-such-bucket-of-ours/x")]}, "bucket does not exist"),
    "no-bucket-name": ({"InputDataConfig": [channel("s3://")]}, "regular expression"),
    "output": ({"OutputDataConfig": {"S3OutputPath": "s3://no-such-bucket-of-ours/x"}}, "Create the bucket"),
    "no-role": ({"RoleArn": "arn:aws:iam::000000000000:role/none"}, "ensure that the role exists"),
    "role-distrusts": (
        {"RoleArn": "arn:aws:iam::000000000000:role/distrusts"},
        "allows principal 'sagemaker",
    ),
    "role-may-not": ({"RoleArn": "arn:aws:iam::000000000000:role/may-not"}, "not authorized to perform: s3:"),
    "image": (
        {"AlgorithmSpecification": {"TrainingImage": "mine:latest", "TrainingInputMode": "File"}},
        "Clary has .*sagemaker-xgboost",
    ),
    "instance-type": (
        {"ResourceConfig": {"InstanceType": "ml.big", "InstanceCount": 1, "VolumeSizeInGB": 1}},
        "enum value set",
    ),
    "metric": (metric("("), "is not valid"),
    "twice": ({"TrainingJobName": "no-model"}, "already exist"),
}


@pytest.fixture(scope="module")
def roles(clary: Clary) -> None:
    """Make a role that trusts somebody else, and one without any rights."""
    for name, service in (("distrusts", "ec2"), ("may-not", "sagemaker")):
        trust = (
            '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", '
            f'"Principal": {{"Service": "{service}.amazonaws.com"}}}}]}}'
        )
        clary.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)


@pytest.mark.parametrize("name", REFUSED)
def test_a_job_that_could_not_run_is_refused(planted: Clary, roles: None, name: str) -> None:
    members, words = REFUSED[name]
    asked = request(planted, f"refused-{name}", Job((), parameters=GOOD, data=ROWS)) | members
    sagemaker = planted.client("sagemaker")
    with pytest.raises(ClientError, match=words) as refused:
        sagemaker.create_training_job(**asked)
    assert refused.value.response["Error"]["Code"] in ("ValidationException", "ResourceInUse")
    if name != "twice":
        with pytest.raises(ClientError, match="Requested resource not found"):
            sagemaker.describe_training_job(TrainingJobName=asked["TrainingJobName"])


@pytest.fixture(scope="module")
def served(planted: Clary) -> Clary:
    """Begin to create every endpoint at once."""
    for name, model in MODELS.items():
        deploy(planted, name, model)
    return planted


@pytest.mark.parametrize("name", MODELS)
def test_an_endpoint_says_why_its_model_cannot_be_served(served: Clary, name: str) -> None:
    endpoint = settled(served, name)
    assert endpoint["EndpointStatus"] == "Failed"
    for words in MODELS[name].says:
        assert re.search(words, endpoint["FailureReason"]), endpoint["FailureReason"]
    with pytest.raises(ClientError, match="It is Failed") as refused:
        served.client("sagemaker-runtime").invoke_endpoint(EndpointName=name, Body=b"1")
    assert refused.value.response["Error"]["Code"] == "ValidationError"


PREDICT = """
import os, sys
def predict_fn(x, m):
    x = x.decode() if isinstance(x, bytes) else x
    if x == "raise": raise ValueError("no such row")
    if x == "exit": sys.exit("bye")
    if x == "none": return None
    if x == "die": os._exit(4)
    return "fine"
"""


def test_a_serving_endpoint_says_what_was_wrong_with_a_call_and_outlives_a_bad_update(served: Clary) -> None:
    deploy(served, "good", Model((), {"inference.py": CODE + PREDICT}))
    assert settled(served, "good")["EndpointStatus"] == "InService"
    runtime = served.client("sagemaker-runtime")

    def refusal(body: bytes) -> dict[str, Any]:
        with pytest.raises(ClientError) as refused:
            runtime.invoke_endpoint(EndpointName="good", Body=body, ContentType="text/plain")
        return dict(refused.value.response)

    for body, words in (
        (b"raise", "ValueError: no such row"),
        (b"exit", "SystemExit: bye"),
        (b"none", "TypeError"),
    ):
        found = refusal(body)
        assert (found["Error"]["Code"], found["OriginalStatusCode"]) == ("ModelError", 500)
        assert words in found["OriginalMessage"]
        assert "/aws/sagemaker/Endpoints/good" in found["Error"]["Message"]
    sagemaker = served.client("sagemaker")
    sagemaker.update_endpoint(EndpointName="good", EndpointConfigName="raises")
    endpoint = settled(served, "good")
    assert endpoint["EndpointStatus"] == "InService"
    assert endpoint["EndpointConfigName"] == "good"
    assert "The update was taken back" in endpoint["FailureReason"]
    assert "ValueError: other weights" in endpoint["FailureReason"]
    answer = runtime.invoke_endpoint(EndpointName="good", Body=b"1", ContentType="text/plain")
    assert answer["Body"].read() == b"fine"


def test_nothing_is_left_behind_and_the_server_has_nothing_to_complain_of(served: Clary) -> None:
    sagemaker = served.client("sagemaker")
    listed = sagemaker.get_paginator("list_training_jobs").paginate().build_full_result()
    assert {each["TrainingJobName"] for each in listed["TrainingJobSummaries"]} == set(JOBS)
    for name in (*MODELS, "good"):
        sagemaker.delete_endpoint(EndpointName=name)
        sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig={"Delay": 1})
    end = time.monotonic() + 90
    while left := [*processes(served.home), *files(served.home)]:  # some may be going just now
        assert time.monotonic() < end, left
    for log in (served.home / "logs").glob("*.log"):
        text = log.read_text()
        assert "Traceback" not in text, text[-4000:]
        assert " ERROR " not in text, text[-4000:]


def files(home: Path) -> list[str]:
    """Return what there is of runs, and of objects that are not whole; warm workers are neither."""
    found = [*(home / "jobs").iterdir(), *(home / "objects" / "staging").iterdir()]
    return [path.name for path in found if path.name.startswith(".old-") or not path.name.startswith(".")]


def processes(home: Path) -> list[str]:
    """Return the command lines of every run's processes; warm workers wait for a run and are none."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"{home}/jobs/" in line and "/.warm/" not in line:
            found.append(line)
    return found
