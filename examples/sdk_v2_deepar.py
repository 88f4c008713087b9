"""SageMaker SDK 2.x: DeepAR forecasts from an endpoint: python sdk_v2_deepar.py.

Nothing here knows where the server is.
"""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path

import sagemaker
from sagemaker import image_uris
from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.serializers import JSONSerializer

INSTANCE, AHEAD = "ml.c5.xlarge", 7


def main() -> None:
    """Train on all but the last week, forecast the last week."""
    session = sagemaker.Session()
    bucket = session.default_bucket()
    series = [
        {
            "start": "2024-01-01 00:00:00",
            "target": [(size + 1) * (10 + 3 * math.sin(day * 2 * math.pi / 7)) for day in range(84)],
            "cat": [size % 2],
        }
        for size in range(10)
    ]
    shorter = [{**one, "target": one["target"][:-AHEAD]} for one in series]

    def upload(name: str, rows: list[dict[str, object]]) -> str:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.json"
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
            return str(session.upload_data(str(path), bucket=bucket, key_prefix=f"deepar/{name}"))

    estimator = Estimator(
        image_uris.retrieve("forecasting-deepar", session.boto_region_name),
        "arn:aws:iam::000000000000:role/SageMakerExecutionRole",
        1,
        INSTANCE,
        sagemaker_session=session,
        hyperparameters={
            "time_freq": "D",
            "epochs": 20,
            "context_length": 14,
            "prediction_length": AHEAD,
            "mini_batch_size": 32,
            "learning_rate": 0.01,
        },
    )
    estimator.fit({"train": upload("train", shorter), "test": upload("test", series)})
    told = session.describe_training_job(estimator.latest_training_job.name)
    print("metrics", json.dumps({one["MetricName"]: one["Value"] for one in told["FinalMetricDataList"]}))
    predictor = estimator.deploy(1, INSTANCE, serializer=JSONSerializer(), deserializer=JSONDeserializer())
    configuration = {"num_samples": 50, "output_types": ["mean", "quantiles"], "quantiles": ["0.1", "0.9"]}
    answer = predictor.predict({"instances": shorter[:2], "configuration": configuration})
    print("forecasts", json.dumps(answer["predictions"]))
    print("actual", json.dumps([one["target"][-AHEAD:] for one in series[:2]]))
    predictor.delete_endpoint()


if __name__ == "__main__":
    main()
