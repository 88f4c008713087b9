"""What a model is for: HF_TASK, or read from the architecture in its config.json."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from toolkit.failure import UserError

TASKS = {
    "TapasForQuestionAnswering": "table-question-answering",
    "ForQuestionAnswering": "question-answering",
    "ForTokenClassification": "token-classification",
    "ForSequenceClassification": "text-classification",
    "ForMultipleChoice": "multiple-choice",
    "ForMaskedLM": "fill-mask",
    "ForCausalLM": "text-generation",
    "LMHeadModel": "text-generation",
    "ForConditionalGeneration": "text2text-generation",
    "MTModel": "text2text-generation",
    "EncoderDecoderModel": "text2text-generation",
    "ForImageClassification": "image-classification",
}
"""How the name of an architecture ends, and the pipeline that is for."""


def of(model: Path, environment: Mapping[str, str] = os.environ) -> str:
    """Return the pipeline's task; what cannot be told is a UserError that says how to tell it."""
    if told := environment.get("HF_TASK"):
        return told
    path = model / "config.json"
    if not path.is_file():
        held = ", ".join(sorted(inner.name for inner in model.glob("*"))[:20]) or "nothing"
        raise UserError(
            f"There is no config.json in {model}, which holds: {held}. Pack what save_pretrained wrote at "
            "the top of model.tar.gz, or give the model an inference script with a model_fn."
        )
    named = json.loads(path.read_text()).get("architectures") or [""]
    for ending, task in TASKS.items():
        if str(named[0]).endswith(ending):
            return task
    raise UserError(
        f"The task of this model cannot be told from its architecture {named[0]!r}. Set the environment "
        "variable HF_TASK, for example to 'text-classification'."
    )
