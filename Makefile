# The verbs of this repository. Each sets up what it needs by itself in .venv; all it wants of the machine is
# Python >= 3.11 with pip, make and git. The same verbs run in continuous integration.
#
#   make run                 everything, from an example model to a prediction; stays up on port 8800
#   make run EXIT=1          the same, then stops; fails if any step failed
#   make test                every test that runs anywhere, under 20 minutes
#   make test ARGS="tests/api -q"
#   make test-all            adds the browser, the kill matrix and the escape matrix
#   make check               formatting, lint, types, our own rules
#   make bench               the measurements of bench/, written to docs/explanation/performance.md by hand
#   make docs                generates docs/reference from the code
#   make screenshots         takes the README's pictures of the console; needs Chromium
#   make format | lock | clean

SHELL := /bin/sh
.SHELLFLAGS := -eu -c
.DEFAULT_GOAL := help
VENV ?= .venv
export VENV
PY := $(VENV)/bin/python
PORT ?= 8800
EXIT ?=
HOME_DIR ?= .modelyard
ARGS ?=

# The first interpreter that can run tools/setup.py; the script then chooses the newest one for the environment.
BOOT_PYTHON = for p in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python; do \
	  if "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then break; fi; p=; done; \
	if [ -z "$$p" ]; then echo "set-up: no Python >= 3.11 on the path. Next: install one, or make PYTHON=/path/to/python3.12 ..." >&2; exit 1; fi; \
	$(if $(PYTHON),PYTHON="$(PYTHON)") "$$p" tools/setup.py

.PHONY: help setup setup-run run test test-all check format bench docs screenshots lock clean

help:
	@sed -n '4,15s/^# \{0,1\}//p' Makefile

setup-run:
	@$(BOOT_PYTHON) run

setup:
	@$(BOOT_PYTHON) test

run:
	@$(BOOT_PYTHON) run $(PY) -m modelyard.cli.demo --home "$(HOME_DIR)" --port "$(PORT)" $(if $(EXIT),--exit)

test:
	@$(BOOT_PYTHON) test $(PY) -m pytest $(ARGS)

test-all:
	@$(BOOT_PYTHON) test $(PY) -m pytest --everything $(ARGS)

check: setup
	@failed=; \
	$(PY) -m ruff format --check --output-format concise . || failed=1; \
	$(PY) -m ruff check --output-format concise . || failed=1; \
	$(PY) -m mypy || failed=1; \
	$(PY) -m tools.lint || failed=1; \
	[ -z "$$failed" ]

format: setup
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix-only --quiet .

bench:
	@$(BOOT_PYTHON) test $(PY) -m bench $(ARGS)

docs: setup
	@$(PY) -m tools.docs

screenshots: setup
	@$(PY) -m tools.screenshots --port "$(PORT)"

lock: setup
	@$(PY) tools/lock.py $(ARGS)

clean:
	@rm -rf .venv-boot .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .setup-lock
	@find src worker tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
