"""Mistakes that show while a program computes, asks the world for something, or ends: see planted_scripts."""

from __future__ import annotations

from tests.stories.planted import BUCKET, Fault, Job, faulty

TORCH = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.3.0-cpu-py311"
READ = "import pandas as pd\nt = pd.read_csv('/opt/ml/input/data/train/data.csv')\n"
ROWS = "label,age,income\n0,31,100\n1,,250\n0,27,90\n1,55,300\n"
POPULATE = (
    "import mmap; mmap.mmap(-1, 5 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)"
)
NUMBERS = {
    "no-gpu": faulty(
        "asks for a GPU on a machine that has none",
        "import torch\ntorch.zeros(1).to('cuda')",
        r"CUDA|NVIDIA",
        r"is_available|'cpu'|GPU",
        image=TORCH,
    ),
    "nan-loss": faulty(
        "stops at a loss that is NaN",
        "import math\nloss = float('inf') - float('inf')\n"
        "if math.isnan(loss): raise ValueError(f'loss is {loss} at step 12')",
        r"loss is nan at step 12",
        r"learning rate",
    ),
    "nan-data": faulty(
        "fits an estimator to missing values",
        READ + "from sklearn.linear_model import LogisticRegression\n"
        "LogisticRegression().fit(t[['age', 'income']], t['label'])",
        r"contains NaN",
        r"[Ii]mput|dropna|missing values",
        data=ROWS,
    ),
    "text-column": faulty(
        "fits an estimator to a column of text",
        READ + "t[['city', 'age']].astype(float)",
        r"could not convert string to float: 'Oslo'",
        r"encode",
        data="city,age\nOslo,3\nBonn,4\n",
    ),
    "column-count": faulty(
        "predicts on other columns than it trained on",
        "import numpy as np\nfrom sklearn.preprocessing import StandardScaler\n"
        "StandardScaler().fit(np.ones((3, 4))).transform(np.ones((3, 3)))",
        r"X has 3 features, but StandardScaler is expecting 4",
        r"4 columns",
    ),
    "row-count": faulty(
        "gives features and labels of different lengths",
        "import numpy as np\nfrom sklearn.linear_model import LinearRegression\n"
        "LinearRegression().fit(np.ones((3, 2)), np.ones(4))",
        r"inconsistent numbers of samples: \[3, 4\]",
        r"as many rows|same rows",
    ),
    "shapes": faulty(
        "multiplies matrices that do not fit",
        "import numpy as np\nnp.ones((3, 4)) @ np.ones((3, 4))",
        r"size 3 is different from 4|mismatch",
        r"shapes",
    ),
    "dtype": faulty(
        "computes with a hyperparameter that is still text",
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--epochs')\n"
        "for n in range(p.parse_args().epochs + 1): pass",
        r"can only concatenate str|unsupported operand",
        r"type=int|int\(",
        parameters={"epochs": "3"},
    ),
    "no-column": faulty(
        "asks for a column that the table does not have",
        READ + "t['target']",
        r"KeyError: 'target'",
        r"columns",
        data=ROWS,
    ),
    "assertion": faulty(
        "asserts something that does not hold",
        READ + "assert t['label'].nunique() > 2",
        r"assert t\['label'\]\.nunique\(\) > 2",
        r"does not hold",
        data=ROWS,
    ),
    "allocation": faulty(
        "asks for an array larger than the machine",
        "import numpy as np\nnp.ones((1_000_000, 1_000_000))",
        r"Unable to allocate 7\.28 TiB",
        r"larger|smaller|pieces",
    ),
    "recursion": faulty(
        "calls itself for ever",
        "def f(n): return f(n + 1)\nf(0)",
        r"maximum recursion depth exceeded",
        r"loop|end",
    ),
}

