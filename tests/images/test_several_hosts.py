"""Image programs on several hosts: what two train together is what one trains alone."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from tests.images.container import START_SECONDS, Container

Interpreter = Callable[[str], str]
SETTINGS = {"objective": "binary:logistic", "num_round": 8, "max_depth": 4, "eval_metric": "logloss"}
CHANNELS = {name: {"ContentType": "text/csv"} for name in ("train", "validation")}
PREDICT = """
import sys, numpy, xgboost
rows = numpy.loadtxt(sys.argv[1], delimiter=",")[:, 1:]
print(xgboost.Booster(model_file=sys.argv[2]).predict(xgboost.DMatrix(rows)).tolist())
"""

MIRRORED = """
import tensorflow as tf
strategy = tf.distribute.MultiWorkerMirroredStrategy()
add = lambda: tf.distribute.get_replica_context().all_reduce("sum", tf.constant(2.0))
print("sum", strategy.run(tf.function(add)).numpy())
"""


@pytest.fixture
def names() -> tuple[str, str]:
    """Two hosts: addresses stand for names, as nobody writes /etc/hosts here; each test has its own."""
    net = f"127.{secrets.randbelow(64) + 1}.{secrets.randbelow(256)}"
    return f"{net}.1", f"{net}.2"


def run(module: str, containers: Mapping[str, Container]) -> dict[str, tuple[int, str]]:
    """Run a program on every host at once; return each one's exit code and what it printed."""
    for host, container in containers.items():
        resources = {"current_host": host, "hosts": [*containers], "network_interface_name": "lo"}
        (container.ml / "input/config/resourceconfig.json").write_text(json.dumps(resources))
    running: dict[str, subprocess.Popen[str]] = {
        host: container.start(module) for host, container in containers.items()
    }
    said = {host: process.communicate(timeout=START_SECONDS)[0] for host, process in running.items()}
    return {host: (running[host].returncode, said[host]) for host in running}


def table(rows: int) -> np.ndarray:
    some = np.random.default_rng(3)
    features = np.round(some.normal(size=(rows, 5)) * 8) / 8
    odds = features[:, 0] - features[:, 1] * features[:, 2] + 0.3 * some.normal(size=rows)
    return np.column_stack([odds > 0, features])


def xgboost(root: Path, python: str, **channels: np.ndarray) -> Container:
    """Return a host of the built-in algorithm with rows in its channels."""
    container = Container(root, python, "sagemaker-xgboost")
    container.configure(
        {name: str(value) for name, value in SETTINGS.items()}, {each: CHANNELS[each] for each in channels}
    )
    for name, rows in channels.items():
        (container.ml / "input/data" / name).mkdir()
        if len(rows):
            np.savetxt(container.ml / "input/data" / name / "part.csv", rows, delimiter=",", fmt="%g")
    return container


@pytest.mark.slow
def test_two_hosts_train_the_model_that_one_trains_alone(
    tmp_path: Path, interpreter: Interpreter, names: tuple[str, str]
) -> None:
    python, rows = interpreter("sagemaker-xgboost"), table(2000)
    parts = dict(zip(names, np.array_split(rows, 2), strict=True))
    alone = xgboost(tmp_path / "alone", python, train=rows, validation=rows[:200])
    code, one = alone.run("sagemaker_xgboost.train")
    assert code == 0, one
    hosts = {
        host: xgboost(tmp_path / host, python, train=part, validation=part[:100])
        for host, part in parts.items()
    }
    hosts[names[1]] = xgboost(tmp_path / "again", python, train=parts[names[1]], validation=rows[:100])
    ended = run("sagemaker_xgboost.train", hosts)
    assert [code for code, _ in ended.values()] == [0, 0], ended
    losses = [[line.partition("#011validation")[0] for line in text.splitlines() if "train-logloss" in line]
              for text in (one, ended[names[0]][1])]  # fmt: skip
    assert losses[0] == losses[1]
    assert len(losses[0]) == SETTINGS["num_round"]
    assert "train-logloss" not in ended[names[1]][1]
    assert not [*(hosts[names[1]].ml / "model").iterdir()]
    data = str(alone.ml / "input/data/train/part.csv")
    answers = []
    for each in (alone, hosts[names[0]]):
        words = [python, "-c", PREDICT, data, str(each.ml / "model/xgboost-model")]
        answers.append(json.loads(subprocess.check_output(words)))  # noqa: S603
    assert np.abs(np.subtract(*answers)).max() <= 1e-5


