"""Script mode for the TensorFlow image: digits, saved as each Keras saves a SavedModel."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

import tensorflow as tf

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--model_dir")
    args, _ = parser.parse_known_args()
    table = np.loadtxt(Path(os.environ["SM_CHANNEL_TRAIN"], "digits.csv"), delimiter=",", dtype="float32")
    tf.keras.utils.set_random_seed(7)
    model = tf.keras.Sequential(
        [tf.keras.layers.Input((64,)), tf.keras.layers.Dense(10, activation="softmax")]
    )
    model.compile(tf.keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(table[:, 1:] / 16, table[:, 0], epochs=args.epochs, verbose=2)
    print("model_dir", args.model_dir, "tensorflow", tf.__version__)
    legacy = "tf_keras" in type(model).__module__  # the Keras of TensorFlow 2.15 and before
    (model.save if legacy else model.export)(os.environ["SM_MODEL_DIR"] + "/1")
