"""SageMaker SDK 2.x: built-in algorithms by their own classes: python sdk_v2_algorithms.py [NAME …].

Nothing here knows where the server is.
"""

from __future__ import annotations

import sys

import numpy as np
import sagemaker
from sagemaker import PCA, KMeans, LinearLearner

INSTANCE = "ml.m5.large"


def main(names: list[str]) -> None:
    """Train, deploy, predict and delete, one algorithm after the other."""
    dice = np.random.default_rng(0)
    rows = np.concatenate([dice.normal(-2, 1, (200, 4)), dice.normal(2, 1, (200, 4))]).astype("float32")
    labels = np.repeat([0, 1], 200).astype("float32")
    common = {
        "role": sagemaker.get_execution_role(),
        "instance_count": 1,
        "instance_type": INSTANCE,
        "sagemaker_session": sagemaker.Session(),
    }
    made = {
        "LinearLearner": lambda: LinearLearner(predictor_type="binary_classifier", epochs=5, **common),
        "KMeans": lambda: KMeans(k=2, **common),
        "PCA": lambda: PCA(num_components=2, **common),
    }
    for name in names or list(made):
        estimator = made[name]()
        labelled = name == "LinearLearner"
        estimator.fit(estimator.record_set(rows, labels if labelled else None), mini_batch_size=100)
        predictor = estimator.deploy(initial_instance_count=1, instance_type=INSTANCE)
        for record in predictor.predict(rows[::200]):
            told = {key: list(value.float32_tensor.values) for key, value in sorted(record.label.items())}
            print(name, "predicts", told)
        predictor.delete_model()
        predictor.delete_endpoint()


if __name__ == "__main__":
    main(sys.argv[1:])
