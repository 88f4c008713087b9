"""Experiments: points in one by one and by the thousand, and 200 of 1,000 runs compared."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from functools import partial
from typing import Any

from benchmarks.filling import ACCOUNT, BEGUN, REGION, note, row
from benchmarks.floors import null_client
from benchmarks.harness import Clary, Figure, median, percentile, server, wait_for
from benchmarks.load import drive, request_bytes
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from sqlalchemy import insert

from clary.core.clock import SystemClock
from clary.core.document import Document
from clary.resources.experiments.experiment import EXPERIMENT
from clary.resources.experiments.trial import TRIAL
from clary.resources.experiments.trial_component import TRIAL_COMPONENT
from clary.store.database import Database
from clary.store.metrics import Metrics
from clary.store.metrics.store import resource_points, resource_series
from clary.store.tables import RECORDS

RUNS, NAMES, STEPS = 1_000, 10, 1_000  # 10,000 points a run
COMPARED = 200
CALLERS, SECONDS, ROUNDS = 16, 4.0, 15
SINGLE, BATCHED = 1_000, 100_000  # points a second
COMPARISON_MS = 200
NAME = "bench"
T0 = int(BEGUN.timestamp()) * 1000


def run() -> list[Figure]:
    """Measure a server whose store is filled while it runs."""
    with server() as clary:
        batched = _fill(clary)
        return [*_single(clary), batched, *_compared(clary)]


def _fill(clary: Clary) -> Figure:
    """Keep the runs of one experiment, and time how fast their points went in, a thousand a batch."""
    database = Database(clary.home / "clary.db")
    metrics = Metrics(database, SystemClock())
    _records(database)
    points = [(T0 + 1000 * n, n, 1 / (1 + n)) for n in range(STEPS)]
    columns, begun = resource_points(points), time.perf_counter()
    for number in range(RUNS):
        for name in range(NAMES):
            metrics.put([(resource_series(ACCOUNT, REGION, _arn(number), f"metric-{name}"), columns)])
    rate = RUNS * NAMES * STEPS / (time.perf_counter() - begun)
    database.close()
    return Figure(
        name="points in, 1,000 a batch, a synced transaction each",
        value=rate,
        unit="/s",
        target=BATCHED,
        at_least=True,
        floor="into the store, as the points of jobs' logs; BatchPutMetrics takes 10 a call",
    )


def _records(database: Database) -> None:
    times: Document = {"CreationTime": BEGUN, "LastModifiedTime": BEGUN}
    parent: Document = {"TrialName": NAME, "ExperimentName": NAME}
    rows = [row(EXPERIMENT, {**times, "ExperimentName": NAME}), row(TRIAL, {**times, **parent})]
    rows += [row(TRIAL_COMPONENT, {**_run(number), "Parents": [parent]}) for number in range(RUNS)]
    with database.write() as connection:
        connection.execute(insert(RECORDS), rows)
    note(database, TRIAL_COMPONENT)


def _run(number: int) -> Document:
    made = BEGUN + timedelta(seconds=number)
    return {
        "TrialComponentName": f"{NAME}-{number:04}",
        "DisplayName": f"run {number}",
        "Parameters": {f"parameter-{n}": {"NumberValue": number / (n + 1)} for n in range(10)},
        "Status": {"PrimaryStatus": "Completed"},
        "CreationTime": made,
        "LastModifiedTime": made,
    }


def _arn(number: int) -> str:
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:experiment-trial-component/{NAME}-{number:04}"


def _single(clary: Clary) -> list[Figure]:
    figures = []
    for count, target in ((1, SINGLE), (10, None)):
        requests = [_signed(clary, number, count) for number in range(CALLERS)]
        load = drive(clary.port, requests, callers=CALLERS, seconds=SECONDS)
        half, most = median(load.seconds) * 1000, percentile(load.seconds, 99) * 1000
        figures.append(
            Figure(
                name=f"BatchPutMetrics, {count} a call, {CALLERS} callers",
                value=load.rate * count,
                unit="/s",
                target=target,
                at_least=True,
                floor=f"p50 {half:.1f} ms, p99 {most:.1f} ms",
            )
        )
    return figures


def _signed(clary: Clary, number: int, count: int) -> bytes:
    """Return a call that puts points of one run, as it goes over the line."""
    data = [
        {"MetricName": f"sent-{n}", "Timestamp": T0 // 1000 + number, "Step": number, "Value": 0.5}
        for n in range(count)
    ]
    body = json.dumps({"TrialComponentName": f"{NAME}-{number:04}", "MetricData": data}).encode()
    path, content = "/BatchPutMetrics", {"Content-Type": "application/json"}
    request = AWSRequest("PUT", f"http://127.0.0.1:{clary.port}{path}", content, body)
    SigV4Auth(Credentials(clary.access_key, clary.secret), "sagemaker", REGION).add_auth(request)
    return request_bytes("PUT", path, {**dict(request.headers), "Host": f"127.0.0.1:{clary.port}"}, body)


def _compared(clary: Clary) -> list[Figure]:
    """Compare runs as ExperimentAnalytics does, and draw one metric of each of them."""
    sagemaker, told = clary.client("sagemaker"), clary.client("sagemaker-metrics")
    wait_for(lambda: _summed_up(sagemaker))
    taken = [_timed(partial(_compare, sagemaker)) for _ in range(ROUNDS + 1)][1:]
    with null_client(clary) as nobody:
        null = median([_timed(nobody.list_experiments) for _ in range(ROUNDS)])
    figures = [_figure(f"Search, {COMPARED} of {RUNS:,} runs with 10 metrics", taken, null)]
    for period in ("FiveMinute", "OneMinute"):
        draw = partial(_draw, told, period)
        drawn = [_timed(draw) for _ in range(ROUNDS + 1)][1:]
        figures.append(_figure(f"BatchGetMetrics of {COMPARED} runs, Avg by {period}", drawn, null))
    return figures


def _figure(name: str, taken: list[float], null: float) -> Figure:
    return Figure(
        name=f"{name}, p50",
        value=median(taken) * 1000,
        unit="ms",
        target=COMPARISON_MS,
        floor=f"2 calls; null call p50 {null * 1000:.2f} ms; p90 here {percentile(taken, 90) * 1000:.1f} ms",
    )


def _compare(sagemaker: Any) -> list[Document]:
    """Return the best runs by one metric, with the metrics and parameters of each."""
    wanted = {"Name": "Parents.ExperimentName", "Operator": "Equals", "Value": NAME}
    asked = {
        "Resource": "ExperimentTrialComponent",
        "SearchExpression": {"Filters": [wanted]},
        "SortBy": "Metrics.metric-0.Min",
        "SortOrder": "Ascending",
        "MaxResults": 100,
    }
    found: list[Document] = []
    page: Document = {}
    while len(found) < COMPARED:
        page = sagemaker.search(**asked, **({"NextToken": page["NextToken"]} if page else {}))
        found += [each["TrialComponent"] for each in page["Results"]]
    return found


def _summed_up(sagemaker: Any) -> bool:
    last = sagemaker.describe_trial_component(TrialComponentName=f"{NAME}-{RUNS - 1:04}")
    wanted = {"Name": "Metrics.metric-9.Count", "Operator": "Equals", "Value": str(STEPS)}
    found = sagemaker.search(
        Resource="ExperimentTrialComponent", SearchExpression={"Filters": [wanted]}, MaxResults=1
    )
    return bool(last.get("Metrics")) and found["TotalHits"]["Value"] == RUNS


def _draw(told: Any, period: str) -> None:
    for first in range(0, COMPARED, 100):
        asked = [
            {
                "MetricName": "metric-0",
                "ResourceArn": _arn(number),
                "MetricStat": "Avg",
                "Period": period,
                "XAxisType": "Timestamp",
            }
            for number in range(first, first + 100)
        ]
        found = told.batch_get_metrics(MetricQueries=asked)["MetricQueryResults"]
        if {each["Status"] for each in found} != {"Complete"}:
            raise RuntimeError(found[0])


def _timed(call: Any) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun
