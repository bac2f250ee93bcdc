# `make study` sets everything up and runs the embedded study; `make test` runs all tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORES ?= 2
export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: study test setup lint docs clean

study: setup
	snakemake --cores $(CORES)

test: setup
	python -m pytest tests/unit tests/workflow

lint: setup
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow/rules
	snakemake --lint
	python -m pytest -q tests/unit/test_config_docs.py

docs: setup
	PYTHONPATH=workflow python -m manybaskets.config.documentation

setup: $(VENV)/installed

# The stamp holds what was installed, so that a changed lock file installs again.
$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; name one with: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--editable '.[models,dev]'
	touch $@

clean:
	rm -rf $(VENV) .snakemake
