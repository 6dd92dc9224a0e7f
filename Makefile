# What a newcomer needs: make demo, make test, make fmt lint, make bench.
# One profile and one target directory for build, demo and test, so that nothing is compiled twice; it is outside the
# checkout, so that a fresh clone builds on what is there. The lints run inside that same build: see docs/decisions/0005.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

HOME_DIR ?= .demo
LISTEN ?=
ONCE ?=

export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/dataux/target
export RUSTC_WORKSPACE_WRAPPER := $(shell command -v clippy-driver)
export CLIPPY_ARGS ?= -Dwarnings

.PHONY: help build console console-dev demo test lint fmt bench soak charts image clean-demo

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

build: ## the binary at bin/dataux, with the console in it, incremental
	@scripts/prepare build
	@scripts/console build
	cargo build --workspace
	@mkdir -p bin
	@cmp -s "$$CARGO_TARGET_DIR/debug/dataux" bin/dataux || cp -f "$$CARGO_TARGET_DIR/debug/dataux" bin/dataux

console: ## the console alone, in console/dist; the binary takes it in with make build
	@scripts/console build

console-dev: ## the console with live reload, in front of the server at DATAUX_URL
	@scripts/console dev

demo: build ## a whole platform with a real airline's data, in .demo (HOME_DIR=DIR); ONCE=1 builds the example and exits
	bin/dataux demo --home $(HOME_DIR) $(if $(LISTEN),--listen $(LISTEN)) $(if $(filter-out 0,$(ONCE)),--once)

test: ## everything that must pass, with the minutes of each part
	@scripts/test

lint: ## format and lints, without running tests
	@command -v clippy-driver >/dev/null || { echo "clippy is missing: rustup component add clippy" >&2; exit 1; }
	@scripts/prepare build
	cargo fmt --all --check
	cargo build --workspace --all-targets

fmt: ## format the code
	cargo fmt --all

bench: ## measurements beside peers, with the release build
	@bench/run

soak: ## tests that take longer than CI allows: tests/soak/*.py
	@compgen -G 'tests/soak/*.py' >/dev/null || { echo "there is nothing in tests/soak yet" >&2; exit 1; }
	@$(MAKE) build
	@scripts/prepare soak
	@for scene in tests/soak/*.py; do scripts/servers scripts/python "$$scene"; done
	@scripts/console journeys all

charts: ## dist/charts: the chart and an index, as a repository; URL=, SIGN=, PUSH= as scripts/charts says
	@scripts/prepare test
	@scripts/charts package

image: ## dist/image: the container image and its bill of materials; PREBUILT=1 from the release build that is there
	@images/build

clean-demo: ## remove the demo's folder
	@# Only a folder that a demo made is removed.
	@if [ -d "$(HOME_DIR)/example" ]; then rm -rf -- "$(HOME_DIR)"; else echo "$(HOME_DIR) is no demo" >&2; fi
