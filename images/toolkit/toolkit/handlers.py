"""A user's inference script: model_fn, input_fn, predict_fn, output_fn or transform_fn, with a framework's
defaults."""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Sequence, Set
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from toolkit import source
from toolkit.batching import Joining
from toolkit.contract import layout
from toolkit.failure import UserError
from toolkit.server.messages import JSON, Answer, Limits, Model, Refused, Request, failed, media_of
from toolkit.together import Together

Function = Callable[..., Any]


class Defaults(NamedTuple):
    """What a framework does where the script says nothing.

    `refuse` words whatever goes wrong with a request; without it an exception that is no refusal is a 500.
    `joining` says, of a loaded model and the names of the functions that the script has itself, how requests
    that wait together are predicted in one call.
    """

    model_fn: Function
    input_fn: Function
    predict_fn: Function
    output_fn: Function
    preload: Callable[[], None] = lambda: None
    needs_script: bool = True
    refuse: Callable[[Exception], Refused] | None = None
    joining: Callable[[Any, Set[str]], Joining | None] = lambda _model, _own: None


class Context:
    """What newer scripts may take as a last argument: where the model is, and the request's headers."""

    def __init__(self, model_dir: str) -> None:
        self.system_properties = {"model_dir": model_dir, "gpu_id": None}
        self.manifest: dict[str, Any] = {}
        self._request = Request(b"")

    def take(self, request: Request) -> None:
        """Make the current request's headers readable."""
        self._request = request

    def get_request_header(self, _index: int, name: str) -> str | None:
        """Return a header of the current request."""
        given, wanted = self._request, name.lower()
        headers = {known.lower(): value for known, value in given.headers}
        return (headers | {"content-type": given.content_type, "accept": given.accept}).get(wanted)


class Scripted:
    """A source that loads the user's script and its model; `find` may fetch the model from elsewhere."""

    def __init__(self, defaults: Defaults, find: Callable[[Path], Path] = lambda model: model) -> None:
        self._defaults, self._find = defaults, find
        self._script: Path | None = None
        self._model = layout().model

    def preload(self) -> None:
        """Import the framework once for many models, and install once what they have in common."""
        if os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY", "").startswith("s3://"):
            folder = code_folder()
            source.install(layout(), folder)
            source.offer(layout())
            os.environ[source.INSTALLED] = str(folder)
        self._defaults.preload()

    def prepare(self) -> None:
        """Fetch the script and install its requirements; import the framework once for all workers."""
        where = layout()
        folder = code_folder()
        self._script = find_script(folder)
        if self._script is None and self._defaults.needs_script:
            raise UserError(_no_script(folder))
        if self._script is not None:
            source.install(where, folder)
            source.offer(where)
            sys.path.insert(0, str(folder))
        self._model = self._find(layout().model)
        self._defaults.preload()

    def load(self) -> Model:
        """Import the script and call its model_fn."""
        module = load_script(self._script) if self._script else ModuleType("inference")
        return ScriptModel(module, self._defaults, str(self._model))


class ScriptModel:
    """Answers with the script's functions: one request at a time, or joined with those that wait."""

    together = False

    def __init__(self, module: ModuleType, defaults: Defaults, model_dir: str) -> None:
        own = {name: getattr(module, name, None) for name in ("input_fn", "predict_fn", "output_fn")}
        self._transform: Function | None = getattr(module, "transform_fn", None)
        if self._transform and any(own.values()):
            raise UserError(
                "Cannot use transform_fn implementation with input_fn, predict_fn, and/or output_fn."
            )
        self._context, self._refuse = Context(model_dir), defaults.refuse
        self._input = self._with_context(own["input_fn"] or defaults.input_fn, 2)
        self._predict = self._with_context(own["predict_fn"] or defaults.predict_fn, 2)
        self._output = self._with_context(own["output_fn"] or defaults.output_fn, 2)
        self._transform = self._with_context(self._transform, 4) if self._transform else None
        self._model = self._with_context(getattr(module, "model_fn", None) or defaults.model_fn, 1)(model_dir)
        named = {name for name, function in own.items() if function}
        joining = None if self._transform else defaults.joining(self._model, named)
        self._together = Together(self, joining) if joining else None
        self.limits = joining.limits if joining else Limits()
        self.free = not (named or self._transform)

    def answer(self, requests: Sequence[Request], beat: Callable[[], None] = lambda: None) -> list[Answer]:
        """Answer each request, joined with others where that is the same; `beat` follows each prediction."""
        if len(requests) > 1 and self._together and self._together.possible:
            return self._together.answer(requests, beat)
        answers = []
        for request in requests:
            answers.append(self._answer(request))
            beat()
        return answers

    def read(self, request: Request) -> Any:
        """Read a request's body with input_fn."""
        body, content_type, _ = self._begin(request)
        return self._input(body, content_type)

    def predict(self, request: Request, data: Any) -> Any:
        """Predict with predict_fn, for one request or for several of which this is the first."""
        self._context.take(request)
        return self._predict(data, self._model)

    def write(self, request: Request, prediction: Any) -> Answer:
        """Write a prediction with output_fn."""
        self._context.take(request)
        accept = _accepted(request)
        return _answer(self._output(prediction, accept), accept)

    def failed(self, wrong: Exception | SystemExit) -> Answer:
        """Word what a request came to."""
        if isinstance(wrong, Refused):
            return (self._refuse(wrong) if self._refuse else wrong).answer()
        print(traceback.format_exc(), flush=True)
        if self._refuse and isinstance(wrong, Exception):
            return self._refuse(wrong).answer()
        return failed(wrong)

    def _answer(self, request: Request) -> Answer:
        try:
            body, content_type, accept = self._begin(request)
            if self._transform:
                return _answer(self._transform(self._model, body, content_type, accept), accept)
            prediction = self._predict(self._input(body, content_type), self._model)
            return _answer(self._output(prediction, accept), accept)
        except (Exception, SystemExit) as wrong:  # whatever a user's code raises, the caller gets an answer
            return self.failed(wrong)

    def _begin(self, request: Request) -> tuple[str | bytes, str, str]:
        self._context.take(request)
        content_type = request.content_type or JSON
        return _text_or_bytes(request.body, content_type), content_type, _accepted(request)

    def _with_context(self, function: Function, arguments: int) -> Function:
        try:
            named = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            return function
        takes = sum(one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) for one in named)
        if takes != arguments + 1:
            return function
        return lambda *given: function(*given, self._context)


