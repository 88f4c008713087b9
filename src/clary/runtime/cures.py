"""Knows the mistakes that programs usually die of by what they say at their end, and the way out of each.

The first recogniser that finds its words is believed, so the particular stand before the general.
"""

from __future__ import annotations

import re
from pathlib import Path

from clary.runtime.mistakes import Recogniser, missing_file, missing_module, missing_name, unset_channel

LONGEST = 320  # characters of one cure


def cure_of(said: str, ml: Path) -> str:
    """Return the way out of what a program said at its end, or nothing where none is known."""
    for recogniser in RECOGNISERS:
        if found := re.search(recogniser.says, said):
            told = recogniser.cure
            text = found.expand(told) if isinstance(told, str) else told(found, ml)
            return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return ""


# What is written wrong
_SCRIPT = (
    Recogniser("module", r"No module named '([\w.]+)'", missing_module),
    Recogniser("name", r"cannot import name '(?P<name>\w+)' from '(?P<module>[\w.]+)'", missing_name),
    Recogniser("attribute", r"module '(?P<module>[\w.]+)' has no attribute '(?P<name>\w+)'", missing_name),
    Recogniser(
        "ssh",
        r"SSH daemon not found|Timed out waiting for .* to be reachable",
        "The MPI driver of SDK 3 needs ssh. On one host install openssh-server where jobs run. Several hosts "
        "have no ssh between them: use distributed=Torchrun(), or SDK 2.x with distribution={'mpi': …}.",
    ),
    Recogniser(
        "python 2",
        r"Missing parentheses in call to 'print'",
        "The script is written for Python 2 and the images have Python 3: write print(…).",
    ),
    Recogniser(
        "not UTF-8",
        r"SyntaxError: .*(Non-UTF-8 code|\(unicode error\)|codec can't decode)",
        "Save the script as UTF-8, or name its encoding in its first line: # -*- coding: latin-1 -*-",
    ),
    Recogniser(
        "indentation",
        r"(IndentationError|TabError): ",
        "Indent that block with the same number of spaces on every line, and without tabs.",
    ),
    Recogniser(
        "syntax",
        r"SyntaxError: ",
        "Correct that line; if it is fine elsewhere, it is of a newer Python than this image's. "
        "`python -m py_compile FILE` finds such things before a job does.",
    ),
    Recogniser(
        "recursion",
        r"RecursionError: ",
        "A function calls itself without an end: give it one, or write it as a loop.",
    ),
    Recogniser(
        "input()",
        r"EOFError: EOF when reading a line",
        "A job has nobody at a keyboard: take what input() asks for as a hyperparameter.",
    ),
)

# What installers and command line parsers refuse
_REFUSED = (
    Recogniser(
        "requirements that exclude each other",
        r"ResolutionImpossible|conflicting dependencies",
        "Loosen the versions in requirements.txt until they agree, or leave out what the image has already.",
    ),
    Recogniser(
        "requirement that cannot be had",
        r"No matching distribution found for ([^\s,]+)",
        r"Check the spelling and the version of \1, and that the job's network reaches the package index; or "
        "put its wheel into source_dir, and --find-links with its folder into requirements.txt.",
    ),
    Recogniser(
        "unknown argument",
        r"unrecognized arguments: (--?[\w-]+)",
        r"Every hyperparameter reaches the script as an argument: add parser.add_argument('\1'), or take it "
        "out of the hyperparameters.",
    ),
    Recogniser(
        "missing argument",
        r"the following arguments are required: ([^|\"]+)",
        r"Add to the job's hyperparameters, without the dashes: \1.",
    ),
    Recogniser(
        "argument's value",
        r"argument (?:-\w/)?--([\w-]+): (?:invalid|expected)",
        r"Correct the hyperparameter \1, or the type that add_argument declares for it.",
    ),
)

