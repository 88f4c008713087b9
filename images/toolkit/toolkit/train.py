"""`python -m toolkit.train`: runs one host of a training job in the SageMaker container contract."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from toolkit import distributed, entry, failure, image, source
from toolkit.contract import layout
from toolkit.environment import Training

Builtin = Callable[[Training], None]


def main(builtin: Builtin | None = None, *, blames: str = "ClientError") -> int:
    """Train with the user's script, or with the image's own algorithm when the job names no script.

    What the algorithm cannot use is reported as `blames` says: evidence/training-failure-reason.md.
    """
    where = layout()
    blamed = ""
    image.tell()
    try:
        job = Training(where, os.environ)
        os.environ.update(job.variables())
        for folder in (where.model, where.output_data):
            folder.mkdir(parents=True, exist_ok=True)
        if job.program is not None or builtin is None:
            return _script(job)
        blamed = f"{blames}: "
        return _built_in(job, builtin)
    except failure.UserError as wrong:
        said = str(wrong)
        failure.fail(where, said if said.startswith("AlgorithmError: ") else f"{blamed}{said}")
        failure.report(f"ERROR: {wrong}")
        return 1


def _built_in(job: Training, builtin: Builtin) -> int:
    try:
        builtin(job)
    except failure.UserError:
        raise
    except Exception as wrong:  # the algorithm's own fault; the job still ends with a reason
        said = "".join(traceback.format_exception(wrong))
        failure.fail(job.where, f"AlgorithmError: {type(wrong).__name__}: {wrong}\n\n{said}")
        failure.report(said)
        return 1
    failure.succeed(job.where)
    return 0


def leave(code: int) -> NoReturn:
    """End the process as a script does: exit handlers run, output is flushed, the code is the script's."""
    sys.exit(code)


def _script(job: Training) -> int:
    where = job.where
    if job.program is None:
        raise failure.UserError(
            "No entry point: the hyperparameter 'sagemaker_program' is not set, and this image has no "
            "algorithm of "
            "its own. Give the estimator an entry_point."
        )
    distributed.check(job)
    source.place(job.module_dir, where.code)
    source.install(where, where.code, package=entry.is_package(job.program, where.code))
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(where.code), *filter(None, paths)])
    words = entry.command(job.program, where.code, job.arguments)
    program = job.program
    try:
        code = distributed.run(job, lambda: entry.run(program, where.code, job.arguments))
    except SystemExit as left:
        code = _exit_code(left)
        if code:
            failure.fail(where, failure.describe(words, code, left))
            raise
    except KeyboardInterrupt:
        raise
    except failure.UserError:
        raise
    except BaseException as wrong:  # whatever the user's script raised is reported as the script's own
        failure.fail(where, failure.describe(words, 1, wrong))
        failure.report(failure.trace(wrong))
        return 1
    if code:
        failure.fail(where, failure.describe(words, code, None))
    else:
        failure.succeed(where)
    return code


def _exit_code(left: SystemExit) -> int:
    if left.code is None:
        return 0
    return left.code if isinstance(left.code, int) else 1


if __name__ == "__main__":
    leave(main())
