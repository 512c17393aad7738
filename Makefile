# Every verb of this repository; `make` prints them. CI runs these and nothing else.
SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
# What the wire contracts may not break.
PROTO_BASE ?= HEAD
# For example: make test ARGS="-k custody", make run ARGS="--replicas 2"
ARGS ?=

.PHONY: help
help: ## Print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Make .venv and fetch what the sandbox starts; quick when nothing changed
	@tools/setup.sh

.PHONY: run
run: setup ## Start everything on this machine until Ctrl-C (ARGS="--replicas 2 --detach")
	@$(BIN)/shirushi up $(ARGS)

.PHONY: down
down: setup ## Stop everything that `make run` started
	@$(BIN)/shirushi down

.PHONY: test
test: setup-browser ## Unit, component, contract, integration and end-to-end tests
	@$(PYTEST) -q -m "not drill" $(ARGS)

.PHONY: drill
drill: setup-browser ## Kill processes, run replicas, wait for the hour: what `make test` has no time for
	@$(PYTEST) -q -m drill $(ARGS)

.PHONY: bench
bench: setup ## Logins a second, latencies, CPU and memory; writes docs/benchmarks.md
	@$(BIN)/python -m bench $(ARGS)

.PHONY: check
check: setup ruff types imports dependencies proto-check rights-check configuration-check ## Lint, types, import rules, dependencies, generated files

.PHONY: ruff
ruff:
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .

.PHONY: types
types:
	@$(BIN)/mypy --no-error-summary kit/src services/*/src sandbox/src tools

.PHONY: imports
imports:
	@$(BIN)/lint-imports >.import-rules 2>&1 || { cat .import-rules; rm -f .import-rules; exit 1; }
	@rm -f .import-rules

.PHONY: dependencies
dependencies:
	@tools/dependencies.sh

.PHONY: proto
proto: setup ## Generate code from proto/
	@$(BIN)/python tools/protos.py

.PHONY: proto-check
proto-check: setup ## Lint the wire contracts, refuse breaking changes, fail when generated code is stale
	@$(BIN)/buf lint proto
	@$(BIN)/buf breaking proto --against '.git#ref=$(PROTO_BASE),subdir=proto'
	@$(BIN)/python tools/protos.py --check

.PHONY: rights
rights: setup ## Generate everything that follows from deploy/rights.yaml
	@$(BIN)/python tools/rights.py

.PHONY: rights-check
rights-check: setup ## Fail when something generated from deploy/rights.yaml is stale
	@$(BIN)/python tools/rights.py --check

.PHONY: configuration
configuration: setup ## Write docs/configuration.md from the settings
	@$(BIN)/python tools/configuration.py

.PHONY: configuration-check
configuration-check:
	@$(BIN)/python tools/configuration.py --check

.PHONY: lock
lock: setup ## Pin every dependency anew in requirements.lock (ARGS=--upgrade)
	@$(BIN)/python tools/lock.py $(ARGS)

.PHONY: clean
clean: ## Stop the sandbox and remove its state, keys included
	@if [ -x $(BIN)/shirushi ]; then $(BIN)/shirushi clean; else rm -rf .sandbox; fi

.PHONY: setup-browser
setup-browser:
	@tools/setup.sh browser
