"""Training scripts see what `sagemaker-training` shows them, and end as they mean to."""

from __future__ import annotations

import io
import json
import signal
import tarfile
import zipfile
from pathlib import Path

import pytest
from tests.images.container import START_SECONDS, Container, recorded

DUMP = """
import json, os, sys
json.dump({"environment": dict(os.environ), "argv": sys.argv, "path": sys.path[0], "cwd": os.getcwd()},
open(os.environ["DUMP"], "w"))
"""


def test_variables_and_arguments_are_those_of_sagemaker_training(container: Container) -> None:
    theirs = recorded("sagemaker_training.json")
    source = container.source("train.py", DUMP)
    for name, text in theirs["config"].items():
        path = container.ml / "input/config" / f"{name}.json"
        path.write_text(text.replace("{source}", str(source)))
    dump = container.base / "dump.json"
    code, said = container.run(DUMP=str(dump), TRAINING_JOB_NAME="job-7")
    assert code == 0, said
    ours = json.loads(dump.read_text())
    wanted = (
        json.dumps(theirs["environment"])
        .replace("{base}", str(container.ml))
        .replace("{source}", str(source))
    )
    for name, value in json.loads(wanted).items():
        if name not in ("SM_NUM_CPUS", "SM_TRAINING_ENV"):
            assert ours["environment"].get(name) == value, name
    assert ours["argv"] == theirs["argv"]
    assert ours["path"] == ours["cwd"] == str(container.ml / "code")
    environment, expected = (
        json.loads(ours["environment"]["SM_TRAINING_ENV"]),
        json.loads(json.loads(wanted)["SM_TRAINING_ENV"]),
    )
    assert {**environment, "num_cpus": 0} == {**expected, "num_cpus": 0}


def test_a_script_that_ends_well_leaves_the_success_marker(container: Container) -> None:
    container.script("print('trained')")
    code, said = container.run()
    assert (code, "trained" in said) == (0, True)
    assert (container.ml / "output/success").exists()
    assert not container.failure


def test_an_exception_is_the_failure_with_the_users_traceback_only(container: Container) -> None:
    container.script("def fit():\n    raise ValueError('no such column: age')\nfit()")
    code, said = container.run()
    assert code == 1
    assert container.failure.startswith(
        'ExecuteUserScriptError:\nExitCode 1\nErrorMessage "ValueError: no such column: age"'
    )
    for text in (container.failure, said):
        assert 'train.py", line 2, in fit' in text
        assert "toolkit" not in text


def test_a_syntax_error_names_its_line(container: Container) -> None:
    container.script("a = 1\nb = = 2\n")
    code, _ = container.run()
    assert code == 1
    assert "SyntaxError" in container.failure
    assert "line 2" in container.failure
    assert "toolkit" not in container.failure


def test_a_module_that_is_missing_is_named(container: Container) -> None:
    container.script("import no_such_module.part")
    assert container.run()[0] == 1
    assert "ErrorMessage \"ModuleNotFoundError: No module named 'no_such_module'\"" in container.failure


def test_text_that_is_no_text_still_gets_into_the_failure(container: Container) -> None:
    container.script("raise ValueError('half a pair \\udcff')")
    assert container.run()[0] == 1
    assert "ValueError: half a pair \\udcff" in container.failure


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("#!/bin/sh\r\necho hello\r\n", "Save it with Unix line ends"),
        ("#!/no/such/python\n", "Name one that the image has"),
        ("kill -9 $$\n", 'ErrorMessage "ended by SIGKILL"'),
        ("echo why >&2; exit 3\n", 'ExitCode 3\nErrorMessage ""'),
    ],
)
def test_a_command_that_fails_says_how(container: Container, script: str, reason: str) -> None:
    folder = container.source("train.sh", script)
    container.configure(
        {"sagemaker_program": '"train.sh"', "sagemaker_submit_directory": json.dumps(str(folder))}
    )
    assert container.run()[0] != 0
    assert reason in container.failure


