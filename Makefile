# `make help` lists what can be made. The environment is .venv; what tests need besides is cached in .services.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench bench-libraries bench-brokers docs screenshots services clean

VENV := .venv
BIN := $(VENV)/bin
BENCH_VENV := .cache/bench-venv
FIND_PYTHON = for python in "$${PYTHON:-}" python3 python3.13 python3.12 python3.11 python3.14; do \
	command -v "$$python" >/dev/null 2>&1 && "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	&& command -v "$$python" && exit 0; done; exit 1
SERVICES = $(BIN)/python -m tests.services.install

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 21

demo: $(VENV)/.base ## Run the orders and invoices example on the embedded broker
	@$(BIN)/warren demo

test: services ## Run all tests on RabbitMQ 3.10 and 4.0, PostgreSQL and Redis (PYTEST_ARGS="-k retry")
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)  # two at a time; the long ones, which come first, mostly wait

lint: $(VENV)/.dev ## Check style, types and the direction of imports
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/.dev ## Rewrite the code in the project's format
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

bench: bench-libraries bench-brokers ## Measure Warren beside other libraries, and its broker beside RabbitMQ

bench-libraries: $(BENCH_VENV)/.peers ## The first part of bench (BENCH_ARGS="--quick")
	@$(BENCH_VENV)/bin/python -m tests.services.install rabbitmq || true
	@$(BENCH_VENV)/bin/python -m bench.run $(BENCH_ARGS)

bench-brokers: $(BENCH_VENV)/.peers ## The second part of bench (BROKERS_ARGS="--quick")
	@$(BENCH_VENV)/bin/python -m tests.services.install rabbitmq || true
	@$(BENCH_VENV)/bin/python -m bench.brokers $(BROKERS_ARGS)

docs: $(VENV)/.docs ## Build the documentation into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

screenshots: services ## Make the pictures of the dashboard in docs/assets/dashboard anew
	@WARREN_SCREENSHOTS=1 $(BIN)/pytest tests/acceptance/test_dashboard_looks.py

services: $(VENV)/.dev ## Find or install the servers that tests need
	@$(SERVICES) || true

clean: ## Remove the environment, what was built and what was cached
	rm -rf --one-file-system $(VENV) .services .cache site dist build
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# -- the environment ----------------------------------------------------------------------

$(BIN)/python:
	@python=$$($(FIND_PYTHON)) || { echo "Warren needs Python 3.11 or newer: install it, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }; \
	"$$python" -c 'import ensurepip, venv' 2>/dev/null || { echo "$$python has no venv module; install it with: apt-get install python3-venv" >&2; exit 1; }; \
	echo "creating $(VENV) with $$python"; \
	"$$python" -m venv $(VENV)
	@$(BIN)/pip install --quiet --upgrade 'pip>=25.1'

$(VENV)/.base: pyproject.toml | $(BIN)/python
	@echo "installing Warren into $(VENV)"
	@$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	@echo "installing Warren, its development tools and mkdocs into $(VENV)"
	@$(BIN)/pip install --quiet --editable '.[postgres,redis]' --group dev --group docs
	@touch $(VENV)/.base $(VENV)/.docs $@

$(VENV)/.docs: pyproject.toml | $(BIN)/python
	@echo "installing Warren and mkdocs into $(VENV)"
	@$(BIN)/pip install --quiet --editable '.[postgres,redis]' --group docs
	@touch $@

# An environment of its own: what the libraries measured against ask for never reaches the tests.
$(BENCH_VENV)/.peers: pyproject.toml | $(BIN)/python
	@echo "installing Warren and the libraries it is measured against into $(BENCH_VENV)"
	@$(BIN)/python -m venv $(BENCH_VENV)
	@$(BENCH_VENV)/bin/pip install --quiet --upgrade 'pip>=25.1'
	@$(BENCH_VENV)/bin/pip install --quiet --editable . --group bench
	@touch $@
