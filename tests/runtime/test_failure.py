"""Failure texts: the cause first, the way out after it, and never too long."""

from __future__ import annotations

import re
from pathlib import Path

from clary.runtime import failure
from toolkit import image


def explained(
    tmp_path: Path, log: str, *, code: int | None = 1, number: int | None = None, own: str = ""
) -> str:
    """Return the text for a program that printed `log` and left `own` in its failure file."""
    (tmp_path / "ml" / "output").mkdir(parents=True, exist_ok=True)
    (tmp_path / "ml" / "output" / "failure").write_text(own)
    (tmp_path / "log").write_text(log)
    return failure.explain(
        ml=tmp_path / "ml",
        log=tmp_path / "log",
        code=code,
        number=number,
        out_of_memory=False,
        memory=1 << 30,
        serves=False,
    )


def test_the_last_error_of_a_chain_is_told(tmp_path: Path) -> None:
    log = (
        "Traceback (most recent call last):\n"
        '  File "a.py", line 1, in <module>\n    f()\nKeyError: 1\n\n'
        "During handling of the above exception, another exception occurred:\n\n"
        "Traceback (most recent call last):\n"
        '  File "b.py", line 2, in g\n    h()\n    ~~^^\n'
        "ValueError: column 'label' is missing\nINFO shutting down\n"
    )
    text = explained(tmp_path, log)
    assert text.startswith("AlgorithmError: ValueError: column 'label' is missing\n")
    assert 'File "b.py", line 2, in g' in text
    assert "KeyError" not in text
    assert "^^" not in text
    assert text.endswith(", exit code: 1")


def test_colours_and_noise_are_left_out(tmp_path: Path) -> None:
    assert "Last lines: red | blue" in explained(tmp_path, "\x1b[31mred\x1b[0m\n\n\nblue\n")


def test_a_long_text_is_cut_and_keeps_its_ending(tmp_path: Path) -> None:
    text = explained(tmp_path, "x" * 100_000 + "\n", code=9)
    assert len(text) <= 1024
    assert text.endswith("x, exit code: 9")


def test_a_long_failure_keeps_its_beginning_and_its_last_frames(tmp_path: Path) -> None:
    frames = "".join(f'  File "lib.py", line {n}, in f{n}\n' for n in range(500))
    own = f"ErrorMessage \"KeyError: 'age'\"\n\nTraceback (most recent call last):\n{frames}KeyError: 'age'"
    text = explained(tmp_path, "", own=own)
    assert len(text) <= 1024
    assert text.startswith("AlgorithmError: ErrorMessage \"KeyError: 'age'\"")
    assert "line 499, in f499\nKeyError: 'age'\nWhat to do: " in text
    assert text.endswith(", exit code: 1")


def test_a_failure_file_without_words_gets_what_was_printed_last(tmp_path: Path) -> None:
    own = 'ExecuteUserScriptError:\nExitCode 2\nErrorMessage ""\nCommand "python train.py --lr fast"'
    printed = "usage: train.py [-h]\ntrain.py: error: argument --lr: invalid float value: 'fast'\n"
    assert (
        "ErrorMessage \"usage: train.py [-h] | train.py: error: argument --lr: invalid float value: 'fast'\""
    ) in explained(tmp_path, printed, own=own)
    assert 'ErrorMessage "none: it printed nothing"' in explained(tmp_path, "", own=own)
    label = image.note({"TOOLKIT_IMAGE_TAG": "0.1-1", "TOOLKIT_IMAGE_PACKAGES": "pytest"})
    assert "this environment runs pytest" in label
    assert 'ErrorMessage "none: it printed nothing"' in explained(tmp_path, f"{label}\n", own=own)
    raised = 'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\nValueError: 42\n'
    assert 'ErrorMessage "ValueError: 42\nFile "a.py", line 1' in explained(tmp_path, raised, own=own)


