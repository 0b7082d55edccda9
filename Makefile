# Everything goes through here; `make` alone lists the targets. The work is done by tools/ground.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:

# The first Python that is new enough; PYTHON=… names another.
ifndef PYTHON
PYTHON := $(shell for name in python3.11 python3 python3.12 python3.13 python3.14; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$name"; break; }; done)
endif
GROUND = $(if $(PYTHON),"$(PYTHON)" -m tools.ground,$(error Python 3.11 or newer is needed, as python3 or PYTHON=/path/to/python))
IN = .venv/bin/
# Only a URL given to make counts, not one that happens to be in the environment.
export GLEANERY_RUN_URL = $(if $(filter command line,$(origin URL)),$(URL))
PYTEST = $(IN)python -m pytest
# A file's tests stay together: many share a server or a browser.
SIDE_BY_SIDE = -n logical --maxprocesses 4 --dist loadfile

.PHONY: help setup run test lint format types layers check unit e2e cover ui ui-check wire-types browser bench lock upgrade wheel clean distclean
.PHONY: ready-checks ready-tests

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: ## Prepare everything that the server needs, without starting it
	@$(GROUND) run

run: ## Prepare what is missing and serve on http://127.0.0.1:8181; URL=https://… crawls that at once
	@$(GROUND) run
	@exec $(IN)gleanery serve $${GLEANERY_RUN_URL:+--crawl "$$GLEANERY_RUN_URL"}

test: ready-tests check ui-check cover ## Prepare and run the whole test suite, with the checks and the coverage

ready-checks:
	@$(GROUND) checks

ready-tests:
	@$(GROUND) tests

check: lint types layers ## Lint, types and import rules of the Python code

lint: ready-checks ## Ruff: rules and format
	$(IN)ruff check .
	$(IN)ruff format --check .

format: ready-checks ## Let ruff format the code and mend what it can
	$(IN)ruff check --fix-only .
	$(IN)ruff format .

types: ready-checks ## mypy
	$(IN)mypy

layers: ready-checks ## Import rules: who may import whom
	$(IN)lint-imports --no-logo

unit: ready-tests ## The Python tests that need neither a browser nor a server process
	$(PYTEST) $(SIDE_BY_SIDE) -m "not e2e and not browser"

e2e: ready-tests ## The tests of whole servers and real browsers
	$(PYTEST) $(SIDE_BY_SIDE) -m "e2e or browser"

cover: ready-tests ## All Python tests, with coverage
	$(PYTEST) $(SIDE_BY_SIDE) --cov --cov-report=term:skip-covered --durations=25 --durations-min=5

ui: ## Build the UI into ui/dist
	@$(GROUND) ui

ui-check: ## Types, lint and tests of the UI
	@$(GROUND) check-ui

wire-types: ready-checks ## Make the UI's types from the server's description of its API
	$(IN)python -m tools.wire_types
	@$(GROUND) wire-types

browser: ## Find or install a browser
	@$(GROUND) browser

bench: ## Run the benchmarks
	@$(GROUND) bench
	$(IN)python -m tests.bench

lock: ## Resolve the lock files again, keeping the versions that still fit
	@$(GROUND) lock

upgrade: ## Resolve the lock files again with the newest versions
	@$(GROUND) upgrade

wheel: ready-checks ui ## Build a wheel that carries the UI
	.tools/bin/uv build --wheel --build-constraints requirements/build.txt --python $(IN)python

clean: ## Remove what was built, but not the environment or the data
	rm -rf ui/dist dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	rm -f .tools/.ui

distclean: clean ## Also remove the environments; the data stays
	rm -rf .venv .tools .tools.lock ui/node_modules
