"""What is recognised of a program's end, and what is told to be done."""

from __future__ import annotations

from pathlib import Path

import pytest

from clary.runtime.cures import LONGEST, RECOGNISERS, cure_of

CASES = {
    "module": ("ModuleNotFoundError: No module named 'sklearn.svm'", "add scikit-learn"),
    "name": ("ImportError: cannot import name 'batched' from 'itertools' (unknown)", "version of Python"),
    "attribute": ("AttributeError: module 'pandas' has no attribute 'Panel'", "version of pandas"),
    "ssh": ("RuntimeError: SSH daemon not found.", "Torchrun()"),
    "python 2": ("SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?", "Python 3"),
    "not UTF-8": (
        "SyntaxError: (unicode error) 'utf-8' codec can't decode byte 0xe9",
        "Save the script as UTF-8",
    ),
    "indentation": ("IndentationError: unexpected indent", "spaces"),
    "syntax": ("SyntaxError: '(' was never closed", "Correct that line"),
    "recursion": ("RecursionError: maximum recursion depth exceeded", "loop"),
    "input()": ("EOFError: EOF when reading a line", "hyperparameter"),
    "requirements that exclude each other": ("ERROR: ResolutionImpossible: for help visit", "Loosen"),
    "requirement that cannot be had": ("ERROR: No matching distribution found for torchh==2", "torchh==2"),
    "unknown argument": ("t.py: error: unrecognized arguments: --lr 3", "add_argument('--lr')"),
    "missing argument": ("error: the following arguments are required: --lr, --n | x", "dashes: --lr, --n"),
    "argument's value": ("error: argument -l/--lr: invalid float value: 'x'", "hyperparameter lr,"),
    "channel": ("KeyError: 'SM_CHANNEL_TEST'", "no channel 'test'; its channels: train"),
    "file": ("FileNotFoundError: [Errno 2] No such file or directory: '/data/x.csv'", "channels: train"),
    "read-only": ("OSError: [Errno 30] Read-only file system: '/x'", "/opt/ml/model"),
    "permission": ("PermissionError: [Errno 13] Permission denied: '/x'", "/opt/ml/model"),
    "disk full": ("OSError: [Errno 28] No space left on device", "Write less"),
    "open files": ("OSError: [Errno 24] Too many open files: 'x'", "Close files"),
    "command": ('ErrorMessage "./t.sh: line 3: nvidia-smi: command not found"', "no nvidia-smi"),
    "interpreter": (
        "/usr/bin/env: \N{LEFT SINGLE QUOTATION MARK}julia'\N{RIGHT SINGLE QUOTATION MARK}: No such file",
        "no julia",
    ),
    "Windows line ends": ("./t.sh has Windows line ends (CR LF), which", "dos2unix"),
    "pickle": ("AttributeError: Can't pickle local object 'f.<locals>.g'", "state_dict"),
    "pickle's version": ("ValueError: unsupported pickle protocol: 5", "protocol=4"),
    "not a pickle": ("_pickle.UnpicklingError: invalid load key, 'v'.", "Git LFS"),
    "archive": ("zipfile.BadZipFile: File is not a zip file", "pack it again"),
    "JSON": ("json.decoder.JSONDecodeError: Expecting value: line 1", "not JSON"),
    "encoding": ("UnicodeDecodeError: 'utf-8' codec can't decode byte 0xe9", "encoding='latin-1'"),
    "empty table": ("pandas.errors.EmptyDataError: No columns to parse from file", "empty"),
    "ragged table": ("ParserError: C error: Expected 3 fields in line 7, saw 4", "Line 7 has 4 fields"),
    "Parquet": ("pyarrow.lib.ArrowInvalid: Parquet magic bytes not found", "write it again"),
    "GPU": ("AssertionError: Torch not compiled with CUDA enabled", "is_available"),
    "device of a checkpoint": (
        "RuntimeError: Attempting to deserialize object on a CUDA device",
        "map_location",
    ),
    "NaN loss": ("RuntimeError: Loss became NaN in epoch 3", "learning rate"),
    "NaN data": ("ValueError: Input X contains NaN.", "SimpleImputer"),
    "text for a number": ("ValueError: could not convert string to float: 'Oslo'\"", "the text 'Oslo' where"),
    "columns": ("ValueError: X has 3 features, but PCA is expecting 4 features as input", "the 4 columns"),
    "lengths": (
        "ValueError: Found input variables with inconsistent numbers of samples: [3, 4]",
        "as many rows",
    ),
    "shapes": ("RuntimeError: mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)", "both shapes"),
    "dtype": ("TypeError: unsupported operand type(s) for +: 'int' and 'str'", "type=int"),
    "out of a table": ("KeyError: 'age'", "columns"),
    "memory": ("numpy._core._exceptions._ArrayMemoryError: Unable to allocate 7 TiB", "larger InstanceType"),
    "port": ("OSError: [Errno 98] Address already in use", "another port"),
    "threads": ("RuntimeError: can't start new thread", "fewer workers"),
    "S3 refuses": ("botocore.exceptions.ClientError: An error occurred (AccessDenied)", "policy"),
    "not in S3": ("An error occurred (NoSuchKey) when calling", "bucket and key"),
    "network": ("urllib.error.URLError: <urlopen error [Errno -2] Name or service not known>", "isolation"),
    "nobody listens": ("ConnectionRefusedError: [Errno 111] Connection refused", "Nothing listens"),
    "killed": ("The program was killed by SIGKILL from outside", "create the job again"),
    "threads of gloo": (
        "exitcode  : -6 (pid: 4) traceback : Signal 6 (SIGABRT) received by PID 4",
        "os._exit(0)",
    ),
    "native crash": ("The program was ended by SIGSEGV (a crash in native code)", "PYTHONFAULTHANDLER"),
    "shared memory": ("The program was ended by SIGBUS", "num_workers=0"),
    "silent exit": ('ErrorMessage "none: it printed nothing"', "sys.exit('why')"),
    "assertion": ("AssertionError", "does not hold"),
}


