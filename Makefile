# `make run` starts the engine, `make test` runs the tests; each makes .venv from nothing first, once.
# Needs Linux, GNU make and Python 3.11 or later with its venv module.

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# Passed on: make run ARGS="--market replay:tape", make test ARGS="-k ring"
ARGS ?=

# How many tests run at a time, each file by one process; 0: all in this one, for a debugger.
JOBS ?= 2

.PHONY: run test coverage check format lock clean help

help:
	@echo "make run       start the engine on the simulated venue; Ctrl-C stops it"
	@echo "make test      run all tests"
	@echo "make coverage  run all tests, measure them, and hold each package to its threshold"
	@echo "make check     lint, format check, types, import contracts"
	@echo "make format    format the sources"
	@echo "make lock      resolve the dependencies anew into requirements.lock"
	@echo "make clean     remove .venv and what tools left behind"

# The lock is complete, so nothing is resolved at this point: a release that came after the lock
# cannot stand in the way of it. `pip check` then tells if it were not complete.
$(INSTALLED): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Genesis needs Python 3.11 or later")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --no-deps --require-hashes --requirement requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	$(PIP) check
	@touch $@

# Job control gives the engine the terminal, so that Ctrl-C reaches the engine and not make, which
# would report an interrupt where the engine ends well.
run: $(INSTALLED)
	@if [ -t 0 ]; then set -m; fi; $(BIN)/genesis run $(ARGS); exit $$?

test: $(INSTALLED)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

coverage: $(INSTALLED)
	$(BIN)/python -m coverage erase
	$(MAKE) test ARGS="--cov --cov-report= $(ARGS)"
	$(BIN)/python scripts/check_coverage.py

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Every version and hash, and no word on where they were fetched from.
lock: $(INSTALLED)
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --upgrade --generate-hashes \
		--strip-extras --allow-unsafe --no-emit-index-url --no-emit-trusted-host \
		--no-emit-find-links --extra dev --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) .coverage* .hypothesis .import_linter_cache .mypy_cache .pytest_cache \
		.ruff_cache build dist htmlcov
	find genesis workers tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
