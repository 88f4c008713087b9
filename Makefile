# Every target does its own set-up. `make install` fetches all that the others need, so that they work offline after it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup install demo test test-slow check fmt bench docs lock clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Clary needs Python 3.11 or newer; name one: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.core: requirements/core.txt $(VENV)/.python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/core.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.core
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

setup: $(VENV)/.dev  ## Make the development environment

install: setup  ## Fetch everything the other targets need, images and client environments included
	$(BIN)/python -m clary.runtime.environment
	$(BIN)/python -m clary.runtime.environment src/clary/cli/demo/requirements.txt
	@for lock in tests/stories/clients/*.txt benchmarks/references.txt benchmarks/clients/*.txt; do \
	    $(BIN)/python -m clary.runtime.environment $$lock || exit 1; done

demo: $(VENV)/.core  ## Train, deploy and predict with the unmodified SageMaker SDK
	@$(BIN)/clary demo

test: setup  ## Run the tests
	$(BIN)/python -m pytest

WHICH :=
test-slow: setup  ## Run the tests that need client environments of their own, or minutes (WHICH=tests/stories: some)
	$(BIN)/python -m pytest --timeout 900 $(WHICH) -m "slow$$($(BIN)/python -m clary.runtime.engine >&2 || echo ' and not engine')$$(\
	    PYTHONPATH=images/toolkit $(BIN)/python -m toolkit.mpi >&2 || echo ' and not mpi')"

check: setup  ## Lint, types, layers, sizes, generated pages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy src/clary images tests benchmarks
	$(BIN)/lint-imports
	$(BIN)/python tests/house.py

fmt: setup  ## Format
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: setup  ## Measure, each figure beside its floor
	$(BIN)/python -m benchmarks --write

docs: setup  ## Write the generated reference pages anew
	$(BIN)/python -m clary.operations.reference > docs/reference/operations.md
	$(BIN)/python -m clary.cli.reference > docs/reference/commands.md
	$(BIN)/python -m tests.stories.documented > docs/sdk-scripts.md
	$(BIN)/python tests/house.py --write
	$(BIN)/python -m tests.stories.planted_page

lock: setup  ## Write the hashed requirement locks anew (needs the network)
	requirements/lock.sh
	images/lock.sh

clean:  ## Remove the environments
	rm -rf $(VENV)
