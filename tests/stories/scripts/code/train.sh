#!/bin/sh
# Script mode by a shell script: hyperparameters are its arguments, the environment is SageMaker's.
set -e
echo "shell $* on $SM_CURRENT_HOST with $(ls "$SM_CHANNEL_TRAIN" | wc -l) file"
echo kept > "$SM_MODEL_DIR/note"
