"""SageMaker SDK 2.x: built-in algorithms by their own classes: python sdk_v2_algorithms.py [NAME …].

Nothing here knows where the server is.
"""

from __future__ import annotations

import sys

import numpy as np
import sagemaker
from sagemaker import KNN, LDA, PCA, FactorizationMachines, KMeans, LinearLearner, RandomCutForest

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
        "KNN": lambda: KNN(k=5, sample_size=400, predictor_type="classifier", **common),
        "FactorizationMachines": lambda: FactorizationMachines(
            num_factors=2, predictor_type="binary_classifier", epochs=20, **common
        ),
        "RandomCutForest": lambda: RandomCutForest(num_trees=50, num_samples_per_tree=64, **common),
        "LDA": lambda: LDA(num_topics=2, **common),
    }
    for name in names or list(made):
        estimator = made[name]()
        labelled = name in ("LinearLearner", "KNN", "FactorizationMachines")
        given = np.maximum(np.round(rows * [1, 1, -1, -1]), 0).astype("float32") if name == "LDA" else rows
        # RandomCutForest has a batch size of its own and takes no other.
        size = None if name == "RandomCutForest" else 100
        estimator.fit(estimator.record_set(given, labels if labelled else None), mini_batch_size=size)
        predictor = estimator.deploy(initial_instance_count=1, instance_type=INSTANCE)
        for record in predictor.predict(given[::200]):
            told = {key: list(value.float32_tensor.values) for key, value in sorted(record.label.items())}
            print(name, "predicts", told)
        predictor.delete_model()
        predictor.delete_endpoint()


if __name__ == "__main__":
    main(sys.argv[1:])