WORLD = {
    "port": faulty(
        "listens on a port that is taken",
        "import socket\na, b = socket.socket(), socket.socket()\na.bind(('127.0.0.1', 0))\na.listen()\n"
        "b.bind(a.getsockname())",
        r"Address already in use",
        r"another port",
    ),
    "nobody-listens": faulty(
        "connects to a service that does not run",
        "import socket\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\n"
        "socket.create_connection(s.getsockname(), 5)",
        r"Connection refused",
        r"[Nn]othing listens",
    ),
    "no-network": Fault(
        "downloads something in a job without a network",
        Job(
            others={
                "code/train.py": "import urllib.request\n"
                "urllib.request.urlopen('https://example.com/weights.bin', timeout=5)"
            },
            parameters={
                "sagemaker_program": "train.py",
                "sagemaker_submit_directory": "/opt/ml/input/data/code",
            },
            members={"EnableNetworkIsolation": True},
        ),
        r"name resolution|not known|unreachable",
        r"EnableNetworkIsolation",
    ),
    "s3-denied": faulty(
        "reads from S3 what its role may not",
        f"import boto3\nboto3.client('s3').get_object(Bucket='{BUCKET}', Key='secret/x')",
        r"AccessDenied.*s3:GetObject|not authorized to perform: s3:GetObject",
        r"policy",
        members={"RoleArn": "arn:aws:iam::000000000000:role/planted-narrow"},
    ),
    "s3-missing": faulty(
        "reads an object that is not in S3",
        f"import boto3\nboto3.client('s3').get_object(Bucket='{BUCKET}', Key='Data/none.csv')",
        r"NoSuchKey",
        r"[Cc]heck .*key",
    ),
    "s3-no-bucket": faulty(
        "reads from a bucket that is not there",
        "import boto3\nboto3.client('s3').list_objects_v2(Bucket='no-such-bucket-of-ours')",
        r"NoSuchBucket",
        r"[Cc]heck .*bucket",
    ),
    "threads": faulty(
        "starts more threads than it may",
        "import resource, threading, time\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))\nthreading.stack_size(512 << 20)\n"
        "for _ in range(9): threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
        r"can't start new thread",
        r"fewer",
    ),
    "keyboard": faulty(
        "asks for input",
        "rate = float(input('learning rate? '))",
        r"EOF when reading a line",
        r"hyperparameter",
    ),
}

ENDS = {
    "exit-code": faulty(
        "leaves with a code and says nothing",
        "import sys\nsys.exit(3)",
        r"ExitCode 3",
        r"sys\.exit\('",
        logged="",
    ),
    "exit-text": faulty(
        "leaves because a hyperparameter is missing, and says so",
        "import sys\nsys.exit('give me the hyperparameter data_version')",
        r"give me the hyperparameter data_version",
        r"give me the hyperparameter",
        logged=r"give me",
    ),
    "crash": faulty(
        "crashes in native code",
        "import ctypes\nctypes.string_at(0)",
        r"SIGSEGV",
        r"PYTHONFAULTHANDLER",
        logged="",
    ),
    "abort": faulty(
        "is aborted by a library",
        "import os, sys\nsys.stderr.write('terminate called after throwing an instance\\n')\nos.abort()",
        r"SIGABRT",
        r"PYTHONFAULTHANDLER",
        logged=r"terminate called",
    ),
    "mapped-file": faulty(
        "reads a mapped file that was shortened",
        "import mmap, os\nf = open('/tmp/m', 'w+b')\nf.write(b'x' * 8192)\nf.flush()\n"
        "m = mmap.mmap(f.fileno(), 8192)\nos.ftruncate(f.fileno(), 0)\nm[5000]",
        r"SIGBUS",
        r"num_workers=0|shorten",
        logged="",
    ),
    "killed": faulty(
        "is killed from outside",
        "import os\nprint('epoch 3', flush=True)\nos.kill(os.getpid(), 9)",
        r"killed by SIGKILL",
        r"fewer jobs|create the job again",
        logged=r"epoch 3",
    ),
    "out-of-memory": faulty(
        "takes more memory than its instance type has",
        POPULATE,
        r"OutOfMemoryError.*4\.0 GiB",
        r"Choose a larger",
        logged="",
    ),
    "over-time": Fault(
        "runs longer than it may",
        Job(
            files={"train.py": "import time\nprint('epoch 1', flush=True)\ntime.sleep(600)"},
            status="Stopped",
            members={"StoppingCondition": {"MaxRuntimeInSeconds": 1}},
        ),
        r"exceeded MaxRuntimeInSeconds",
        r"raise it",
        logged=r"epoch 1",
        blamed="",
    ),
}

PROGRAMS = {**NUMBERS, **WORLD, **ENDS}
