"""SageMaker SDK 3.x: HyperparameterTuner over the built-in XGBoost and over a script: python … TRAIN.csv.

https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning.html
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.parameter import CategoricalParameter, ContinuousParameter, IntegerParameter
from sagemaker.core.shapes import (
    HyperbandStrategyConfig,
    HyperParameterTuningJobStrategyConfig,
    HyperParameterTuningJobWarmStartConfig,
    ParentHyperParameterTuningJob,
)
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode
from sagemaker.train.tuner import HyperparameterTuner

CODE = Path(__file__).resolve().parents[3] / "examples" / "code"
COMPUTE = Compute(instance_type="ml.m5.large", instance_count=1)
METRIC = "validation:logloss"


def main(train: Path) -> None:
    """Tune the built-in algorithm, from there once more, then a script of ours, by Hyperband; stop one."""
    session = Session()
    data = session.upload_data(str(train), session.default_bucket(), "stories/v3-tuner")
    inputs = [
        InputData(channel_name=name, data_source=data, content_type="text/csv")
        for name in ("train", "validation")
    ]
    tuner = xgboost(session, None)
    tuner.tune(inputs, job_name="v3-tuner", wait=True)
    frame = tuner.analytics().dataframe()
    print("SCORES", json.dumps(sorted(frame["FinalObjectiveValue"].tolist())))
    print("BEST", tuner.best_training_job())
    parents = [ParentHyperParameterTuningJob(hyper_parameter_tuning_job_name="v3-tuner")]
    child = xgboost(
        session,
        HyperParameterTuningJobWarmStartConfig(
            parent_hyper_parameter_tuning_jobs=parents, warm_start_type="IdenticalDataAndAlgorithm"
        ),
    )
    child.tune(inputs, job_name="v3-tuner-child", wait=True)
    print("OVERALL", child.describe().overall_best_training_job.training_job_name)
    script = scripted(session)
    script.tune([inputs[0]], job_name="v3-tuner-script", wait=True)
    print("SCRIPT", script.best_training_job())
    stopped = xgboost(session, None, jobs=30)
    stopped.tune(inputs, job_name="v3-tuner-stop", wait=False)
    stopped.stop_tuning_job()
    stopped.wait()
    print("STOPPED", stopped.describe().hyper_parameter_tuning_job_status)


def xgboost(
    session: Session, warm_start: HyperParameterTuningJobWarmStartConfig | None, jobs: int = 4
) -> HyperparameterTuner:
    """Return a tuner of the built-in algorithm."""
    trainer = ModelTrainer(
        training_image=image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"),
        compute=COMPUTE,
        hyperparameters={"objective": "binary:logistic", "num_round": 8},
        base_job_name="v3-tuner",
        sagemaker_session=session,
        role=get_execution_role(session),
    )
    return HyperparameterTuner(
        model_trainer=trainer,
        objective_metric_name=METRIC,
        hyperparameter_ranges={
            "eta": ContinuousParameter(0.05, 0.5, scaling_type="Logarithmic"),
            "max_depth": IntegerParameter(2, 8),
            "booster": CategoricalParameter(["gbtree", "dart"]),
        },
        objective_type="Minimize",
        max_jobs=jobs,
        max_parallel_jobs=2,
        warm_start_config=warm_start,
    )


def scripted(session: Session) -> HyperparameterTuner:
    """Return a tuner of a script on the PyTorch image."""
    image = image_uris.retrieve(
        "pytorch", session.boto_region_name, "2.5.1", py_version="py311", instance_type="ml.m5.large",
        image_scope="training",
    )  # fmt: skip
    trainer = ModelTrainer(
        training_image=image,
        source_code=SourceCode(source_dir=str(CODE), entry_script="train_pytorch.py"),
        compute=COMPUTE,
        base_job_name="v3-tuner-script",
        sagemaker_session=session,
        role=get_execution_role(session),
    )
    return HyperparameterTuner(
        model_trainer=trainer,
        objective_metric_name="loss",
        metric_definitions=[{"Name": "loss", "Regex": "loss=(.*?);"}],
        hyperparameter_ranges={"epochs": IntegerParameter(5, 20)},
        objective_type="Minimize",
        strategy="Hyperband",
        strategy_config=HyperParameterTuningJobStrategyConfig(
            hyperband_strategy_config=HyperbandStrategyConfig(min_resource=1, max_resource=20)
        ),
        max_jobs=3,
        max_parallel_jobs=1,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
