# Every target sets up .venv by itself, from Python and pip alone, and does nothing twice.
PYTHON ?= python3
BIN    := .venv/bin
READY  := .venv/.ready
DEV    := .venv/.dev

# Python starts in half the time from what it has compiled once, wherever that was forbidden.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint format bench constraints clean

demo: $(READY)      ## a sandbox platform and a real export of it
	@$(BIN)/outhaul demo --to demo

test: $(DEV)      ## the whole test suite
	@$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadgroup $(ARGS)

lint: $(DEV)      ## style, then types
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

format: $(DEV)
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: $(DEV)     ## ratios against a bare floor, measured in one run
	@$(BIN)/python -m tests.benchmarks $(ARGS)

constraints: $(BIN)/uv ## resolve exact versions again, within the ranges of pyproject.toml
	@{ echo "# Exact versions known to work together; made from pyproject.toml by \`make constraints\`."; \
	   $(BIN)/uv pip compile pyproject.toml --all-extras --group dev --group install --universal --python-version 3.11 \
	     --no-emit-index-url --no-header --no-annotate --quiet; } > .constraints.new && mv .constraints.new constraints.txt

clean:              ## everything made here; the workspace under the user's cache stays
	rm -rf .venv demo dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv installs in seconds what takes pip a minute; where it cannot reach the package index, pip does it.
install = $(BIN)/uv pip install --python $(BIN)/python --quiet -c constraints.txt $(1) -e . || { \
	   $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt pip && \
	   $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt $(1) -e . ; }

$(READY): pyproject.toml constraints.txt | $(BIN)/uv
	@$(call install,)
	@touch $@

# Tests need the formats' own readers too, which are many times larger than what is used.
$(DEV): $(READY)
	@echo "Setting up what tests need (once) ..." >&2
	@$(call install,--group dev)
	@touch $@

$(BIN)/uv:
	@echo "Setting up .venv (once) ..." >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt uv
