# Every target sets itself up in a virtual environment of its own ($(VENV)).
PYTHON ?= python3
VENV ?= .venv
# The version that is tested; override to take another build, or one that is installed already.
TORCH ?= torch==2.13.0

PIP = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check
SOURCES = pyproject.toml CMakeLists.txt $(VENV)/.packages $(shell find csrc -type f)
RUN ?= runs/demo.igf
# More for the benchmarks' pytest: -m huge adds 200M elements and a model of 1.2 billion parameters.
BENCH ?=

# Interpreters that `make wheel` builds for.
PYTHONS ?= python3.10 python3.11 python3.12 python3.13
# GPU architectures that `make gates` compiles for, such as 75 90; all of a release by default.
GATES ?=
# Processes that `make test` takes; tests of a file share one.
WORKERS ?= 2

.PHONY: demo test bench lint smoke gates wheel gpu format clean

$(VENV)/.torch:
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip
	$(PIP) "$(TORCH)"
	touch $@

# An editable install remembers which modules are packages: this list of them changes when they do.
$(VENV)/.packages: $(VENV)/.torch FORCE
	@find igfast -name __init__.py | LC_ALL=C sort > $@.now
	@if cmp -s $@.now $@; then rm $@.now; else mv $@.now $@; fi

FORCE:

$(VENV)/.user: $(VENV)/.torch $(SOURCES)
	$(PIP) --editable ".[harness,report,cli]"
	touch $@

$(VENV)/.dev: $(VENV)/.torch $(SOURCES)
	$(PIP) --editable ".[dev]"
	touch $@ $(VENV)/.user

$(VENV)/.bench: $(VENV)/.torch $(SOURCES)
	$(PIP) --editable ".[bench]"
	touch $@

demo: $(VENV)/.user
	$(VENV)/bin/igfast train --output $(RUN) --overwrite --report

# Small matrices: more BLAS threads only wait for each other.
test: export OPENBLAS_NUM_THREADS = 1
test: $(VENV)/.dev
	$(VENV)/bin/python -m pytest -n $(WORKERS) --dist loadfile

# A few minutes on an idle machine; then rewrites benchmarks/results and docs/performance.md.
bench: $(VENV)/.bench
	mkdir -p build
	$(VENV)/bin/python -m pytest benchmarks -q --benchmark-json=build/bench.json $(BENCH)
	$(VENV)/bin/python -m benchmarks.targets
	$(VENV)/bin/python -m benchmarks.scaling
	$(VENV)/bin/python -m benchmarks.kernels
	$(VENV)/bin/python -m benchmarks.increments
	$(VENV)/bin/python -m benchmarks.tables build/bench.json

# Benchmarks in C++ are compiled by hand: here it shows that they still can be.
lint: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/clang-format --dry-run --Werror $$(find csrc tests benchmarks -name '*.h' -o -name '*.cuh' -o -name '*.cu' -o -name '*.cpp')
	$(CXX) -std=c++17 -fsyntax-only -Wall -Wextra -Werror -DIGFAST_HAVE_X86_ISAS -Icsrc benchmarks/*.cpp

format: $(VENV)/.dev
	$(VENV)/bin/ruff format .
	$(VENV)/bin/clang-format -i $$(find csrc tests benchmarks -name '*.h' -o -name '*.cuh' -o -name '*.cu' -o -name '*.cpp')

# The core as a user installs it: an isolated build, NumPy alone, no extras.
smoke:
	rm -rf build/smoke
	$(PYTHON) -m venv build/smoke
	build/smoke/bin/python -m pip install --quiet --disable-pip-version-check -C build-dir=build/smoke/build .
	cd build && smoke/bin/python -W error ../.ci/smoke.py

# What the CUDA kernels compile to; needs nvcc, but no GPU.
gates: $(VENV)/.torch
	$(PIP) --no-deps nvidia-cuda-nvdisasm
	$(VENV)/bin/python tools/cuda_gates.py $(GATES:%=--arch %)

# Needs nvcc for the CUDA library: without it the wheels are CPU-only.
wheel:
	$(PYTHON) tools/wheel.py $(PYTHONS:%=--python %)

# On a machine with a GPU, with the packages that its Python has; `make gpu REHEARSE=1` without one.
gpu:
	$(PYTHON) tools/gpu.py $(if $(REHEARSE),--rehearse)

clean:
	rm -rf $(VENV) build dist
