# Everything happens in .venv, which `make install` prepares; a machine needs only Python 3.11 or newer and make.

MAKEFLAGS += --no-print-directory
NEWER := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	if $$name -c '$(NEWER)' 2>/dev/null; then echo $$name; break; fi; done)
BIN := .venv/bin
READY := .venv/.ready
OPENAPI := $(BIN)/python -c 'import json; from service.main import create_app; from service.settings import Settings; \
	print(json.dumps(create_app(Settings()).openapi(), indent=2, ensure_ascii=False))'

.PHONY: install demo test check lint types arrows openapi openapi-check languages lock lock-check bench bench-detection

install: $(READY)

$(READY): requirements-dev.lock pyproject.toml
	@if ! "$(or $(PYTHON),python3)" -c '$(NEWER)' 2>/dev/null; then \
		echo "Evenkeel needs Python 3.11 or newer. If it is not on the PATH: make install PYTHON=/path/to/python3.11" >&2; \
		exit 1; fi
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY)
	$(BIN)/evenkeel demo

test: $(READY)
	$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile

check: lint types arrows openapi-check lock-check

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

arrows: $(READY)
	$(BIN)/lint-imports

openapi: $(READY)
	$(OPENAPI) > openapi/openapi.json.new
	mv openapi/openapi.json.new openapi/openapi.json

openapi-check: $(READY)
	@$(OPENAPI) | diff -u openapi/openapi.json - || \
		{ echo "openapi/openapi.json is not what the service says: run make openapi" >&2; exit 1; }

# Makes room in service/languages/*.po for new sentences, to be translated, and takes out those that nobody says.
languages: $(READY)
	$(BIN)/python -m service.languages.completing

# Pins what is new and keeps what is pinned; `make lock UPGRADE=--upgrade` takes new releases of everything.
lock: $(READY)
	.ci/lock $(UPGRADE)

lock-check: $(READY)
	.ci/lock --check

bench: $(READY)
	$(BIN)/python -m bench

# Writes bench/detection/RESULTS.md. What the dependency group `bench` names takes part where it is installed:
# .venv/bin/uv pip install --python .venv --group bench
bench-detection: $(READY)
	$(BIN)/python -m bench.detection
