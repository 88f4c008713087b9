"""SageMaker SDK 2.x: TensorFlow and Hugging Face estimators train, deploy, predict: python v2.py DATA.

https://sagemaker.readthedocs.io/en/stable/frameworks/tensorflow/using_tf.html
https://sagemaker.readthedocs.io/en/stable/frameworks/huggingface/sagemaker.huggingface.html
"""

from __future__ import annotations

import sys
from pathlib import Path

import sagemaker
from sagemaker.deserializers import JSONDeserializer
from sagemaker.huggingface import HuggingFace, HuggingFaceModel
from sagemaker.serializers import CSVSerializer
from sagemaker.tensorflow import TensorFlow, TensorFlowModel

CODE = Path(__file__).resolve().parent / "code"
INSTANCE = "ml.m5.large"


def main(data: Path) -> None:
    """Run the frameworks one after the other; DATA has digits.csv and two texts."""
    session = sagemaker.Session()
    role = sagemaker.get_execution_role()
    channel = session.upload_data(str(data), session.default_bucket(), "stories/frameworks")
    pixels = [float(field) for field in (data / "digits.csv").read_text().partition("\n")[0].split(",")[1:]]
    for version, python in (("2.13", "py310"), ("2.19", "py312")):
        estimator = TensorFlow(
            entry_point="train_tensorflow.py",
            source_dir=str(CODE),
            framework_version=version,
            py_version=python,
            role=role,
            instance_count=1,
            instance_type=INSTANCE,
            hyperparameters={"epochs": 3},
            sagemaker_session=session,
        )
        estimator.fit({"train": channel})
        predictor = estimator.deploy(initial_instance_count=1, instance_type=INSTANCE)
        (scores,) = predictor.predict({"instances": [[value / 16 for value in pixels]]})["predictions"]
        print(f"TensorFlow {version} predicts", scores.index(max(scores)))
        predictor.delete_model()
        predictor.delete_endpoint()
    model = TensorFlowModel(
        model_data=estimator.model_data,
        role=role,
        framework_version="2.19",
        entry_point=str(CODE / "inference.py"),
        sagemaker_session=session,
    )
    predictor = model.deploy(1, INSTANCE, serializer=CSVSerializer(), deserializer=JSONDeserializer())
    print("TensorFlowModel predicts", predictor.predict(pixels)["digit"])
    predictor.delete_model()
    predictor.delete_endpoint()
    hugging_face(session, role, channel)


def hugging_face(session: sagemaker.Session, role: str, channel: str) -> None:
    """Train on the instance type that the SDK has a URI for, and serve on a CPU."""
    estimator = HuggingFace(
        entry_point="train_huggingface.py",
        source_dir=str(CODE),
        transformers_version="4.49.0",
        pytorch_version="2.5.1",
        py_version="py311",
        role=role,
        instance_count=1,
        instance_type="ml.g4dn.xlarge",
        hyperparameters={"epochs": 8},
        sagemaker_session=session,
    )
    estimator.fit({"train": channel})
    model = HuggingFaceModel(
        model_data=estimator.model_data,
        role=role,
        transformers_version="4.49.0",
        pytorch_version="2.6.0",
        py_version="py312",
        sagemaker_session=session,
    )
    predictor = model.deploy(1, INSTANCE)
    (answer,) = predictor.predict({"inputs": "malignant and benign tumours of the breast"})
    print("HuggingFace predicts", answer["label"])
    predictor.delete_model()
    predictor.delete_endpoint()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