def no_model_fn(model_dir: str) -> Any:
    """Stand in for a model_fn that the script must have: only it knows what the training saved."""
    held = ", ".join(sorted(path.name for path in Path(model_dir).glob("*"))) or "nothing"
    raise UserError(
        "Please provide a model_fn implementation. See documentation for model_fn at "
        f"https://github.com/aws/sagemaker-python-sdk. It loads the model from {model_dir}, which holds: "
        f"{held}."
    )


def has_script() -> bool:
    """Tell whether the model was deployed with an inference script."""
    submitted = os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    if os.environ.get("SAGEMAKER_PROGRAM") or submitted.startswith("s3://"):
        return True
    return any((folder / "inference.py").is_file() for folder in (_local(submitted), layout().model / "code"))


def code_folder() -> Path:
    """Return the directory that holds the script, fetching it first where it lies elsewhere."""
    where = layout()
    uri = os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    here = where.model / "code"
    if uri and not uri.startswith("s3://"):
        given = _local(uri)
        if given.is_dir():
            return given
        uri = str(given) if given.is_file() else ""
    if not uri:
        return here
    source.place(uri, where.code)
    return where.code


def _local(uri: str) -> Path:
    # /opt/ml may be elsewhere when the program is run by hand.
    path = Path(uri.removeprefix("file://") or "/nowhere")
    if path.is_relative_to("/opt/ml/model"):
        return layout().model / path.relative_to("/opt/ml/model")
    return layout().base / path.relative_to("/opt/ml") if path.is_relative_to("/opt/ml") else path


def find_script(folder: Path) -> Path | None:
    """Return the script SAGEMAKER_PROGRAM names, or inference.py."""
    name = os.environ.get("SAGEMAKER_PROGRAM", "")
    path = folder / (name or "inference.py")
    if name and not path.is_file():
        raise UserError(_no_script(folder))
    return path if path.is_file() else None


def _no_script(folder: Path) -> str:
    name = os.environ.get("SAGEMAKER_PROGRAM") or "inference.py"
    held = ", ".join(sorted(path.name for path in folder.glob("*"))[:20]) or "nothing"
    where = f"is not in {folder}, which holds: {held}"
    return f"The inference script {name!r} {where}. Give the model an entry_point."


def load_script(script: Path) -> ModuleType:
    """Import the script under its own name."""
    name = script.stem
    spec = importlib.util.spec_from_file_location(name, script)
    if spec is None or spec.loader is None:
        raise UserError(f"The inference script {script} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _accepted(request: Request) -> str:
    if request.accept in ("", "*/*"):
        return os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON)
    return request.accept


def _text_or_bytes(body: bytes, content_type: str) -> str | bytes:
    media = media_of(content_type)
    if media not in ("application/json", "text/csv"):
        return body
    try:
        return body.decode()
    except UnicodeDecodeError as wrong:
        raise Refused(415, f"The body is not {media}: it is not UTF-8 ({wrong}).") from wrong


def _answer(result: Any, accept: str) -> Answer:
    body, content_type = result if isinstance(result, tuple) and len(result) == 2 else (result, accept)
    if isinstance(body, str):
        return Answer(200, str(content_type), body.encode())
    if isinstance(body, bytes | bytearray | memoryview):
        return Answer(200, str(content_type), bytes(body))
    raise TypeError(
        f"output_fn must return text or bytes, or (body, content type); it returned {type(body).__name__}"
    )
