# Every target sets itself up: a virtual environment in .venv, locked by uv.lock.
.PHONY: setup rehearse test test-fast lint docs bench clean

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
EXTRAS := --extra rehearsal --extra athena --extra databroker --extra protocols --extra excel --extra neware --extra diffraction --extra imaging
EXPERIMENT ?= experiment/nmc811.toml

# Compiled once at set-up instead of by every process of the first rehearsal at the same time.
IMPORTED := import tiled.server.app, operando.callbacks.tiled.forwarder, operando.experiment.cli, caproto.server, \
	operando.experiment.acquisition, operando.callbacks.live.edge_fits, operando.callbacks.live.picture, \
	operando.callbacks.plots.summary, matplotlib.backends.backend_agg, operando.simulated_beamline.iocs.potentiostat
# Python and pytest keep what they compile: the second part of the tests need not compile the first's modules again.
unexport PYTHONDONTWRITEBYTECODE
ROOMS := bridge callbacks devices experiment plans simulated_beamline

# `.venv/ready` is newer than what it was made from, or is made again.
$(VENV)/ready: pyproject.toml uv.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet "uv>=0.5"
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv sync --active --locked --inexact $(EXTRAS)
	$(BIN)/python -W ignore -c "$(IMPORTED)"
	$(BIN)/python -m compileall -q $(ROOMS)
	touch $@

setup: $(VENV)/ready

rehearse: setup
	$(BIN)/operando rehearse $(EXPERIMENT)

# Tests in one process each core, a file at a time; those that start servers come after the others.
SPREAD := --numprocesses 2 --dist loadfile
# Only files with such tests: to look through all others takes half a minute.
OF_SYSTEM = $(sort $(shell grep -rl --include="test_*.py" "mark.system" tests))

test: setup
	$(BIN)/python -m pytest $(SPREAD) -m "not system" --ignore=tests/system
	$(BIN)/python -m pytest $(SPREAD) -m system $(OF_SYSTEM)

test-fast: setup
	$(BIN)/python -m pytest $(SPREAD) -m "not system and not slow" --ignore=tests/system

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyright

docs: setup
	$(BIN)/python -m mkdocs build --strict

bench: setup
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) build site .pytest_cache .ruff_cache .hypothesis