@pytest.mark.parametrize("kept", [0, 20, 400])
def test_an_archive_that_is_cut_short_is_named(container: Container, kept: int) -> None:
    archive = container.base / "source.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for number in range(99):
            tar.addfile(tarfile.TarInfo(f"file-{number * 7919 % 1000}.py"))
    archive.write_bytes(archive.read_bytes()[:kept])
    container.configure(
        {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": json.dumps(str(archive))}
    )
    assert container.run()[0] == 1
    assert "is not a tar archive, or not a complete one" in container.failure


@pytest.mark.parametrize(
    ("leave", "code"),
    [("sys.exit(3)", 3), ("sys.exit('bad data')", 1), ("sys.exit()", 0), ("os._exit(9)", 9)],
)
def test_the_exit_code_is_the_scripts(container: Container, leave: str, code: int) -> None:
    container.script(f"import os, sys\n{leave}")
    assert container.run()[0] == code
    assert ("ExitCode" in container.failure) == (code not in (0, 9))


def test_sigterm_reaches_the_script(container: Container) -> None:
    container.script(
        "import signal, sys\n"
        "def stop(*_):\n    open('/dev/stdout', 'w').write('checkpoint saved\\n'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop)\nprint('started', flush=True)\nsignal.pause()"
    )
    process = container.start("toolkit.train")
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=START_SECONDS)
    assert (process.returncode, said) == (0, "checkpoint saved\n")


def test_a_shell_script_passes_sigterm_to_its_children_and_waits_for_them(container: Container) -> None:
    inner = (
        "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.2), "
        "print('saved', flush=True), sys.exit(5)))\n"
        "print('started', flush=True)\nsignal.pause()"
    )
    folder = container.source("inner.py", inner)
    container.source("run.sh", f'#!/bin/sh\n{container.python} inner.py "$@"\nexit $?\n')
    container.configure(
        {"sagemaker_program": '"run.sh"', "sagemaker_submit_directory": json.dumps(str(folder)), "epochs": 3}
    )
    process = container.start("toolkit.train")
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=START_SECONDS)
    assert "saved" in said
    assert process.returncode != 0


def test_a_package_runs_as_a_module(container: Container) -> None:
    package = container.ml / "code" / "mine"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "main.py").write_text("import sys; print('as', __name__, sys.argv[1:])")
    (container.ml / "code" / "run.py").write_text("from mine import main")
    container.configure({"sagemaker_program": '"run.py"', "lr": "0.5"})
    code, said = container.run()
    assert (code, said) == (0, "as mine.main ['--lr', '0.5']\n")


@pytest.mark.parametrize(
    ("mark", "program", "says"),
    [
        ("setup.py", "run.sh", "a command\n"),  # no installer has said anything before it
        ("pyproject.toml", "run.py", "as __main__\n"),
    ],
)
def test_what_is_no_package_is_run_as_it_is(container: Container, mark: str, program: str, says: str) -> None:
    container.source(mark, "raise SystemExit('installed')")
    container.source("run.py", "print('as', __name__)")
    folder = container.source("run.sh", "echo a command")
    container.configure(
        {"sagemaker_program": json.dumps(program), "sagemaker_submit_directory": json.dumps(str(folder))}
    )
    assert container.run() == (0, says)


