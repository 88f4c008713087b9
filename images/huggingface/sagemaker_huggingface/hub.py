"""HF_MODEL_ID: a model of the Hugging Face Hub instead of an archive, when the Hub can be reached."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from toolkit.failure import UserError


def fetch(model: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the directory of the model that HF_MODEL_ID names, the archive's where it names none."""
    wanted = environment.get("HF_MODEL_ID", "")
    if not wanted:
        return model
    if (local := Path(wanted)).is_dir():
        return local
    from huggingface_hub import snapshot_download

    token = environment.get("HF_TOKEN") or environment.get("HF_API_TOKEN") or None
    revision = environment.get("HF_MODEL_REVISION") or None
    try:
        return Path(snapshot_download(wanted, revision=revision, token=token))
    except Exception as wrong:  # no network, no such model, no right to it: each in the Hub's own words
        said = str(wrong).strip().partition("\n")[0] or type(wrong).__name__
        raise UserError(
            f"HF_MODEL_ID is {wanted!r}, and it could not be downloaded from the Hugging Face Hub, nor is it "
            "in this container's cache. Without a network give the model as an archive: save_pretrained its "
            "model and tokenizer into one directory, pack that into model.tar.gz, upload it, and name it as "
            f"model_data in place of HF_MODEL_ID. ({type(wrong).__name__}: {said})"
        ) from wrong
