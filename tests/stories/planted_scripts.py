"""Mistakes in training scripts: what a user would write, and words of cause and cure chosen beforehand.

The words are a reviewer's: what one would have to be told in order to mend it. They were written down before
anybody looked at what the job says.
"""

from __future__ import annotations

from tests.stories.planted import Fault, Job, command, faulty, wheel

ROWS = "label,age,income\n0,31,100\n1,,250\n0,27,90\n1,55,300\n"
TABLE = "import pandas as pd\nt = pd.read_csv('/opt/ml/input/data/train/data.csv')\n"
LATIN = "# caf\u00e9\nprint('caf\u00e9')\n".encode("latin-1")


START = {
    "module-alias": faulty(
        "imports a module whose package has another name",
        "import cv2",
        r"No module named 'cv2'",
        r"opencv-python.*requirements\.txt",
    ),
    "module-unknown": faulty(
        "imports a module that the image does not have",
        "import numpy\nimport torch_geometric.nn",
        r"No module named 'torch_geometric'",
        r"requirements\.txt",
    ),
    "module-own": faulty(
        "imports a file of its own that was not submitted",
        "from my_features import build",
        r"No module named 'my_features'",
        r"source_dir",
    ),
    "name-of-package": faulty(
        "imports a name that this version of a package does not have",
        "from sklearn.datasets import load_boston",
        r"load_boston",
        r"version|instead|load_diabetes|fetch_",
    ),
    "attribute": faulty(
        "uses what a newer version of a package took away",
        "import numpy as np\nnp.float(1)",
        r"no attribute 'float'",
        r"by itself|builtin|version",
    ),
    "newer-python": faulty(
        "needs a newer Python",
        "from itertools import batched\nprint(list(batched('abcd', 2)))",
        r"cannot import name 'batched'",
        r"version of Python|newer Python|another Python",
    ),
    "python-2": faulty(
        "was written for Python 2",
        "print 'training'",
        r"Missing parentheses in call to 'print'",
        r"Python 3|print\(",
        logged=r"SyntaxError",
    ),
    "syntax": faulty(
        "has a syntax error",
        "a = 1\ndef f(:\n    pass\n",
        r"SyntaxError[\s\S]*line 2|line 2[\s\S]*SyntaxError",
        r"[Cc]orrect",
        logged=r"SyntaxError",
    ),
    "indentation": faulty(
        "mixes tabs and spaces",
        "if True:\n        a = 1\n\tb = 2\n",
        r"TabError|IndentationError",
        r"spaces",
        logged=r"TabError",
    ),
    "latin-1": faulty(
        "is not in UTF-8", LATIN, r"UTF-8|utf-8", r"[Ss]ave .* as UTF-8|encoding", logged=r"SyntaxError"
    ),
    "entry-point": Fault(
        "names an entry point that was not submitted",
        Job(files={"fit.py": ""}),
        r"'train\.py' is not in the submitted source",
        r"fit\.py.*entry_point|entry_point.*fit\.py",
        logged=r"ERROR: ",
    ),
    "entry-outside": Fault(
        "names an entry point outside of its source",
        Job(files={"train.py": ""}, program="../train.py"),
        r"'\.\./train\.py'",
        r"path inside the source directory",
        logged=r"ERROR: ",
    ),
    "source-no-archive": Fault(
        "submits a source that is no archive",
        Job(files=b"import this"),
        r"not a tar archive",
        r"tar czf",
        logged=r"ERROR: ",
    ),
    "windows-ends": Fault(
        "is a shell script with Windows line ends",
        Job(files={"t.sh": "#!/bin/sh\r\necho\r\n"}, program="t.sh"),
        r"'#!/bin/sh\\r'",
        r"Unix line ends",
        logged=r"ERROR: ",
    ),
    "windows-body": Fault(
        "is a shell script with Windows line ends and no first line that names the shell",
        Job(files={"t.sh": "set -e\r\ncd /opt/ml\r\n"}, program="t.sh"),
        r"\\r|Windows|illegal option|Illegal option",
        r"Unix line ends|LF",
        logged=r"[Ii]llegal option|not found|invalid",
    ),
    "no-interpreter": Fault(
        "is a script for an interpreter that the image does not have",
        Job(files={"t.sh": "#!/usr/bin/env julia\nprint(1)\n"}, program="t.sh"),
        r"julia",
        r"the image has|This image has no|first line",
        logged=r"julia",
    ),
    "no-command": Fault(
        "is a shell script that calls a command the image does not have",
        Job(files={"t.sh": "#!/bin/sh\nset -e\nconda activate base\npython train.py\n"}, program="t.sh"),
        r"conda: not found",
        r"image has no conda",
        logged=r"conda: not found",
    ),
    "not-executable": Fault(
        "starts a file that is not executable",
        Job(data="#!/bin/sh\necho hello\n", members=command("/opt/ml/input/data/train/data.csv")),
        r"could not be executed|Permission denied",
        r"chmod \+x|name its interpreter",
        logged=r"Permission denied",
    ),
    "no-program": Fault(
        "starts a program that is not in the image",
        Job(members=command("/opt/program/train")),
        r"/opt/program/train: No such file",
        r"check the entry point",
        logged=r"/opt/program/train",
    ),
}