# What is not where the script looks for it
_FILES = (
    Recogniser("channel", r"KeyError: '(?:SM_CHANNEL_)(\w+)'", unset_channel),
    Recogniser("file", r"(?:FileNotFoundError: .*|No such file or directory): '([^']+)'", missing_file),
    Recogniser(
        "read-only",
        r"Read-only file system(?:: '([^']+)')?",
        "Write below /opt/ml/model (the model), /opt/ml/output/data, /opt/ml/checkpoints or /tmp; all else "
        "is read-only.",
    ),
    Recogniser(
        "permission",
        r"(?:PermissionError: .*Permission denied|Permission denied)",
        "The program is not root in its container: write below /opt/ml/model, /opt/ml/output/data or /tmp, "
        "and start a file that is not executable by its interpreter (sh FILE, python FILE).",
    ),
    Recogniser(
        "disk full",
        r"No space left on device",
        "Write less, delete what is no longer needed, or free space under CLARY_HOME (`clary doctor` shows "
        "how much there is).",
    ),
    Recogniser(
        "open files",
        r"Too many open files",
        "Close files when they are read (with open(…) as file), use fewer workers, or "
        "torch.multiprocessing.set_sharing_strategy('file_system').",
    ),
    Recogniser(
        "command",
        r"(?:^|[ \"])(?:[\w./-]+: )?(?:line )?\d+: ([\w./+-]+): (?:command )?not found",
        r"This image has no \1: do without it, or install what brings it through requirements.txt.",
    ),
    Recogniser(
        "interpreter",
        r"env: \W{0,3}([\w.+-]+?)(?:\\r)?\W{0,3}: No such file",
        r"This image has no \1: name one that it has in the first line, such as #!/bin/sh or "
        "#!/usr/bin/env python3, with Unix line ends (LF).",
    ),
    Recogniser(
        "Windows line ends",
        r"has Windows line ends",
        "Save the script with Unix line ends (LF): dos2unix FILE, or `* text eol=lf` in .gitattributes.",
    ),
)

# What cannot be read or saved
_FORMATS = (
    Recogniser(
        "pickle",
        r"(?:Can't pickle|[Cc]annot pickle|Can't get (?:local )?(?:object|attribute))",
        "Only what a module defines at its top level with def or class can be pickled: no lambda, inner "
        "function, open file or lock. Save the model's state (state_dict, save_model) instead.",
    ),
    Recogniser(
        "pickle's version",
        r"unsupported pickle protocol: (\d+)",
        r"The file was written by a newer Python: save it with protocol=4, or with this image's Python.",
    ),
    Recogniser(
        "not a pickle",
        r"UnpicklingError: (?:invalid load key, |pickle data was truncated)",
        "The file is no complete pickle: often a Git LFS pointer, a text file or an upload that broke off. "
        "Upload the real file again.",
    ),
    Recogniser(
        "archive",
        r"(BadZipFile|ReadError|BadGzipFile|EOFError: Compressed file ended|InvalidHeaderError)",
        "The archive is not complete or is of another format than its name says: pack it again and upload it "
        "again.",
    ),
    Recogniser(
        "JSON",
        r"JSONDecodeError: ",
        "The text is empty or not JSON: print its beginning, and check which file or answer it is.",
    ),
    Recogniser(
        "encoding",
        r"UnicodeDecodeError: '([\w-]+)' codec can't decode",
        r"The file is not \1: name its encoding, as in open(…, encoding='latin-1') or "
        "pandas.read_csv(…, encoding='latin-1'); compressed files are to be unpacked first.",
    ),
    Recogniser(
        "empty table",
        r"EmptyDataError: ",
        "The file is empty: upload it again, and check which file the script reads.",
    ),
    Recogniser(
        "ragged table",
        r"ParserError: .*Expected (\d+) fields in line (\d+), saw (\d+)",
        r"Line \2 has \3 fields where the others have \1: correct it, quote commas inside of fields, or name "
        "the separator (sep=';').",
    ),
    Recogniser(
        "Parquet",
        r"(?:Arrow(?:Invalid|IOError)|Parquet magic bytes)",
        "The file is not what its reader expects, or is not complete: write it again and upload it again.",
    ),
)

