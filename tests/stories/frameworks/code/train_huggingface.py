"""Script mode for the Hugging Face image: a small BERT from its configuration tells two topics apart."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from datasets import Dataset
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertTokenizerFast,
    Trainer,
    TrainingArguments,
    set_seed,
)

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--output-data-dir", default=os.environ["SM_OUTPUT_DATA_DIR"])
    parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
    args, _ = parser.parse_known_args()
    set_seed(1)
    rows = [
        (line.strip(), label)
        for label, name in enumerate(("cancer", "diabetes"))
        for line in Path(os.environ["SM_CHANNEL_TRAIN"], f"{name}.txt").read_text().lower().splitlines()
        if len(line.split()) > 3
    ]
    words = sorted({word for text, _ in rows for word in re.findall(r"[a-z]+", text)})
    vocabulary = Path(args.model_dir, "vocab.txt")
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
    tokenizer = BertTokenizerFast(str(vocabulary), model_max_length=32)
    table = Dataset.from_dict({"text": [text for text, _ in rows], "label": [label for _, label in rows]})
    table = table.map(
        lambda row: tokenizer(row["text"], truncation=True, padding="max_length", max_length=32)
    )
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=32,
        id2label={0: "cancer", 1: "diabetes"},
    )
    arguments = TrainingArguments(
        args.output_data_dir,
        num_train_epochs=args.epochs,
        learning_rate=3e-3,
        report_to=[],
        save_strategy="no",
        logging_steps=20,
    )
    trainer = Trainer(
        BertForSequenceClassification(config), arguments, train_dataset=table, processing_class=tokenizer
    )
    print("loss", trainer.train().training_loss)
    trainer.save_model(args.model_dir)
