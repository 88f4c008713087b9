"""SageMaker SDK 2.x: every way to name training data, and every mode to have it in.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-access-training-data.html
https://docs.aws.amazon.com/sagemaker/latest/dg/augmented-manifest.html
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import sagemaker
from sagemaker.inputs import ShuffleConfig, TrainingInput
from sagemaker.s3 import S3Uploader
from sagemaker.sklearn import SKLearn

CODE = Path(__file__).resolve().parent / "code"


def main() -> None:
    """Train once with a channel of each kind."""
    session = sagemaker.Session()
    base = f"s3://{session.default_bucket()}/stories/inputs"

    def put(key: str, body: str) -> str:
        S3Uploader.upload_string_as_file_body(body, f"{base}/{key}", sagemaker_session=session)
        return f"{base}/{key}"

    for name in ("a", "b", "c"):
        put(f"rows/{name}.csv", f"{name}\n")
    manifest = put("lists/some.manifest", json.dumps([{"prefix": f"{base}/rows/"}, "a.csv", "c.csv"]))
    lines = [{"source-ref": f"{base}/rows/{name}.csv", "label": place} for place, name in enumerate("ab")]
    augmented = put("lists/labelled.manifest", "\n".join(map(json.dumps, lines)))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "local.csv").write_text("from this machine\n")
        uploaded = session.upload_data(folder, session.default_bucket(), "stories/inputs/local")
    estimator = SKLearn(
        entry_point="channels.py",
        source_dir=str(CODE),
        framework_version="1.2-1",
        role=sagemaker.get_execution_role(),
        instance_type="ml.m5.large",
        sagemaker_session=session,
    )
    estimator.fit(
        {
            "plain": f"{base}/rows/",
            "local": uploaded,
            "fast": TrainingInput(f"{base}/rows/", input_mode="FastFile"),
            "sharded": TrainingInput(f"{base}/rows/", distribution="ShardedByS3Key"),
            "listed": TrainingInput(manifest, s3_data_type="ManifestFile"),
            "piped": TrainingInput(f"{base}/rows/", input_mode="Pipe"),
            "shuffled": TrainingInput(
                f"{base}/rows/", shuffle_config=ShuffleConfig(seed=5), input_mode="Pipe"
            ),
            "labelled": TrainingInput(
                augmented,
                s3_data_type="AugmentedManifestFile",
                attribute_names=["source-ref", "label"],
                input_mode="Pipe",
            ),
        }
    )


if __name__ == "__main__":
    main()
