# Two commands do everything on a machine with Python 3.11 or newer and pip: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: demo test docs format sdks benchmark clean

# The main job on the example project: offline and without a key, once the environment is there.
demo: $(VENV)/demo
	@$(BIN)/python example_project/demo.py

test: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -n 2

# Write the generated parts of README.md and docs/ anew.
docs: $(VENV)/test
	$(BIN)/python docs/generate.py

format: $(VENV)/test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Both environments are one, made from nothing whenever pyproject.toml has changed.
$(VENV)/demo: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed. Name it: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) install --editable .
	@touch $@

$(VENV)/test: $(VENV)/demo
	$(PIP) install --upgrade "pip>=25.1"
	$(PIP) install --editable ".[yaml]" --group test --group lint
	@touch $@

# Every SDK whose calls are captured, newest and previous, each in an environment of its own, and a real proxy.
sdks: $(VENV)/test
	$(BIN)/python tests/sdks
	$(BIN)/python docs/generate.py
	$(BIN)/python -m pytest -q tests/test_real_servers.py

benchmark:
	$(PYTHON) benchmarks/speed

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
