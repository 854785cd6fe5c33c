# Everything runs in a virtual environment of its own; PYTHON may name another interpreter of version 3.11 or later.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready
# A process a core; the tests of a file stay together, for some go on where the one before ended.
PARALLEL ?= --numprocesses auto --dist loadfile

.PHONY: demo test test-gateways test-ray check bench soak clean

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(READY)  ## the whole job on the sample data, offline, with no key
	@rm -rf build/demo
	$(BIN)/calibtui demo build/demo --batch

test: $(READY)  ## every promise the code makes
	$(BIN)/python -m pytest $(PARALLEL)

test-gateways: $(READY)  ## through LiteLLM and Portkey for real, installed into build/gateways; some minutes
	$(BIN)/python -m pytest -m gateways --timeout=900 -rs tests/gateways

test-ray: $(READY)  ## trials on a Ray cluster of this machine, Ray installed into build/ray
	$(PYTHON) -m venv build/ray
	build/ray/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,ray]'
	build/ray/bin/python -m pytest -rs tests/pipeline/workers/test_ray.py tests/cli/test_trials_side_by_side.py

check: $(READY)  ## lint, types, room boundaries, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest $(PARALLEL)

bench: $(READY)  ## speed beside the bare libraries, as ratios
	$(BIN)/python -m bench

soak: $(READY)  ## long campaigns: kills, cuts, leaks
	$(BIN)/python -m pytest -m soak

clean:
	rm -rf $(VENV) build dist bench/results
