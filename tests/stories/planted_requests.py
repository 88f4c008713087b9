"""Mistakes in what a job is given: data, hyperparameters, permissions; see planted_scripts."""

from __future__ import annotations

import gzip
import json
from typing import Any

from tests.stories.planted import BUCKET, IMAGE, Fault, Job, channel, command

REGISTRY = "382416733822.dkr.ecr.us-east-1.amazonaws.com"
LINEAR, KMEANS, LIGHTGBM = f"{REGISTRY}/linear-learner:1", f"{REGISTRY}/kmeans:1", f"{REGISTRY}/lightgbm:1"
ROWS = "1,2,3\n0,4,5\n1,2,2\n0,5,6\n"
GOOD = {"num_round": "2"}
BINARY = {"num_round": "2", "objective": "binary:logistic"}
LINE = {"predictor_type": "binary_classifier", "mini_batch_size": "2"}
ROLE = "arn:aws:iam::000000000000:role/planted-"
SAVE = {"train.py": "open('/opt/ml/model/m', 'w').write('x')"}


def _built_in(title: str, cause: str, cure: str, **job: Any) -> Fault:
    """Return what a built-in algorithm refuses; whose fault that is: evidence/training-failure-reason.md."""
    logged = r"ERROR: "
    blamed = "AlgorithmError: " if job.get("image", IMAGE) in (IMAGE, LIGHTGBM) else "ClientError: "
    return Fault(title, Job(**{"parameters": GOOD, **job}), cause, cure, logged, blamed)


