# Every verb runs in the locked environment of this clone, .venv, whatever environment the shell has active.
# Extra arguments: make test ARGS="tests/test_layers.py -x"

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# These would put another environment's packages in front of the locked ones.
unexport VIRTUAL_ENV CONDA_PREFIX PYTHONPATH PYTHONHOME UV_PROJECT_ENVIRONMENT
# pyenv's interpreters count, also where its shims are not on PATH.
PYENV_ROOT ?= $(HOME)/.pyenv
export PATH := $(PATH):$(shell printf '%s:' $(PYENV_ROOT)/versions/3.12.*/bin)
# Nothing here publishes to or reads from a model hub.
export HF_HUB_OFFLINE := 1

# uv: the one on PATH if it is recent enough, else a file of this clone.
UV_VERSION := 0.13.8
UV_MINIMUM := 0.13.0
UV_FILE := .tools/uv-$(UV_VERSION)/bin/uv
UV := $(shell v=$$( (uv --version || true) 2>/dev/null | cut -d' ' -f2 ); \
	if [ -n "$$v" ] && printf '%s\n' $(UV_MINIMUM) "$$v" | sort -C -V; then command -v uv; else echo $(UV_FILE); fi)
RUN := $(UV) run --no-sync
# Files of tests at a time; each takes a processor and up to 4 GB. 0: in this process, as a debugger needs it.
JOBS ?= 2
SYNCED := .venv/.synced
KIT_VERSION := 6.2.0.0
KIT_SYNCED := .venv-kit/.synced-$(KIT_VERSION)

.PHONY: help sync demo test stress check lint types spell format bench kit-env

help: ## Show the verbs
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 10

sync: $(UV) ## Bring the environment to uv.lock, with all extras
	$(UV) sync --locked --all-extras
	@touch $(SYNCED)

demo: $(SYNCED) ## Record 4 lift episodes into datasets/demo and show them
	rm -rf datasets/demo
	$(RUN) scripts/collect.py --task Lift-Custom-IK --episodes 4 --num_envs 2 --out datasets/demo
	$(RUN) scripts/inspect_data.py datasets/demo

test: $(SYNCED) ## Run the tests, without the long ones, JOBS (2) files at a time
	$(RUN) pytest -n $(JOBS) --dist loadfile $(ARGS)

stress: $(SYNCED) ## Run the long tests
	$(RUN) pytest -m stress $(ARGS)

check: lint types spell ## Lint, formatting, types, spelling

lint: $(SYNCED)
	$(RUN) ruff check
	$(RUN) ruff format --check

types: $(SYNCED)
	$(RUN) pyright

spell: $(SYNCED)
	$(RUN) codespell

format: $(SYNCED) ## Fix formatting and what ruff can fix
	$(RUN) ruff check --fix
	$(RUN) ruff format

bench: $(SYNCED) ## Measure recording, the source of docs/performance.md
	$(RUN) benchmarks/recording.py $(ARGS)

kit-env: $(KIT_SYNCED) ## Build .venv-kit, the Kit kernel that tests/test_kit.py needs (75 MB)

# A sync is a second of work at best: it is done again only when what it reads has changed.
$(SYNCED): uv.lock pyproject.toml .python-version | $(UV)
	$(UV) sync --locked --all-extras
	@touch $@

# Kit's pins clash with this project's. Without them the kernel is complete: they are for extensions that are not in it.
$(KIT_SYNCED): $(SYNCED)
	$(UV) venv --quiet --clear --python .venv/bin/python .venv-kit
	$(UV) pip install --quiet --python .venv-kit/bin/python --no-deps isaacsim-kernel==$(KIT_VERSION)
	@touch $@

# pip's --target leaves the system's packages alone, so an externally managed Python will do.
$(UV_FILE):
	@python=$$(for python in python3 python3.12 python; do \
		if $$python -m pip --version >/dev/null 2>&1; then echo $$python; break; fi; done); \
	if [ -z "$$python" ]; then echo "uv is missing, and so is a Python with pip to bring it: install one of the two" >&2; exit 1; fi; \
	echo "No uv $(UV_MINIMUM) or newer on PATH: installing $(UV_VERSION) into $(@D)"; \
	PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 $$python -m pip install --quiet --disable-pip-version-check --upgrade \
		--target .tools/uv-$(UV_VERSION) uv==$(UV_VERSION)
