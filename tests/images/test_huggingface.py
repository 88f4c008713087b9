"""The Hugging Face image: a model made from a configuration trains, and its pipeline answers."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from tests.images.container import Container

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
Image = Callable[[str], Container]

TOPICS = """
import argparse, os, re
from datasets import Dataset
from sklearn.datasets import load_breast_cancer, load_diabetes
from transformers import (BertConfig, BertForSequenceClassification, BertTokenizerFast, Trainer,
                          TrainingArguments, set_seed)
arguments = argparse.ArgumentParser()
arguments.add_argument("--epochs", type=int, default=1)
arguments.add_argument("--model_dir", default=os.environ["SM_MODEL_DIR"])
chosen, _ = arguments.parse_known_args()
set_seed(1)
texts, labels = [], []
for label, load in enumerate((load_breast_cancer, load_diabetes)):
    for line in load().DESCR.lower().splitlines():
        if len(line.split()) > 3:
            texts.append(line.strip()); labels.append(label)
words = sorted({word for text in texts for word in re.findall(r"[a-z]+", text)})
os.makedirs(chosen.model_dir, exist_ok=True)
vocabulary = os.path.join(chosen.model_dir, "vocab.txt")
open(vocabulary, "w").write("\\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
tokenizer = BertTokenizerFast(vocabulary, model_max_length=32)
rows = Dataset.from_dict({"text": texts, "label": labels}).map(
    lambda row: tokenizer(row["text"], truncation=True, padding="max_length", max_length=32))
model = BertForSequenceClassification(BertConfig(
    vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
    intermediate_size=64, max_position_embeddings=32, id2label={0: "cancer", 1: "diabetes"}))
trainer = Trainer(model, TrainingArguments(
    os.environ["SM_OUTPUT_DATA_DIR"], num_train_epochs=chosen.epochs, learning_rate=3e-3, report_to=[],
    save_strategy="no", logging_steps=20, disable_tqdm=True), train_dataset=rows, processing_class=tokenizer)
print("loss", trainer.train().training_loss)
trainer.save_model(chosen.model_dir)
"""
OVERRIDES = """
from transformers import AutoModelForSequenceClassification, AutoTokenizer
def model_fn(model_dir):
    model = AutoModelForSequenceClassification.from_pretrained(model_dir)
    return model, AutoTokenizer.from_pretrained(model_dir)
def predict_fn(data, loaded):
    model, tokenizer = loaded
    return {"logits": model(**tokenizer(data["inputs"], return_tensors="pt")).logits.detach().numpy()}
"""
MEDICAL = "malignant and benign tumours of the breast"


def test_a_trainer_trains_and_the_pipeline_of_its_architecture_answers(image: Image) -> None:
    container = image("huggingface")
    container.environment["HF_HOME"] = str(container.base / "hub")
    container.script(TOPICS, epochs=8)
    code, said = container.run("toolkit.train")
    assert code == 0, said
    with container.serve("sagemaker_huggingface.serve", SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        status, media, body = server.invoke(json.dumps({"inputs": MEDICAL}), "application/json")
        (answer,) = json.loads(body)
        assert (status, media, sorted(answer)) == (200, "application/json", ["label", "score"])
        assert answer["label"] == "cancer"
        both = json.dumps({"inputs": [MEDICAL, "blood sugar level"], "parameters": {"top_k": 2}})
        assert [len(row) for row in json.loads(server.invoke(both, "application/json")[2])] == [2, 2]
        status, media, body = server.invoke(f"inputs\n{MEDICAL}\n", "text/csv", "text/csv")
        assert (status, media, body.split(b"\r\n")[0]) == (200, "text/csv", b"label,score")
        status, _, body = server.invoke("1,2", "text/csv")
        assert (status, json.loads(body)["code"]) == (400, 400)
        assert server.invoke('{"inputs": 7}', "application/json")[0] == 400
        assert server.invoke("x", "application/pdf")[0] == 400
    folder = container.ml / "model" / "code"
    folder.mkdir()
    (folder / "inference.py").write_text(OVERRIDES)
    with container.serve("sagemaker_huggingface.serve", SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        body = server.invoke(json.dumps({"inputs": MEDICAL}), "application/json")[2]
        assert len(json.loads(body)["logits"][0]) == 2


def test_a_model_of_the_hub_that_cannot_be_had_names_the_cause_and_the_cure(image: Image) -> None:
    container = image("huggingface")
    code, _ = container.run(
        "sagemaker_huggingface.serve",
        SAGEMAKER_BIND_TO_PORT="0",
        HF_HOME=str(container.base / "hub"),
        HF_HUB_OFFLINE="1",
        HF_MODEL_ID="distilbert/distilbert-base-uncased",
        HF_TASK="text-classification",
    )
    assert code == 1
    assert container.failure.startswith(
        "HF_MODEL_ID is 'distilbert/distilbert-base-uncased', and it could not"
    )
    assert "name it as model_data in place of HF_MODEL_ID" in container.failure


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        (None, "There is no config.json"),
        ({"architectures": ["BertModel"]}, "Set the environment variable HF_TASK"),
    ],
)
def test_an_archive_whose_task_cannot_be_told_says_how_to_tell_it(
    image: Image, config: object, wanted: str
) -> None:
    container = image("huggingface")
    if config:
        (container.ml / "model" / "config.json").write_text(json.dumps(config))
    assert container.run("sagemaker_huggingface.serve", SAGEMAKER_BIND_TO_PORT="0")[0] == 1
    assert wanted in container.failure
