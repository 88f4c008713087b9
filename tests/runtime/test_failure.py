"""Failure texts: the cause first, the way out after it, and never too long."""

from __future__ import annotations

from pathlib import Path

from clary.runtime import failure


def explained(tmp_path: Path, log: str, *, code: int | None = 1, number: int | None = None) -> str:
    """Return the text for a program that printed `log`."""
    (tmp_path / "ml").mkdir(exist_ok=True)
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
    assert text.endswith("…, exit code: 9")


def test_a_program_that_printed_nothing_is_told_so(tmp_path: Path) -> None:
    assert "printed nothing" in explained(tmp_path, "")
