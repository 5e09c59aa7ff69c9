# SPDX-License-Identifier: GPL-3.0-or-later
# `make demo` and `make test` install what is missing, build PJSIP once (cached), and go.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= config/example.yaml

.PHONY: setup demo test check fmt run bench bench-detector bench-asterisk bench-transfers interop image docs clean

setup: $(VENV)/.ready

$(VENV)/.ready: $(VENV)/.packages $(VENV)/.python $(VENV)/.pjsua2
	@touch $@

# Debian packages: only what is missing is installed, so without root it works where nothing is.
$(VENV)/.packages: b2bua/native/apt-packages.txt tests/peers/apt-packages.txt tests/install-packages
	@tests/install-packages b2bua/native/apt-packages.txt tests/peers/apt-packages.txt
	@mkdir -p $(VENV) && touch $@

$(VENV)/.python: $(VENV)/.packages pyproject.toml
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# Rebuilt only when its key (sources, config_site.h, Python) changes; the wheel is cached outside the tree.
$(VENV)/.pjsua2: $(VENV)/.python $(wildcard b2bua/native/*.*)
	@wheel=$$($(BIN)/python -m b2bua.native.build) && \
	  $(BIN)/pip install --quiet --disable-pip-version-check --force-reinstall --no-deps "$$wheel"
	@touch $@

demo: setup
	@$(BIN)/python -m tests.peers.demo

$(VENV)/.test-packages: $(VENV)/.ready tests/apt-packages.txt
	@tests/install-packages tests/apt-packages.txt
	@touch $@

check: setup
	$(BIN)/ruff check .
	$(BIN)/mypy

test: check $(VENV)/.test-packages
	$(BIN)/python -m pytest

fmt: setup
	$(BIN)/ruff check --fix .

run: setup
	@$(BIN)/b2bua run --config $(CONFIG)

bench: setup
	@$(BIN)/python -m tests.peers.bench
	@$(BIN)/python -m tests.load.digits
	@$(BIN)/python -m tests.load.recorded

bench-transfers: setup
	@$(BIN)/python -m tests.load.transfers

bench-detector: setup
	@$(BIN)/python -m tests.bench.detector

# Asterisk 22 from Debian sid in a folder of the cache: debootstrap and root, nothing of the system is touched
$(VENV)/.interop-packages: $(VENV)/.ready tests/interop/apt-packages.txt
	@tests/install-packages tests/interop/apt-packages.txt
	@touch $@

bench-asterisk: $(VENV)/.interop-packages
	@$(BIN)/python -m tests.load.compare

interop: $(VENV)/.interop-packages
	$(BIN)/python -m pytest tests/interop -v -m interop

image:
	docker build --tag metaflow-b2bua .

# docs/modules.md from the models, docs/kazoo-checklist.md from the names of the tests
docs: setup
	@$(BIN)/python -m tests.docs

clean:
	rm -rf $(VENV) var build *.egg-info