def test_sdk_3s_job_script_says_what_its_log_says(tmp_path: Path) -> None:
    own = "Training Execution failed. For more details, see CloudWatch logs at 'x'.\nTrainingJob - y"
    log = (
        "Traceback (most recent call last):\n"
        '  File "mpi_driver.py", line 3, in <module>\n    start_sshd_daemon()\n'
        "RuntimeError: SSH daemon not found.\n++ echo 'An error occurred'\nAn error occurred\n"
    )
    assert explained(tmp_path, log, own=own).splitlines()[1:4] == [
        "TrainingJob - y",
        "RuntimeError: SSH daemon not found.",
        'File "mpi_driver.py", line 3, in <module>',
    ]
    assert "What to do: The MPI driver of SDK 3 needs ssh" in explained(tmp_path, log, own=own)


def test_a_failure_text_holds_no_control_characters_and_no_endless_line(tmp_path: Path) -> None:
    text = explained(tmp_path, "", own="ValueError: \0\x1b[31mred\x07 " + "B" * 5000 + "\nlast words.")
    assert text.startswith("AlgorithmError: ValueError: ?red? BBB")
    assert text.endswith("BBB\nlast words, exit code: 1")
    assert len(text) < 400


def test_a_sentence_that_fits_is_not_cut(tmp_path: Path) -> None:
    own = "The source was not a tar archive. " * 20
    assert explained(tmp_path, "", own=own) == f"AlgorithmError: {own.rstrip(' .')}, exit code: 1"


def test_a_program_that_printed_nothing_is_told_so(tmp_path: Path) -> None:
    assert "printed nothing" in explained(tmp_path, "")


def test_a_server_that_says_why_it_cannot_serve_is_believed(tmp_path: Path) -> None:
    (tmp_path / "ml" / "output").mkdir(parents=True)
    (tmp_path / "ml" / "output" / "failure").write_text("The model could not be loaded.\nValueError: too old")
    (tmp_path / "log").write_text('Traceback (most recent call last):\n  File "ours.py"\nOther: noise\n')
    text = failure.not_ready(ml=tmp_path / "ml", log=tmp_path / "log", seconds=0, ended="exited with code 1")
    assert text.endswith("with 200: The model could not be loaded.\nValueError: too old")


def test_what_is_to_be_done_stands_at_the_end(tmp_path: Path) -> None:
    own = "ExecuteUserScriptError:\nErrorMessage \"ModuleNotFoundError: No module named 'cv2'\""
    text = explained(tmp_path, "", own=own)
    assert re.search(r"\nWhat to do: cv2 .* opencv-python-headless.* entry point, exit code: 1$", text)


def test_a_sentence_of_the_toolkit_gets_no_second_advice(tmp_path: Path) -> None:
    own = "The credentials could not be fetched: [Errno 111] Connection refused. Give the job its source"
    assert explained(tmp_path, "", own=own) == f"AlgorithmError: {own}, exit code: 1"
    assert "What to do" not in explained(tmp_path, "cannot run t: Permission denied\n", code=126)


def test_a_failure_file_may_say_itself_whose_fault_it_was(tmp_path: Path) -> None:
    assert (
        explained(tmp_path, "", own="ClientError: k is missing.") == "ClientError: k is missing, exit code: 1"
    )
    assert explained(tmp_path, "", own="AlgorithmError: no").startswith("AlgorithmError: no,")


def test_of_a_long_traceback_the_frames_of_libraries_go_first(tmp_path: Path) -> None:
    library = '  File "/cache/lib/python3.11/site-packages/b.py", line 5, in call\n    call(x)\n    ^^^^^\n'
    mine = '  File "/opt/ml/code/train.py", line 2, in <module>\n    fetch()\n    ~~~~~^^\n'
    own = f'ErrorMessage "Refused: no"\n\nTraceback (most recent call last):\n{mine}{library * 20}Refused: no'
    text = explained(tmp_path, "", own=own)
    assert text == (
        'AlgorithmError: ErrorMessage "Refused: no"\n\nTraceback (most recent call last):\n'
        '  File "/opt/ml/code/train.py", line 2, in <module>\n    fetch()\nRefused: no, exit code: 1'
    )
