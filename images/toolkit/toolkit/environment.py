"""The SM_* variables that training scripts read, as the `sagemaker-training` package documents and sets
them. Where the two differ: evidence/sm-environment.md."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import cast

from toolkit.contract import Json, Layout

OWN = frozenset(
    [
        "sagemaker_program",
        "sagemaker_submit_directory",
        "sagemaker_enable_cloudwatch_metrics",
        "sagemaker_region",
        "sagemaker_container_log_level",
        "sagemaker_job_name",
        "default_user_module_name",
        "_tuning_objective_metric",
        "sagemaker_s3_output",
    ]
)
"""Hyperparameters that are instructions to the container, not to the script."""

DISTRIBUTED = frozenset(
    [
        "sagemaker_mpi_enabled",
        "sagemaker_parameter_server_enabled",
        "sagemaker_distributed_dataparallel_enabled",
        "sagemaker_pytorch_ddp_enabled",
        "sagemaker_pytorch_xla_multi_worker_enabled",
        "sagemaker_multi_worker_mirrored_strategy_enabled",
        "sagemaker_torch_distributed_enabled",
    ]
)


class Training:
    """What one host of a training job knows: its hyperparameters, channels, peers and entry point."""

    def __init__(self, where: Layout, ambient: Mapping[str, str]) -> None:
        self.where, self.ambient = where, ambient
        everything = where.hyperparameters()
        self.hyperparameters = {k: v for k, v in everything.items() if not _for_container(k)}
        self.container = {k: v for k, v in everything.items() if _for_container(k)}
        self.framework = {k: v for k, v in self.container.items() if k not in OWN}
        self.resources = where.resources()
        self.channels = where.channels()
        self.hosts = cast(list[str], self.resources["hosts"])
        self.host = str(self.resources["current_host"])
        self.groups = cast(list[dict[str, Json]], self.resources.get("instance_groups") or [])
        self.group = str(self.resources.get("current_group_name", "homogeneousCluster"))
        program = ambient.get("SAGEMAKER_PROGRAM") or self.container.get("sagemaker_program")
        self.program = None if program is None else str(program)
        submitted = ambient.get("SAGEMAKER_SUBMIT_DIRECTORY") or self.container.get(
            "sagemaker_submit_directory"
        )
        self.module_dir = str(submitted or where.code)

    @property
    def arguments(self) -> list[str]:
        """The hyperparameters as command line arguments, sorted by name: `--name value`, `-n value`."""
        items = sorted(self.hyperparameters.items())
        return [part for name, value in items for part in (_option(name), _argument(value))]

    def variables(self) -> dict[str, str]:
        """Return every SM_* variable, plus the few that the toolkit sets under other names."""
        known = self._known()
        values: dict[str, Json] = {
            "channels": cast(Json, sorted(self.channels)),
            "framework_params": self.framework,
            "hps": self.hyperparameters,
            "training_env": cast(Json, {k: v for k, v in known.items() if k != "hps"}),
            "user_args": cast(Json, self.arguments),
        }
        shown = known.keys() - _ONLY_IN_TRAINING_ENV
        values |= {name: known[name] for name in shown}
        values |= {f"channel_{name}": str(self.where.data / name) for name in self.channels}
        values |= {f"hp_{name}": value for name, value in self.hyperparameters.items()}
        named = {f"SM_{name.upper()}": _variable(value) for name, value in values.items()}
        job = str(self.container.get("sagemaker_job_name") or "")
        region = str(self.container.get("sagemaker_region") or self.ambient.get("AWS_REGION", ""))
        return named | {"CURRENT_HOST": self.host, "SAGEMAKER_JOB_NAME": job, "SAGEMAKER_REGION": region}

    def _known(self) -> dict[str, Json]:
        where, resources = self.where, self.resources
        spread = self._distribution_groups()
        leaders = [
            host for group in self.groups if group["instance_group_name"] in spread for host in _hosts(group)
        ]
        leaders = leaders if self.groups else list(self.hosts)
        master = (leaders or self.hosts)[0]
        parallel = self.ambient.get("SM_HP_MP_PARAMETERS")
        mine = [_hosts(group) for group in self.groups if group["instance_group_name"] == self.group]
        return {
            "additional_framework_parameters": self.framework,
            "channel_input_dirs": {name: str(where.data / name) for name in self.channels},
            "current_host": self.host,
            "current_instance_group": self.group,
            "current_instance_group_hosts": cast(Json, mine[0] if mine else []),
            "current_instance_type": resources.get("current_instance_type", "local"),
            "distribution_hosts": cast(Json, leaders),
            "distribution_instance_groups": cast(Json, spread),
            "framework_module": self.ambient.get("SAGEMAKER_TRAINING_MODULE"),
            "hosts": cast(Json, self.hosts),
            "hyperparameters": self.hyperparameters,
            "input_config_dir": str(where.config),
            "input_data_config": self.channels,
            "input_dir": str(where.input),
            "instance_groups": [group["instance_group_name"] for group in self.groups],
            "instance_groups_dict": {
                str(group["instance_group_name"]): cast(Json, group) for group in self.groups
            },
            "is_hetero": len(self.groups) > 1,
            "is_master": self.host == master,
            "is_modelparallel_enabled": bool(parallel and parallel != "{}") if parallel else None,
            "is_smddpmprun_installed": False,
            "is_smddprun_installed": False,
            "job_name": self.ambient.get("TRAINING_JOB_NAME"),
            "log_level": self.container.get("sagemaker_container_log_level", 20),
            "master_hostname": master,
            "model_dir": str(where.model),
            "module_dir": self.module_dir,
            "module_name": str(self.program).removesuffix(".py"),
            "network_interface_name": resources.get("network_interface_name", "eth0"),
            "num_cpus": cpus(),
            "num_gpus": gpus(),
            "num_neurons": 0,
            "output_data_dir": str(where.output_data),
            "output_dir": str(where.output),
            "output_intermediate_dir": str(where.intermediate),
            "resource_config": resources,
            "topology": resources.get("topology", []),
            "user_entry_point": self.program,
        }

    def _distribution_groups(self) -> list[str]:
        asked = self.framework.get("sagemaker_distribution_instance_groups")
        if isinstance(asked, list):
            return [str(name) for name in asked]
        return [self.group] if any(self.framework.get(name) for name in DISTRIBUTED) else []


_ONLY_IN_TRAINING_ENV = frozenset(
    [
        "additional_framework_parameters",
        "channel_input_dirs",
        "distribution_hosts",
        "hyperparameters",
        "is_master",
        "is_modelparallel_enabled",
        "is_smddpmprun_installed",
        "is_smddprun_installed",
        "job_name",
        "master_hostname",
        "topology",
    ]
)


def cpus() -> int:
    """Count the vCPUs of this container: its share where one was set, else the machine's."""
    try:
        return max(1, int(os.environ["SM_NUM_CPUS"]))
    except (KeyError, ValueError):
        return len(os.sched_getaffinity(0))


def gpus() -> int:
    """Count the GPUs that this container can see, without starting a program."""
    from pathlib import Path

    return sum(path.name[6:].isdigit() for path in Path("/dev").glob("nvidia*"))


def _for_container(name: str) -> bool:
    return name in OWN or name.startswith("sagemaker_")


def _hosts(group: dict[str, Json]) -> list[str]:
    return cast(list[str], group["hosts"])


def _option(name: str) -> str:
    return f"--{name}" if len(name) > 1 else f"-{name}"


def _argument(value: Json) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}={inner}" for name, inner in sorted(value.items()))
    return "" if value is None else str(value)


def _variable(value: Json) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))