REQUIREMENTS = {
    "requirement-unknown": Fault(
        "requires a package that cannot be had",
        Job(files={"train.py": "", "requirements.txt": "--no-index\nno-such-package-of-clary==1\n"}),
        r"no-such-package-of-clary",
        r"[Cc]heck .*(name|version)|spelling",
        logged=r"no-such-package-of-clary",
    ),
    "requirement-conflict": Fault(
        "requires versions that exclude each other",
        Job(
            files={
                "train.py": "",
                "requirements.txt": "--no-index\n--find-links wheels\nplanted-app==1\nplanted-lib==2\n",
                "wheels/planted_app-1-py3-none-any.whl": wheel("planted_app", "1", "planted-lib<2"),
                "wheels/planted_lib-1-py3-none-any.whl": wheel("planted_lib", "1"),
                "wheels/planted_lib-2-py3-none-any.whl": wheel("planted_lib", "2"),
            }
        ),
        r"planted-lib.*planted-app|planted-app.*planted-lib|conflict",
        r"loosen|[Rr]elax|agree|leave .* out",
        logged=r"conflict",
    ),
    "requirement-malformed": Fault(
        "has a requirements.txt with a line that is none",
        Job(files={"train.py": "", "requirements.txt": "numpy=1.26\n"}),
        r"Invalid requirement.*numpy=1\.26",
        r"==",
        logged=r"Invalid requirement",
    ),
}

ARGUMENTS = {
    "argument-value": faulty(
        "is given a hyperparameter of the wrong type",
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float)\np.parse_args()",
        r"--lr: invalid float value: 'fast'",
        r"hyperparameter lr\b",
        parameters={"lr": "fast"},
        logged=r"invalid float value",
    ),
    "argument-unknown": faulty(
        "is given a hyperparameter that it does not take",
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float)\np.parse_args()",
        r"unrecognized arguments: --epochs",
        r"add_argument\('--epochs'\)",
        parameters={"epochs": "3"},
        logged=r"unrecognized arguments",
    ),
    "argument-missing": faulty(
        "is not given a hyperparameter that it needs",
        "import argparse\np = argparse.ArgumentParser()\n"
        "p.add_argument('--epochs', required=True)\np.parse_args()",
        r"required: --epochs",
        r"hyperparameters.*epochs",
        logged=r"required: --epochs",
    ),
    "argument-choice": faulty(
        "is given a hyperparameter that is none of the choices",
        "import argparse\np = argparse.ArgumentParser()\n"
        "p.add_argument('--optimizer', choices=['adam', 'sgd'])\np.parse_args()",
        r"invalid choice: 'lion'",
        r"'adam', 'sgd'|hyperparameter optimizer",
        parameters={"optimizer": "lion"},
        logged=r"invalid choice",
    ),
}

