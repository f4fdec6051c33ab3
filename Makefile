# The commands of this project. `make demo` and `make test` do all their own set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000

.PHONY: demo test lint types floors unit bench docs lock tools clean
.DEFAULT_GOAL := test

# --- the two commands -------------------------------------------------------------------------------------------

demo: $(VENV)/.demo $(if $(NOTEBOOK),$(VENV)/.notebook)  ## flights, from data to signed-in answers; NOTEBOOK=1 churn.ipynb; CHECK=1 asks once and stops
	$(BIN)/python examples/demo.py $(if $(NOTEBOOK),--notebook) $(if $(CHECK),--check) --port $(if $(CHECK),0,$(PORT))

test: lint types floors unit  ## everything that continuous checks look at

# --- the parts of `test` ----------------------------------------------------------------------------------------

lint: $(VENV)/.test
	$(BIN)/ruff check src tests examples benchmarks
	$(BIN)/ruff format --check src tests examples benchmarks

types: $(VENV)/.test
	$(BIN)/mypy

floors: $(VENV)/.test
	$(BIN)/lint-imports

unit: $(VENV)/.test tools  ## DATABASE=postgresql keeps every home of the tests in PostgreSQL
	PYTHONHASHSEED=0 $(if $(DATABASE),UNSHELVE_TEST_DATABASE=$(DATABASE)) \
		$(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder  # what a file sets up is set up once

# --- others -----------------------------------------------------------------------------------------------------

bench: $(VENV)/.test  ## the figures in docs/, measured again; each prints its ratios
	for script in benchmarks/*.py; do echo "== $$script" && $(BIN)/python $$script || exit 1; done

docs: $(VENV)/.test  ## checks that docs say what the code does
	$(BIN)/python -m pytest tests/architecture

lock: $(VENV)/.test  ## writes requirements/*.txt anew from what is installed
	$(BIN)/python requirements/lock.py

tools:  ## what only tests need from Debian: a browser
	@sh requirements/tools.sh

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache examples/*/.unshelve examples/notebooks/churn/churn

# --- set-up -----------------------------------------------------------------------------------------------------

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: requirements/build.txt requirements/base.txt requirements/demo.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/build.txt -r requirements/demo.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.notebook: requirements/notebook.txt $(VENV)/.demo
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/notebook.txt
	@touch $@

$(VENV)/.test: requirements/build.txt requirements/base.txt requirements/test.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/build.txt -r requirements/test.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