def _manifest(text: str, **more: Any) -> dict[str, Any]:
    source = {"S3DataType": "ManifestFile", "S3Uri": f"s3://{BUCKET}/{text}"}
    return {"InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}], **more}


DATA = {
    "header": _built_in(
        "has a header row in its CSV",
        r"line 1: 'label' is not a number",
        r"no header",
        data="label,a,b\n" + ROWS,
    ),
    "text-cell": _built_in(
        "has text in a cell of its CSV",
        r"line 3: 'x' is not a number",
        r"numbers only",
        data="1,2\n0,1\n0,x\n",
    ),
    "ragged": _built_in(
        "has lines of different lengths in its CSV",
        r"line 2: 2 columns; the lines above have 3",
        r"same number|[Ff]ill|every line",
        data="1,2,3\n0,5\n",
    ),
    "label-range": _built_in(
        "has a label that its objective does not take",
        r"row 2 of the train channel has the label 2",
        r"in \[0,1\]",
        data="1,2,3\n2,4,5\n",
        parameters=BINARY,
    ),
    "class-range": _built_in(
        "has more classes than num_class says",
        r"row 3 of the train channel has the label 4",
        r"num_class",
        data="1,2,3\n0,4,5\n4,4,5\n",
        parameters={"num_round": "2", "objective": "multi:softmax", "num_class": "3"},
    ),
    "empty": _built_in(
        "has an empty file in its channel",
        r"No data in the training channel",
        r"[Uu]pload",
        data="",
    ),
    "gzip": _built_in(
        "has a compressed CSV",
        r"data\.csv .*gzip",
        r"[Uu]npack|[Uu]ncompress|decompress",
        data=gzip.compress(ROWS.encode()),
    ),
    "parquet": _built_in(
        "has a broken Parquet file",
        r"parquet.*(magic bytes|footer|not a parquet)",
        r"[Ww]rite .* again|upload .* again|ContentType",
        data=b"PAR1" + b"x" * 64,
        content_type="application/x-parquet",
    ),
    "recordio": _built_in(
        "has a broken recordio file",
        r"train channel as recordio-protobuf",
        r"ContentType text/csv|write .* again",
        data=b"\x0a\x23\xd7\xce" + b"\xff" * 30,
        content_type="application/x-recordio-protobuf",
        image=LINEAR,
        parameters=LINE,
    ),
    "csv-untyped": _built_in(
        "has CSV in a channel that says recordio",
        r"train channel as recordio-protobuf",
        r"ContentType text/csv",
        data=ROWS,
        content_type="application/x-recordio-protobuf",
        image=KMEANS,
        parameters={"k": "2", "feature_dim": "2"},
    ),
    "content-type": _built_in(
        "names a content type that the algorithm does not read",
        r"image/png is not an accepted ContentType",
        r"text/csv",
        data=ROWS,
        content_type="image/png",
    ),
    "other-type": _built_in(
        "has CSV in a channel that says libsvm",
        r"line 1: '1,2,3.*is not LIBSVM",
        r"<label> <index>:<value>",
        data=ROWS,
        content_type="text/libsvm",
    ),
    "no-channel": _built_in(
        "has no train channel", r"[Mm]issing required channel: train", r"input channel of that name"
    ),
    "other-channel": _built_in(
        "calls its channel by another name",
        r"'train' is a required channel",
        r"input channel of that name",
        others={"training": ROWS},
        image=LINEAR,
        parameters=LINE,
    ),
    "widths": _built_in(
        "has other columns in validation than in training",
        r"validation channel has 3 features, the training channel 2",
        r"must agree",
        data=ROWS,
        others={"validation": "1,2,3,4\n0,1,2,3\n"},
    ),
    "nan": _built_in(
        "has missing values for an algorithm that takes none",
        r"train channel have NaN",
        r"remove them",
        data="1,2,3\n0,,5\n",
        image=LINEAR,
        parameters=LINE,
    ),
    "feature-dim": _built_in(
        "has other columns than feature_dim says",
        r"train channel has 3 features.*feature_dim says 9",
        r"must agree",
        data=ROWS,
        image=KMEANS,
        parameters={"k": "2", "feature_dim": "9"},
    ),
    "few-rows": _built_in(
        "has fewer rows than clusters",
        r"has 4 rows; k=9",
        r"at least as many",
        data="1,2\n3,4\n5,6\n7,8\n",
        image=KMEANS,
        parameters={"k": "9", "feature_dim": "2"},
    ),
    "one-column": _built_in(
        "has nothing but labels",
        r"CSV files have 1 columns",
        r"features must follow",
        data="1\n0\n",
    ),
}

PARAMETERS = {
    "missing": _built_in(
        "lacks a hyperparameter that is required",
        r"Missing required hyperparameter: num_round",
        r"at least 1",
        data=ROWS,
        parameters={},
    ),
    "no-integer": _built_in(
        "has text for a whole number",
        r"num_round: 'ten' is not an integer",
        r"integer",
        data=ROWS,
        parameters={"num_round": "ten"},
    ),
    "out-of-range": _built_in(
        "has a hyperparameter out of its range",
        r"eta: 7 is not in the range",
        r"\[0, 1\]",
        data=ROWS,
        parameters={**GOOD, "eta": "7"},
    ),
    "unknown": _built_in(
        "has a hyperparameter that does not exist",
        r"Extraneous hyperparameter found: n_estimators",
        r"Known: .*num_round",
        data=ROWS,
        parameters={**GOOD, "n_estimators": "10"},
    ),
    "inconsistent": _built_in(
        "has hyperparameters that do not go together",
        r"objective multi:softmax requires",
        r"num_class, the number of classes",
        data=ROWS,
        parameters={**GOOD, "objective": "multi:softmax"},
    ),
    "gpu-method": _built_in(
        "asks a CPU image for a GPU method",
        r"gpu_hist.*needs a GPU",
        r"Use 'hist'",
        data=ROWS,
        parameters={**GOOD, "tree_method": "gpu_hist"},
    ),
    "linear-missing": _built_in(
        "lacks predictor_type",
        r"'predictor_type' is a required property",
        r"one of binary_classifier, multiclass_classifier, regressor",
        data=ROWS,
        image=LINEAR,
        parameters={},
    ),
    "linear-classes": _built_in(
        "has many classes and does not say how many",
        r"num_classes",
        r"require|must be",
        data=ROWS,
        image=LINEAR,
        parameters={"predictor_type": "multiclass_classifier"},
    ),
    "kmeans-choice": _built_in(
        "has a word that is none of the choices",
        r"'nearest' is not valid for the 'init_method'",
        r"one of random, kmeans\+\+",
        data=ROWS,
        image=KMEANS,
        parameters={"k": "2", "feature_dim": "2", "init_method": "nearest"},
    ),
    "kmeans-unknown": _built_in(
        "has another algorithm's hyperparameter",
        r"'num_round' unexpected",
        r"Known: .*feature_dim.*k",
        data=ROWS,
        image=KMEANS,
        parameters={"k": "2", "feature_dim": "2", "num_round": "3"},
    ),
}


def _access(title: str, cause: str, cure: str, job: Job, **more: str) -> Fault:
    return Fault(title, job, cause, cure, **{"logged": "", "blamed": "ClientError: ", **more})


ACCESS = {
    "manifest-object": _access(
        "names an object in its manifest that is not there",
        r"planted/gone\.csv",
        r"[Cc]heck|[Uu]pload|correct",
        Job(parameters=GOOD, members=_manifest("planted/gone.json")),
    ),
    "manifest-form": _access(
        "has a manifest that is not JSON",
        r"planted/broken\.json is not JSON",
        r"it must be a JSON array like",
        Job(parameters=GOOD, members=_manifest("planted/broken.json")),
    ),
    "manifest-denied": _access(
        "has a role that may not read what its manifest lists",
        r"role/planted-narrow is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::\S*secret",
        r"Add a policy to the role",
        Job(parameters=GOOD, members=_manifest("planted/denied.json", RoleArn=f"{ROLE}narrow")),
    ),
    "source-denied": _access(
        "has a role that may not read its source",
        r"Downloading s3://\S+secret/source.tar.gz failed with status 403: AccessDenied",
        r"the role may s3:GetObject",
        Job(
            parameters={
                "sagemaker_program": "train.py",
                "sagemaker_submit_directory": f"s3://{BUCKET}/secret/source.tar.gz",
            },
            members={"RoleArn": f"{ROLE}narrow"},
        ),
        blamed="AlgorithmError: ",
        logged="ERROR: ",
    ),
    "source-gone": _access(
        "names a source that is not there",
        r"NoSuchKey",
        r"Check that the object is there",
        Job(
            parameters={
                "sagemaker_program": "train.py",
                "sagemaker_submit_directory": f"s3://{BUCKET}/none/source.tar.gz",
            }
        ),
        blamed="AlgorithmError: ",
        logged="ERROR: ",
    ),
    "source-isolated": _access(
        "has no network to fetch its source with",
        r"credentials .* could not be fetched",
        r"EnableNetworkIsolation\? .* as an input channel",
        Job(files=SAVE, members={"EnableNetworkIsolation": True}),
        blamed="AlgorithmError: ",
        logged="ERROR: ",
    ),
    "output-denied": _access(
        "has a role that may not write its model",
        r"role/planted-narrow is not authorized to perform: s3:PutObject on resource: arn:aws:s3:::\S*/out/",
        r"Add a policy to the role",
        Job(files=SAVE, members={"RoleArn": f"{ROLE}narrow"}),
    ),
    "output-gone": _access(
        "writes to a bucket that is deleted meanwhile",
        r"planted-brief.*does not exist",
        r"[Cc]reate the bucket|[Cc]reate .* again|another bucket",
        Job(
            files={
                "train.py": "import boto3\nboto3.client('s3').delete_bucket(Bucket='planted-brief')\n"
                + SAVE["train.py"]
            },
            members={"OutputDataConfig": {"S3OutputPath": "s3://planted-brief/out"}},
        ),
    ),
    "checkpoints-denied": _access(
        "has a role that may not write its checkpoints",
        r"checkpoints could not be kept: .*not authorized to perform: s3:PutObject",
        r"Add a policy to the role",
        Job(
            files={"train.py": "open('/opt/ml/checkpoints/c', 'w').write('x')"},
            members={
                "RoleArn": f"{ROLE}narrow",
                "CheckpointConfig": {"S3Uri": f"s3://{BUCKET}/checkpoints"},
            },
        ),
    ),
    "key-clash": _access(
        "has an object and a folder of one name in its channel",
        r"has an object 'a' and others below that name",
        r"[Rr]ename|move",
        Job(
            parameters=GOOD,
            members={"InputDataConfig": [channel(f"s3://{BUCKET}/planted/clash")]},
        ),
    ),
    "gzip-stream": _access(
        "streams as compressed what is not",
        r"not whole gzip data",
        r"CompressionType to None",
        Job(
            members={
                **command("/bin/sh", "-c", "cat /opt/ml/input/data/train_0"),
                "InputDataConfig": [
                    {
                        **channel(f"s3://{BUCKET}/planted/plain"),
                        "InputMode": "Pipe",
                        "CompressionType": "Gzip",
                    }
                ],
            }
        ),
    ),
}

OBJECTS: dict[str, str | bytes] = {
    "planted/gone.json": json.dumps([{"prefix": f"s3://{BUCKET}/planted/"}, "gone.csv"]),
    "planted/broken.json": "s3://bucket/a.csv\n",
    "planted/denied.json": json.dumps([{"prefix": f"s3://{BUCKET}/secret/"}, "a.csv"]),
    "planted/clash/a": ROWS,
    "planted/clash/a/b": ROWS,
    "planted/plain/data.csv": ROWS,
    "secret/a.csv": ROWS,
    "secret/source.tar.gz": "",
}
"""What the jobs above find in S3."""

NARROW = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"},
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/secret/*"},
        {
            "Effect": "Allow",
            "Action": "s3:PutObject",  # only what CreateTrainingJob tries for
            "Resource": [f"arn:aws:s3:::{BUCKET}/{folder}/output" for folder in ("out", "checkpoints")],
        },
    ],
}
"""What the role planted-narrow may."""

REQUESTS = {
    **{f"data-{name}": fault for name, fault in DATA.items()},
    **{f"parameter-{name}": fault for name, fault in PARAMETERS.items()},
    **{f"access-{name}": fault for name, fault in ACCESS.items()},
}