@pytest.mark.slow
def test_a_host_without_rows_leaves_the_training_to_the_others(
    tmp_path: Path, interpreter: Interpreter, names: tuple[str, str]
) -> None:
    python, rows = interpreter("sagemaker-xgboost"), table(300)
    hosts = {
        names[0]: xgboost(tmp_path / "0", python, train=rows[:0]),
        names[1]: xgboost(tmp_path / "1", python, train=rows),
    }
    ended = run("sagemaker_xgboost.train", hosts)
    assert [code for code, _ in ended.values()] == [0, 0], ended
    assert f"leaves the training to {names[1]}" in ended[names[0]][1]
    assert (hosts[names[1]].ml / "model/xgboost-model").is_file()


@pytest.mark.slow
def test_a_validation_channel_that_one_host_lacks_is_told_on_all(
    tmp_path: Path, interpreter: Interpreter, names: tuple[str, str]
) -> None:
    python, rows = interpreter("sagemaker-xgboost"), table(300)
    hosts = {
        names[0]: xgboost(tmp_path / "0", python, train=rows, validation=rows),
        names[1]: xgboost(tmp_path / "1", python, train=rows, validation=rows[:0]),
    }
    ended = run("sagemaker_xgboost.train", hosts)
    assert [code for code, _ in ended.values()] == [1, 1]
    assert f"no data on {names[1]}: each host that trains needs some" in hosts[names[0]].failure


# What AWS's sample of XGBoost on several hosts takes from its container.
SAMPLE = """
import argparse, json, os, pickle
import xgboost
from sagemaker_containers import entry_point
from sagemaker_xgboost_container import distributed
from sagemaker_xgboost_container.data_utils import get_dmatrix

def boost(params, rows, rounds, is_master):
    losses = {}
    model = xgboost.train(params, rows, rounds, [(rows, "train")], evals_result=losses, verbose_eval=False)
    if is_master:
        with open(os.path.join(os.environ["SM_MODEL_DIR"], "xgboost-model"), "wb") as file:
            pickle.dump(model, file)
        print("losses", json.dumps(losses["train"]["logloss"]), flush=True)

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--max_depth", type=int)
    parser.add_argument("--num_round", type=int)
    args = parser.parse_args()
    hosts, rows = json.loads(os.environ["SM_HOSTS"]), get_dmatrix(os.environ["SM_CHANNEL_TRAIN"], "csv")
    assert get_dmatrix(os.environ.get("SM_CHANNEL_VALIDATION"), "csv") is None
    params = {"max_depth": args.max_depth, "objective": "binary:logistic", "eval_metric": "logloss"}
    given = {"params": params, "rows": rows, "rounds": args.num_round}
    if len(hosts) == 1:
        boost(**given, is_master=True)
    else:
        entry_point._wait_hostname_resolution()
        distributed.rabit_run(
            exec_fun=boost, args=given, include_in_training=rows is not None, hosts=hosts,
            current_host=os.environ["SM_CURRENT_HOST"], update_rabit_args=True,
        )
"""


def sample(root: Path, python: str, rows: np.ndarray) -> Container:
    """Return a host of the sample with rows in its channel."""
    container = Container(root, python, "sagemaker-xgboost")
    container.environment["OMP_WAIT_POLICY"] = "PASSIVE"  # as image.toml has it
    container.script(SAMPLE, max_depth="4", num_round="8")
    config = container.ml / "input/config/inputdataconfig.json"
    config.write_text(json.dumps({"train": CHANNELS["train"]}))
    (container.ml / "input/data/train").mkdir()
    if len(rows):
        np.savetxt(container.ml / "input/data/train/part.csv", rows, delimiter=",", fmt="%g")
    return container