def test_a_missing_entry_point_says_what_the_source_holds(container: Container) -> None:
    folder = container.source("fit.py", "")
    container.configure(
        {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": json.dumps(str(folder))}
    )
    assert container.run()[0] == 1
    assert container.failure.startswith(
        "The entry point 'train.py' is not in the submitted source, which holds: fit.py. Set entry_point"
    )


@pytest.mark.parametrize("name", ["../train.py", "/etc/passwd", "a b.py", "-c", "x/../../y.py", ""])
def test_an_entry_point_outside_the_source_is_refused(container: Container, name: str) -> None:
    container.configure({"sagemaker_program": json.dumps(name)})
    assert container.run()[0] == 1
    assert "entry point" in container.failure


def test_a_job_without_a_script_says_what_to_give(container: Container) -> None:
    container.configure({"epochs": 1})
    assert container.run()[0] == 1
    assert "Give the estimator an entry_point" in container.failure


def test_an_archive_is_unpacked_and_one_that_leaves_its_directory_is_refused(container: Container) -> None:
    for member, code in (("train.py", 0), ("../outside.py", 1)):
        archive = container.base / "sourcedir.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            info = tarfile.TarInfo(member)
            info.size = 13
            tar.addfile(info, io.BytesIO(b"print('hello')"[:13]))
        container.configure(
            {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": json.dumps(str(archive))}
        )
        if code:
            (container.ml / "code" / "train.py").unlink()
            assert container.run()[0] == 1
            assert "was not unpacked" in container.failure
            assert not (container.ml / "outside.py").exists()
        else:
            (container.base / "first").mkdir()
            with tarfile.open(archive, "w:gz") as tar:
                path = container.base / "first" / "train.py"
                path.write_text("print('hello')")
                tar.add(path, "train.py")
            assert container.run() == (0, "hello\n")


def test_requirements_are_installed_beside_the_image(container: Container) -> None:
    folder = container.source("train.py", "import tiny; print('tiny', tiny.ANSWER)")
    (folder / "requirements.txt").write_text(f"# ours\n{_wheel(folder)}\n")
    container.configure(
        {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": json.dumps(str(folder))}
    )
    code, said = container.run(PIP_NO_INDEX="1", UV_NO_INDEX="1", UV_OFFLINE="1", HOME=str(container.base))
    assert code == 0, said
    assert said.endswith("tiny 42\n")
    assert (container.ml / "site-packages" / "tiny.py").exists()


def test_requirements_that_cannot_be_installed_fail_the_job_with_the_installers_words(
    container: Container,
) -> None:
    folder = container.source("train.py", "print('never')")
    (folder / "requirements.txt").write_text("no-such-package==1.0\n")
    container.configure(
        {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": json.dumps(str(folder))}
    )
    code, said = container.run(PIP_NO_INDEX="1", UV_OFFLINE="1", HOME=str(container.base))
    assert code == 1
    assert "never" not in said
    assert "InstallRequirementsError" in container.failure
    assert "no-such-package" in container.failure


def _wheel(folder: Path) -> Path:
    path = folder / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny.py", "ANSWER = 42\n")
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr(
            "tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    return path


HARD = {
    "quoted": 'it\'s "both" $HOME `id` ; rm -rf *',
    "lines": "one\ntwo",
    "wide": "ü 雪 🙂",
    "spaced": "  a  b ",
    "list": ["a b", 1, None],
    "table": {"a": 1, "b": "c d"},
    "empty": "",
    "yes": True,
    "small": 1e-7,
}


@pytest.mark.parametrize("program", ["train.py", "train.sh"])
def test_hyperparameters_of_any_characters_reach_any_entry_point(container: Container, program: str) -> None:
    told = container.base / "told.json"
    dump = "import json, os, sys; json.dump([sys.argv[1:], dict(os.environ)], open(os.environ['TOLD'], 'w'))"
    folder = container.source("dump.py", dump)
    container.source("train.py", dump)
    container.source("train.sh", '#!/bin/sh\nexec python3 dump.py "$@"\n')
    container.configure(
        {
            "sagemaker_program": json.dumps(program),
            "sagemaker_submit_directory": json.dumps(str(folder)),
            **{name: json.dumps(value) for name, value in HARD.items()},
        }
    )
    code, said = container.run(TOLD=str(told))
    assert code == 0, said
    arguments, environment = json.loads(told.read_text())
    given = dict(zip(arguments[::2], arguments[1::2], strict=True))
    assert given["--quoted"] == HARD["quoted"] == environment["SM_HP_QUOTED"]
    assert [given[f"--{name}"] for name in ("lines", "wide", "spaced", "empty")] == [
        HARD[name] for name in ("lines", "wide", "spaced", "empty")
    ]
    assert given["--list"] == "['a b', 1, None]"  # as sagemaker-training words them
    assert given["--table"] == "a=1,b=c d"
    assert (given["--yes"], given["--small"]) == ("True", "1e-07")
    assert json.loads(environment["SM_HPS"]) == HARD
