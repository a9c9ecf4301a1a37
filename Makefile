# The commands of this repository; `make` prints them. Everything runs in .venv, which the first command creates.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
INSTALLERS := install-with-maven install-prism install-go-programs install-npm install-python-clients
NONE_FAILED := [[ -z $$failed ]] || { echo "not installed:$$failed" >&2; exit 1; }
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
SIDE_BY_SIDE := -n 2 --dist loadfile --no-loadscope-reorder  # conftest.py puts the files in order
BENCHMARKS := $(filter-out $(addprefix benchmarks/,dis_load.py changed_dis.py load_protocols.py side_by_side.py),$(wildcard benchmarks/*.py))
.PHONY: help setup test unit test-all lint types package check check-long soak bench demo docs runners $(INSTALLERS) cluster cluster-down clean

help:  ## print this
	@echo "beam_dis: Apache Beam and DIS, with a local DIS"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY)  ## create .venv with everything in it (the commands below do this if it is missing)

$(READY): pyproject.toml setup.py
	@test -x $(PY) || { python=$$(.ci/find-python) && echo "creating $(VENV) with $$($$python --version)" && { $$python -m venv $(VENV) || { rm -rf $(VENV); exit 1; }; }; }
	@echo "installing beam-dis and its tools into $(VENV)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --upgrade pip  # Python's own may be slow in choosing versions
	@PYTHONWARNINGS=ignore $(PY) -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

test: $(READY)  ## all tests except the long ones
	$(PY) -m pytest -m "not long" $(SIDE_BY_SIDE)

unit: $(READY)  ## the tests that start no process; takes seconds
	$(PY) -m pytest -m "not integration and not long"

test-all: $(READY)  ## the unit tests on the oldest and the newest supported Python
	.ci/test-all 3.10 3.13

lint: $(READY)  ## ruff: rules and format
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: $(READY)  ## mypy, strict, on beam_dis
	$(PY) -m mypy

package: $(READY)  ## build wheel and sdist, install the wheel into a fresh venv, use it
	.ci/check-package $(PY)

check: $(READY)  ## lint, types, make test, the docs' code blocks, the site, the built wheel
	@$(MAKE) --no-print-directory --output-sync=target --jobs=2 lint types package
	@$(MAKE) --no-print-directory test

check-long: $(READY)  ## the long tests: soaks, fuzzing, crashes; those that measure time run last, one after the other
	$(PY) -m pytest -m "long and not alone" $(SIDE_BY_SIDE)
	$(PY) -m pytest -m "long and alone"

soak: $(READY)  ## the soaks for ten minutes on each runner, and fuzzing for five minutes a format
	BEAM_DIS_SOAK_SECONDS=600 $(PY) -m pytest -m long tests/read/test_soak.py
	BEAM_DIS_FUZZ_SECONDS=300 $(PY) -m pytest -m long tests/formats/test_fuzz.py

bench: $(READY)  ## benchmarks: ratios measured side by side, and the machine
	@$(PY) -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	@.ci/install-npm || true  # without Node.js, kinesalite is left out
	@for script in $(BENCHMARKS); do echo "== $$script"; $(PY) $$script; echo; done

demo: $(READY)  ## a local DIS, a month of flights in, delays out: table, chart, demo-out/
	@exec $(PY) pipelines/demo.py

docs: $(READY)  ## the site of the documentation, with pictures of the console and the demo, in build/site
	@$(PY) docs/site/build.py --pictures

runners:  ## install Prism, Flink, official clients and libraries for comparison into .runners/, for the tests that need them
	@$(MAKE) --no-print-directory --output-sync=target --jobs=4 --keep-going $(INSTALLERS)

install-with-maven:  # one after the other: Maven's folder of downloads isn't made for several at a time
	@failed=; .ci/install-flink && .ci/install-flink-schema || failed+=" Flink"; \
	.ci/install-jars avro-java "Java's Avro" || failed+=" Avro-for-Java"; \
	.ci/install-jars java-client "DIS's Java SDK" || failed+=" Java-SDK"; \
	$(NONE_FAILED)

install-prism install-python-clients: $(READY)
	@.ci/$@ $(PY)

install-go-programs:  # one after the other, because they share most of what Go builds
	@failed=; .ci/install-go-client || failed+=" Go-SDK"; .ci/install-go-pipeline || failed+=" Go-pipeline"; $(NONE_FAILED)

install-npm:
	@.ci/$@

cluster: $(READY)  ## start a Flink of several processes, or those that have ended; prints the flags of a pipeline
	@$(PY) deploy/flink-local/flink_cluster.py up

cluster-down: $(READY)  ## end the processes of the cluster
	@$(PY) deploy/flink-local/flink_cluster.py down

clean:  ## remove what the commands above created; ends the cluster
	@[[ ! -e .cluster || ! -x $(PY) ]] || $(PY) deploy/flink-local/flink_cluster.py down
	rm -rf $(VENV) .venv-3.* .runners .cluster build dist demo-out *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