@pytest.mark.slow
def test_a_script_trains_with_the_functions_of_awss_container_on_two_hosts_as_on_one(
    tmp_path: Path, interpreter: Interpreter, names: tuple[str, str]
) -> None:
    python, rows, losses = interpreter("sagemaker-xgboost"), table(1000), []
    third = f"{names[0].rpartition('.')[0]}.3"
    whole, parts = {names[0]: rows}, {names[0]: rows[:400], names[1]: rows[400:], third: rows[:0]}
    for given in (whole, parts):
        hosts = {
            host: sample(tmp_path / f"{len(given)}-{host}", python, each) for host, each in given.items()
        }
        ended = run("sagemaker_xgboost.train", hosts)
        assert {code for code, _ in ended.values()} == {0}, ended
        (told,) = [line for _, said in ended.values() for line in said.splitlines() if "losses" in line]
        losses.append(json.loads(told.partition(" ")[2]))
        assert (hosts[names[0]].ml / "model/xgboost-model").is_file()
    assert f"{third} leaves the training to {names[0]}, {names[1]}" in ended[third][1]
    assert len(losses[0]) == 8
    assert losses[1] == pytest.approx(losses[0], abs=1e-5)


SCRIPT = """
import os, sys, torch, torch.distributed as dist
dist.init_process_group("gloo")
rank, world = dist.get_rank(), dist.get_world_size()
torch.manual_seed(0)
rows = torch.randn(64, 4)
wanted = rows @ torch.tensor([1.0, -2.0, 3.0, 0.5])
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(4, 1))
steps = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(5):
    loss = ((model(rows[rank::world]).squeeze() - wanted[rank::world]) ** 2).mean()
    steps.zero_grad()
    loss.backward()
    steps.step()
    dist.all_reduce(loss := loss.detach())
    print(f"epoch={epoch} loss={loss.item() / world:.5f}", flush=True)
print("host", os.environ["SM_CURRENT_HOST"], "rank", rank, "of", world, flush=True)
dist.destroy_process_group()
sys.stdout.flush()
os._exit(0)  # threads of gloo outlive the group of a DDP model, and may abort a Python that ends
"""


@pytest.mark.slow
@pytest.mark.parametrize("enabled", ["sagemaker_torch_distributed_enabled", "sagemaker_pytorch_ddp_enabled"])
def test_torch_distributed_on_two_hosts_has_the_loss_of_one_process(
    tmp_path: Path, interpreter: Interpreter, names: tuple[str, str], enabled: str
) -> None:
    python, losses = interpreter("pytorch"), []
    for hosts in (names[:1], names):
        containers = {}
        for host in hosts:
            containers[host] = Container(tmp_path / f"{len(hosts)}-{host}", python, "pytorch")
            containers[host].script(SCRIPT, **{enabled: "true"})
        ended = run("toolkit.train", containers)
        assert [code for code, _ in ended.values()] == [0] * len(hosts), ended
        for number, (host, (_, said)) in enumerate(ended.items()):
            assert f"host {host} rank {number} of {len(hosts)}" in said
        first = ended[hosts[0]][1]
        losses.append([line.partition("loss=")[2] for line in first.splitlines() if "loss=" in line])
    assert len(losses[0]) == 5
    assert [float(each) for each in losses[0]] == pytest.approx([float(each) for each in losses[1]], abs=1e-4)


@pytest.mark.parametrize(
    ("enabled", "says"),
    [
        ("sagemaker_parameter_server_enabled", "parameter servers"),
        ("sagemaker_distributed_dataparallel_enabled", "smdistributed"),
    ],
)
def test_a_distribution_that_cannot_be_had_says_why(container: Container, enabled: str, says: str) -> None:
    container.script("print('ran')", **{enabled: "true"})
    resources = {"current_host": "algo-1", "hosts": ["algo-1", "algo-2"]}
    (container.ml / "input/config/resourceconfig.json").write_text(json.dumps(resources))
    code, said = container.run()
    assert code == 1
    assert "ran" not in said.splitlines()
    assert says in container.failure


def test_one_host_needs_no_parameter_servers(container: Container) -> None:
    container.script("print('ran')", sagemaker_parameter_server_enabled="true")
    code, said = container.run()
    assert code == 0, container.failure
    assert "ran" in said.splitlines()


@pytest.mark.slow
def test_a_mirrored_strategy_of_tensorflow_adds_up_over_two_hosts(
    tmp_path: Path, interpreter: Interpreter, names: tuple[str, str]
) -> None:
    python = interpreter("tensorflow")
    containers = {host: Container(tmp_path / host, python, "tensorflow") for host in names}
    for container in containers.values():
        container.script(MIRRORED, sagemaker_multi_worker_mirrored_strategy_enabled="true")
    ended = run("sagemaker_tensorflow.train", containers)
    assert [code for code, _ in ended.values()] == [0, 0], ended
    assert ["sum 4.0" in said.splitlines() for _, said in ended.values()] == [True, True]
