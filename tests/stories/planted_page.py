"""Plants every fault in a real server and writes the page of them.

`python -m tests.stories.planted_page` writes docs/planted-faults.md; --verbose also prints all texts.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from tests.stories.planted import DONE, Fault, put, request, wait
from tests.stories.planted_programs import PROGRAMS
from tests.stories.planted_refusals import REFUSALS, UNLOCKED
from tests.stories.planted_requests import NARROW, OBJECTS, REQUESTS
from tests.stories.planted_scripts import SCRIPTS
from tests.stories.server import ROOT, Clary

FAULTS: dict[str, Fault] = {**SCRIPTS, **PROGRAMS, **REQUESTS, **REFUSALS}
PAGE = ROOT / "docs" / "planted-faults.md"
GROUP = "/aws/sagemaker/TrainingJobs"
SECONDS = 400
WIDEST = 150  # characters of an excerpt in the table
_BLAMED = ("AlgorithmError: ", "ClientError: ", "InternalServerError: ", "ValidationException: ")
_ADVICE = "What to do: "
_SENTENCE = (
    r"\n|\. (?=\w)|, exit code|; |What to do: |^(\w+(Error|Exception): (?=[A-Z]))|ErrorMessage \"| \| |\"$"
)
# What differs from run to run, and what means something in a table of Markdown.
_SHOWN = {
    r"0x[0-9a-f]{6,}": "0x…",
    r"127\.0\.0\.1:\d+": "127.0.0.1:…",
    r'"$': "",
    r"([|<*_`\[\]])": r"\\\1",
}

_HEAD = """\
# Planted faults

{total} mistakes that users make, each planted in a real server: {named} end with a text that names both the
cause and the cure. The words that have to be there were chosen by what one must be told to mend the mistake,
before the texts were looked at (`planted_*.py` in `tests/stories`); the first run named 97 of the first 111.
`make docs` plants them anew and writes this page; `make test-slow` fails when it says something else than the
server; `make test` plants a dozen.

The words are those of `FailureReason`, without the traceback; of {refused}, which CreateTrainingJob refuses
at once, they are the error's.

| The user's script or job … | `FailureReason` begins | It names the cause | and the cure |
| --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Ended:
    """What a user sees of a job that failed."""

    status: str
    said: str
    logged: str


def prepare(clary: Clary) -> None:
    """Make the roles, the bucket and the objects that the faults need."""
    iam, s3 = clary.client("iam"), clary.client("s3")
    for name, service in (("narrow", "sagemaker"), ("poor", "sagemaker"), ("distrusts", "ec2")):
        who = {"Service": f"{service}.amazonaws.com"}
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": who}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        iam.create_role(RoleName=f"planted-{name}", AssumeRolePolicyDocument=document)
    iam.put_role_policy(RoleName="planted-narrow", PolicyName="some", PolicyDocument=json.dumps(NARROW))
    image = clary.home / "images" / "planted"
    image.mkdir(parents=True)
    for name, text in UNLOCKED.items():
        (image / name).write_text(text)
    s3.create_bucket(Bucket="planted-brief")
    for key, data in OBJECTS.items():
        put(clary, key, data.encode() if isinstance(data, str) else data)


def plant(clary: Clary, names: Iterable[str]) -> dict[str, Ended]:
    """Run jobs with these faults, all at once, and return how they ended."""
    sagemaker, chosen = clary.client("sagemaker"), list(names)
    refused: dict[str, Ended] = {}
    for name in chosen:
        try:
            sagemaker.create_training_job(**request(clary, f"planted-{name}", FAULTS[name].job))
        except ClientError as error:
            told = error.response["Error"]
            if told["Code"] == "ResourceInUse":  # planted before
                continue
            refused[name] = Ended("Refused", f"{told['Code']}: {told['Message']}", "")
    return {name: refused.get(name) or _ended(clary, f"planted-{name}") for name in chosen}


