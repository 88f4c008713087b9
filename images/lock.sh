#!/bin/sh
# Writes images/*/requirements.txt anew from requirements.in. Needs the network.
cd "$(dirname "$0")/.." && exec .venv/bin/python images/lock.py "$@"
