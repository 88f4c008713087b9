"""What was measured of a card's model: laid under what its content says, which always counts.

The facts are those of the only training job that made the model's archive. A caller who may not describe
the job, or the model package or model that a card is of, is told nothing of it: evidence/model-cards.md.
"""

from __future__ import annotations

import json

from clary.core.conditions import Text
from clary.core.document import Document
from clary.operations import own_rights
from clary.operations.model_registry import card_content, packaged
from clary.operations.registry import Call
from clary.resources.inference.model import MODEL
from clary.resources.model_registry.model_package import MODEL_PACKAGE
from clary.resources.training.training_job import TRAINING_JOB
from clary.store import search
from clary.store.record import Record

_MOST_SETS = _MOST_ARTIFACTS = 15  # evidence/model-cards.md
_MOST_METRICS, _MOST_PARAMETERS = 50, 100
_LONGEST = 100_000  # of a card's content: the service model


def of_card(call: Call, text: str) -> str:
    """Return the content of a model card with the facts that it does not say itself."""
    card = card_content.check(text)
    return _filled(text, card, _facts(call, card, _archives(call, card)))


def of_package(call: Call, doc: Document, text: str | None) -> str | None:
    """Return the content of a model package's card with the facts it does not say; None without any."""
    card = card_content.check_packaged(text)
    archives = _archives_in((doc.get("InferenceSpecification") or {}).get("Containers", ()))
    facts = _facts(call, card, archives)
    if archives:
        facts["model_overview"] = {"model_artifact": archives[:_MOST_ARTIFACTS]}
    return _filled(text, card, facts) if text is not None or facts else None


def _filled(text: str | None, card: Document, facts: Document) -> str:
    """Return the content with facts laid under it; as it is, where they add nothing or do not fit in."""
    filled = _under(facts, card)
    said = json.dumps(filled)
    return text if text is not None and (filled == card or len(said) > _LONGEST) else said


def _under(facts: Document, said: Document) -> Document:
    both = {name: _under(facts[name], said[name]) for name in facts if isinstance(said.get(name), dict)}
    return {**facts, **said, **both}


def _facts(call: Call, card: Document, archives: list[str]) -> Document:
    told = card.get("training_details", {}).get("training_job_details") or {}
    named = told.get("training_arn") if isinstance(told, dict) else None
    job = _described(call, TRAINING_JOB.kind, named) if isinstance(named, str) else _maker(call, archives)
    return {} if job is None else {"training_details": {"training_job_details": _measured(job)}}


def _maker(call: Call, archives: list[str]) -> Record | None:
    """Return the job that made a model's only archive, where there is one such job."""
    if len(archives) != 1:
        return None
    made = Text("ModelArtifacts.S3ModelArtifacts", (archives[0],))
    found = search.search(
        call.records, TRAINING_JOB, made, sort="CreationTime", descending=True, limit=2, token=None
    ).records
    return found[0] if len(found) == 1 and own_rights.may(call, _describes("TrainingJob"), found[0]) else None


def _measured(job: Record) -> Document:
    """Return what a card tells of a training job, in the card's own words."""
    doc = job.doc
    channels = [
        channel.get("DataSource", {}).get("S3DataSource") for channel in doc.get("InputDataConfig", ())
    ]
    image = doc.get("AlgorithmSpecification", {}).get("TrainingImage")
    metrics = [{"name": m["MetricName"], "value": m["Value"]} for m in doc.get("FinalMetricDataList", ())]
    parameters = [{"name": name, "value": text} for name, text in doc.get("HyperParameters", {}).items()]
    facts: Document = {
        "training_arn": job.arn,
        "training_datasets": [source["S3Uri"] for source in channels if source][:_MOST_SETS],
        "training_environment": {"container_image": [image]} if image else {},
        "training_metrics": metrics[:_MOST_METRICS],
        "hyper_parameters": parameters[:_MOST_PARAMETERS],
    }
    return {name: value for name, value in facts.items() if value}


def _archives(call: Call, card: Document) -> list[str]:
    """Return where the model of a card is kept: as the card says, or its model package, or its model."""
    details, overview = card.get("model_package_details", {}), card.get("model_overview", {})
    if isinstance(said := overview.get("model_artifact"), list) and said:
        return [each for each in said if isinstance(each, str)]
    if package := _described(call, MODEL_PACKAGE.kind, details.get("model_package_arn")):
        return _archives_in((package.doc.get("InferenceSpecification") or {}).get("Containers", ()))
    if model := _described(call, MODEL.kind, overview.get("model_id")):
        return _archives_in(packaged.containers_of(model.doc))
    return []


def _archives_in(containers: list[Document]) -> list[str]:
    sources = [each.get("ModelDataSource", {}).get("S3DataSource", {}).get("S3Uri") for each in containers]
    found = [each.get("ModelDataUrl") or source for each, source in zip(containers, sources, strict=True)]
    return [str(each) for each in found if each]


def _described(call: Call, kind: str, arn: object) -> Record | None:
    """Return a record that a card names, if there is one of that kind and the caller may describe it."""
    record = call.records.by_arn(arn) if isinstance(arn, str) and arn.startswith("arn:") else None
    if record is None or record.kind != kind:
        return None
    return record if own_rights.may(call, _describes(kind), record) else None


def _describes(kind: str) -> str:
    return f"sagemaker:Describe{kind}"