@pytest.fixture
def ml(tmp_path: Path) -> Path:
    """A job with one channel that holds one file."""
    (tmp_path / "input/data/train").mkdir(parents=True)
    (tmp_path / "input/data/train/data.csv").touch()
    return tmp_path


def test_every_recogniser_has_a_case() -> None:
    assert [recogniser.name for recogniser in RECOGNISERS] == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_recognised_and_its_way_out_told(ml: Path, name: str) -> None:
    said, words = CASES[name]
    cure = cure_of(said, ml)
    assert words in cure
    assert len(cure) <= LONGEST
    assert cure.endswith((".", "-*-"))


def test_what_is_not_known_gets_no_advice(ml: Path) -> None:
    assert cure_of("ValueError: the moon is not in the right phase", ml) == ""


def test_a_missing_file_of_a_channel_brings_what_the_channel_holds(ml: Path) -> None:
    said = "FileNotFoundError: [Errno 2] No such file or directory: '/opt/ml/input/data/{}'"
    assert "The channel 'train' holds data.csv" in cure_of(said.format("train/x.csv"), ml)
    assert "no channel 'test'; its channels: train" in cure_of(said.format("test/x.csv"), ml)
    assert "no channel '..'" in cure_of(said.format("../../config/x"), ml)


def test_names_are_never_looked_up_through_a_link(ml: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("secret")
    (secret / "password").touch()
    (ml / "input/data/other").symlink_to(secret)
    said = "FileNotFoundError: [Errno 2] No such file or directory: '/opt/ml/input/data/other/x'"
    assert "holds none" in cure_of(said, ml)


def test_an_own_module_is_told_from_one_of_another_python(ml: Path) -> None:
    assert "source_dir" in cure_of("No module named 'my_features'", ml)
    assert "another version of Python" in cure_of("No module named 'distutils.core'", ml)
