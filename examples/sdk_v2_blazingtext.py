"""SageMaker SDK 2.x: BlazingText, word vectors and text classification: python sdk_v2_blazingtext.py.

Nothing here knows where the server is.
"""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path

import sagemaker
from sagemaker import image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import JSONSerializer

INSTANCE = "ml.c5.xlarge"
TOPICS = {
    "sea": ["ship", "wave", "sail", "harbour", "captain", "anchor", "storm", "sailor", "island", "tide"],
    "kitchen": ["pot", "spoon", "oven", "bread", "butter", "salt", "pepper", "dough", "kettle", "plate"],
}


def main() -> None:
    """Train and ask a classifier, by files and by an augmented manifest, then word vectors."""
    session = sagemaker.Session()
    bucket, dice = session.default_bucket(), random.Random(0)  # noqa: S311 - sentences, not secrets
    topics = [dice.choice(sorted(TOPICS)) for _ in range(400)]
    texts = [" ".join(dice.choices([*TOPICS[topic], "the", "of", "a"], k=10)) for topic in topics]
    pairs = list(zip(topics, texts, strict=True))

    def upload(name: str, lines: list[str]) -> str:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_text("".join(line + "\n" for line in lines))
            return str(session.upload_data(str(path), bucket=bucket, key_prefix=f"blazingtext/{path.stem}"))

    train = upload("train.txt", [f"__label__{topic} {text}" for topic, text in pairs[:300]])
    validation = upload("validation.txt", [f"__label__{topic} {text}" for topic, text in pairs[300:]])
    manifest = upload(
        "manifest.jsonl", [json.dumps({"source": text, "label": topic}) for topic, text in pairs]
    )
    corpus = upload("corpus.txt", texts)

    image = image_uris.retrieve("blazingtext", session.boto_region_name)
    texts_only = {"mode": "supervised", "epochs": 20, "learning_rate": 0.5, "vector_dim": 10, "min_count": 2}
    texts_only |= {"buckets": 10000, "early_stopping": True, "patience": 4, "min_epochs": 5, "word_ngrams": 2}
    classifier = _estimator(image, session, texts_only)
    classifier.fit(
        {
            "train": TrainingInput(train, content_type="text/plain"),
            "validation": TrainingInput(validation, content_type="text/plain"),
        }
    )
    told = session.describe_training_job(classifier.latest_training_job.name)
    print("metrics", json.dumps({one["MetricName"]: one["Value"] for one in told["FinalMetricDataList"]}))
    predictor = classifier.deploy(1, INSTANCE, serializer=JSONSerializer())
    asked = {"instances": ["the captain of a ship", "butter the bread"], "configuration": {"k": 2}}
    print("labels", json.dumps(json.loads(predictor.predict(asked))))
    predictor.delete_endpoint()

    streamed = _estimator(image, session, {**texts_only, "early_stopping": False})
    streamed.fit(
        {
            "train": TrainingInput(
                manifest,
                input_mode="Pipe",
                s3_data_type="AugmentedManifestFile",
                attribute_names=["source", "label"],
                record_wrapping="RecordIO",
                content_type="application/x-recordio",
            )
        }
    )
    print("streamed", streamed.model_data)

    words = _estimator(image, session, {"mode": "skipgram", "epochs": 5, "vector_dim": 10, "min_count": 2})
    words.fit({"train": TrainingInput(corpus, content_type="text/plain")})
    predictor = words.deploy(1, INSTANCE, serializer=JSONSerializer())
    print("vectors", json.dumps(json.loads(predictor.predict({"instances": ["ship", "unheard"]}))))
    predictor.delete_endpoint()


def _estimator(image: str, session: sagemaker.Session, hyperparameters: dict[str, object]) -> Estimator:
    role = sagemaker.get_execution_role()
    return Estimator(image, role, 1, INSTANCE, sagemaker_session=session, hyperparameters=hyperparameters)


if __name__ == "__main__":
    main()