def named(fault: Fault, ended: Ended) -> tuple[bool, bool]:
    """Tell whether the text names the cause, and the cure."""
    right = ended.status == fault.job.status and ended.said.startswith(fault.blamed)
    return (
        right and re.search(fault.cause, ended.said) is not None,
        right and re.search(fault.cure, ended.said) is not None,
    )


def row(fault: Fault, ended: Ended) -> str:
    """Return a fault's line of the table."""
    begins = f"`{fault.blamed.strip()}`" if fault.blamed else f"({ended.status})"
    told = [
        _excerpt(words, text) if right else "**not named**"
        for words, text, right in zip(
            (fault.cause, fault.cure), (ended.said, _advice(fault, ended)), named(fault, ended), strict=True
        )
    ]
    return f"| {fault.title} | {begins} | {told[0]} | {told[1]} |"


def page(ended: Mapping[str, Ended]) -> str:
    """Return the whole page."""
    count = sum(all(named(fault, ended[name])) for name, fault in FAULTS.items())
    rows = "\n".join(row(fault, ended[name]) for name, fault in FAULTS.items())
    refused = sum(fault.job.status == "Refused" for fault in FAULTS.values())
    return f"{_HEAD.format(total=len(FAULTS), named=count, refused=refused)}{rows}\n"


def _ended(clary: Clary, name: str) -> Ended:
    def look() -> Any:
        return clary.client("sagemaker").describe_training_job(TrainingJobName=name)

    job = wait(look, DONE, SECONDS)
    last = job["SecondaryStatusTransitions"][-1]["StatusMessage"]
    events: list[dict[str, Any]] = []
    logs = clary.client("logs")
    with suppress(logs.exceptions.ResourceNotFoundException):  # its program never ran
        events = logs.filter_log_events(logGroupName=GROUP, logStreamNamePrefix=f"{name}/")["events"]
    return Ended(
        job["TrainingJobStatus"],
        job.get("FailureReason", last),
        "\n".join(event["message"] for event in events),
    )


def _advice(fault: Fault, ended: Ended) -> str:
    """Return the line that says what to do, or all, where the cure is not in such a line."""
    line = ended.said[max(0, ended.said.rfind(_ADVICE)) :]
    return line if re.search(fault.cure, line) else ended.said


def _excerpt(words: str, said: str) -> str:
    """Return the sentence that names something, or what is around its words."""
    told = said.removeprefix(said[: said.find(": ") + 2]) if said.startswith(_BLAMED) else said
    found = re.search(words, told)
    assert found
    starts = [at.end() for at in re.finditer(_SENTENCE, told) if at.end() <= found.start()]
    ends = [at.start() for at in re.finditer(_SENTENCE, told) if at.start() >= found.end()]
    line = " ".join(told[max(starts, default=0) : min(ends, default=len(told))].split())
    if len(line) > WIDEST:
        begin = max(0, min(line.find(" ".join(found[0].split())) - 20, len(line) - WIDEST))
        rest = "…" if begin + WIDEST < len(line) else ""
        line = f"{'…' if begin else ''}{line[begin : begin + WIDEST].strip()}{rest}"
    for pattern, instead in _SHOWN.items():
        line = re.sub(pattern, instead, line)
    return line


def main() -> int:
    """Write the page."""
    with tempfile.TemporaryDirectory() as folder:
        clary = Clary(Path(folder) / "home")
        clary.command("up", "--port", "0", "--detach")
        try:
            prepare(clary)
            ended = plant(clary, FAULTS)
        finally:
            clary.command("down", "--yes", "--now")
    PAGE.write_text(page(ended))
    if "--verbose" in sys.argv:
        for name, fault in FAULTS.items():
            missed = [
                what
                for what, right in zip(("cause", "cure"), named(fault, ended[name]), strict=True)
                if not right
            ]
            missed += [] if re.search(fault.logged, ended[name].logged) else ["log"]
            print(f"== {name} {missed or ''}\n{ended[name].status}: {ended[name].said}\n")
            if "log" in missed:
                print(f"-- log\n{ended[name].logged[-600:]}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