# What does not fit together in a computation
_NUMBERS = (
    Recogniser(
        "GPU",
        r"(?:Torch not compiled with CUDA enabled|Found no NVIDIA driver|No CUDA GPUs are available|"
        r"CUDA driver|no CUDA-capable device)",
        "This machine gives the job no GPU: take the device 'cuda' if torch.cuda.is_available() else 'cpu', "
        "or run the job where there is one.",
    ),
    Recogniser(
        "device of a checkpoint",
        r"deserialize object on a CUDA device",
        "Load it with torch.load(…, map_location='cpu').",
    ),
    Recogniser(
        "NaN loss",
        r"(?i)\bloss\b.{0,40}\b(?:nan|inf)\b|\bnan\b.{0,20}\bloss\b",
        "Lower the learning rate, clip the gradients, and look for missing or huge values in the data.",
    ),
    Recogniser(
        "NaN data",
        r"contains (?:NaN|infinity|inf)|Input contains NaN",
        "Remove rows with missing values (dropna), fill them in (SimpleImputer), or use an estimator that "
        "takes them (HistGradientBoosting…).",
    ),
    Recogniser(
        "text for a number",
        r"could not convert string to float: ('[^']{0,40})",
        r"The data has the text \1' where a number belongs: encode text columns, remove a header row, or "
        "leave that column out.",
    ),
    Recogniser(
        "columns",
        r"X has (\d+) features, but (\w+) is expecting (\d+)",
        r"Give it the \3 columns of its training data, in the same order: drop or add what differs.",
    ),
    Recogniser(
        "lengths",
        r"inconsistent numbers of samples|[Ll]ength of values|[Aa]rrays must (?:all )?be (?:of )?the same",
        "Features and labels must have as many rows as each other: make both from the same rows.",
    ),
    Recogniser(
        "shapes",
        r"(?:shapes .* not aligned|mat1 and mat2 shapes|could not be broadcast|could not broadcast|"
        r"size mismatch|must match the size of tensor|matmul: Input operand)",
        "Print both shapes before that line and make them agree; a layer's input size must be the number of "
        "features, and a table may have to be transposed or reshaped.",
    ),
    Recogniser(
        "dtype",
        r"(?:can only concatenate str|not supported between instances of|unsupported operand type|"
        r"expected (?:scalar type|m1 and m2 to have the same dtype)|must have the same dtype|"
        r"can't convert np.ndarray of type numpy.object_)",
        "Convert both to one type: tensor.float(), array.astype('float32'); hyperparameters are text unless "
        "add_argument has a type, type=int for instance.",
    ),
    Recogniser(
        "out of a table",
        r"KeyError: \"?(?:'[^']+'|.*not in index)",
        "There is no such key or column: print the keys or the columns there are (list(table.columns)); a "
        "file without a header row has none of these names.",
    ),
    Recogniser(
        "memory",
        r"(?:MemoryError|Unable to allocate|DefaultCPUAllocator|std::bad_alloc)",
        "Choose a larger InstanceType, or read and compute in smaller pieces.",
    ),
)

# What the world outside refuses
_WORLD = (
    Recogniser(
        "port",
        r"Address already in use|EADDRINUSE",
        "Something listens on that port already, a forked worker of the script for instance: take another "
        "port, 0 for any free one, or start it once.",
    ),
    Recogniser(
        "threads",
        r"can't start new thread|Resource temporarily unavailable|pthread_create failed",
        "The job has as many processes and threads as it may: use fewer workers (num_workers, n_jobs, "
        "OMP_NUM_THREADS).",
    ),
    Recogniser(
        "S3 refuses",
        r"(?:AccessDenied|\(403\)).*",
        "Add a policy to the job's role that allows this action on this bucket and key.",
    ),
    Recogniser(
        "not in S3",
        r"(?:NoSuchKey|NoSuchBucket|\(404\))",
        "Check bucket and key, upper and lower case too, and that the upload is done.",
    ),
    Recogniser(
        "network",
        r"(?:Name or service not known|Temporary failure in name resolution|Network is unreachable|"
        r"Could not connect to the endpoint URL|Could not resolve host)",
        "The job cannot reach that host: with EnableNetworkIsolation it has no network. Bring what it "
        "fetches as an input channel, or turn the isolation off.",
    ),
    Recogniser(
        "nobody listens",
        r"Connection refused",
        "Nothing listens at that address: localhost in a container is the container itself. Start the "
        "service first, or name the host it runs on.",
    ),
)

# How a program ends that says nothing
_ENDS = (
    Recogniser(
        "killed",
        r"killed by SIGKILL|ended by SIGKILL",
        "Run fewer jobs at once, or one with less memory, and see who sends signals; create the job again.",
    ),
    Recogniser(
        "threads of gloo",
        r"Signal 6 \(SIGABRT\) received by PID|terminate called without an active exception",
        "If the training was over: threads of gloo can outlive Python and abort it (pytorch/pytorch#190489). "
        "End the script with dist.destroy_process_group(); sys.stdout.flush(); os._exit(0).",
    ),
    Recogniser(
        "native crash",
        r"ended by (SIGSEGV|SIGABRT|SIGILL|SIGFPE)",
        "Set PYTHONFAULTHANDLER=1 in the job's Environment to see the line; mostly a package built for "
        "another version or CPU: pin its version in requirements.txt.",
    ),
    Recogniser(
        "shared memory",
        r"ended by SIGBUS",
        "Do not shorten a file that is mapped into memory; with data loaders use num_workers=0.",
    ),
    Recogniser(
        "silent exit",
        r"ErrorMessage \"none: it printed nothing\"",
        "It left with that code and no word: print why, or call sys.exit('why'), before it does.",
    ),
    Recogniser(
        "assertion",
        r"AssertionError",
        "What that line asserts does not hold: print the values it compares, and correct the data or the "
        "hyperparameters they come from.",
    ),
)

RECOGNISERS = (*_SCRIPT, *_REFUSED, *_FILES, *_FORMATS, *_NUMBERS, *_WORLD, *_ENDS)