FILES = {
    "missing-file": faulty(
        "reads a file that its channel does not have",
        "open('/opt/ml/input/data/train/train.csv')",
        r"No such file or directory: '/opt/ml/input/data/train/train\.csv'",
        r"holds data\.csv",
        data=ROWS,
    ),
    "own-path": faulty(
        "reads a file from the user's own machine",
        "open('/home/me/project/train.csv')",
        r"No such file or directory: '/home/me/project/train\.csv'",
        r"channel|source_dir",
        data=ROWS,
    ),
    "wrong-channel": faulty(
        "reads a channel that the job does not have",
        "open('/opt/ml/input/data/training/data.csv')",
        r"No such file or directory: '/opt/ml/input/data/training/",
        r"no channel 'training'; its channels: train\b",
        data=ROWS,
    ),
    "channel-variable": faulty(
        "asks for the variable of a channel that the job does not have",
        "import os\nos.environ['SM_CHANNEL_TRAINING']",
        r"KeyError: 'SM_CHANNEL_TRAINING'",
        r"channels: train\b",
        data=ROWS,
    ),
    "read-only": faulty(
        "saves its model where nothing may be written",
        "open('/usr/model.bin', 'w')",
        r"Read-only file system: '/usr/model\.bin'|Permission denied: '/usr/model\.bin'",
        r"/opt/ml/model",
    ),
    "permission": faulty(
        "runs a file of its channel that is not executable",
        "import subprocess\nsubprocess.run(['/opt/ml/input/data/train/data.csv'])",
        r"Permission denied: '/opt/ml/input/data/train/data\.csv'",
        r"interpreter|chmod",
        data="#!/bin/sh\necho hello\n",
    ),
    "disk-full": faulty(
        "fills a disk",
        "with open('/dev/full', 'w') as f: f.write('x' * 99999)",
        r"No space left on device",
        r"[Ww]rite less|free space|larger",
    ),
    "open-files": faulty(
        "opens files and never closes them",
        "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))\n"
        "held = [open('/dev/null') for _ in range(999)]",
        r"Too many open files",
        r"[Cc]lose",
    ),
}

FORMATS = {
    "unpicklable": faulty(
        "pickles a model that holds a lambda",
        "import pickle\nclass Model: pass\nm = Model()\nm.f = lambda x: x\n"
        "pickle.dump(m, open('/opt/ml/model/m.pkl', 'wb'))",
        r"[Cc]an't (pickle|get local)|cannot pickle",
        r"lambda",
    ),
    "pickle-version": faulty(
        "loads a pickle of another Python",
        "import pickle\npickle.loads(b'\\x80\\x09N.')",
        r"unsupported pickle protocol: 9",
        r"newer Python|same Python|protocol=",
    ),
    "pickle-pointer": faulty(
        "loads a model that is a Git LFS pointer",
        "import pickle\npickle.loads(b'version https://git-lfs.github.com/spec/v1\\noid sha256:0\\n')",
        r"invalid load key, 'v'",
        r"LFS|upload .* again",
    ),
    "zip": faulty(
        "unpacks an archive that is none",
        "import zipfile\nzipfile.ZipFile('/opt/ml/input/data/train/data.csv')",
        r"File is not a zip file",
        r"pack it again|upload it again",
        data=ROWS,
    ),
    "json": faulty(
        "reads JSON from a file that has none",
        "import json\njson.load(open('/opt/ml/input/data/train/data.csv'))",
        r"Expecting value: line 1 column 1",
        r"not JSON",
        data=ROWS,
    ),
    "encoding": faulty(
        "reads a table that is not in UTF-8",
        TABLE,
        r"'utf-8' codec can't decode byte 0xe9",
        r"encoding=",
        data="name,label\ncaf\u00e9,1\n".encode("latin-1"),
    ),
    "ragged": faulty(
        "reads a table with a broken line",
        TABLE,
        r"Expected 3 fields in line 3, saw 4",
        r"Line 3",
        data="a,b,c\n1,2,3\n1,2,3,4\n",
    ),
    "empty-file": faulty(
        "reads a table from an empty file",
        TABLE,
        r"No columns to parse from file",
        r"empty",
        data="",
    ),
}

SCRIPTS = {**START, **REQUIREMENTS, **ARGUMENTS, **FILES, **FORMATS}
