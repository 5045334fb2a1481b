# Every target sets up .venv by itself, from Python and pip alone, and does nothing twice.
PYTHON ?= python3
BIN    := .venv/bin
READY  := .venv/.ready
DEV    := .venv/.dev
AUDIT  := .venv/.audit

# Some tests wait for clocks and servers rather than work: one more runs than there are cores.
WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) < 8 ? $$(getconf _NPROCESSORS_ONLN) + 1 : 8 )))

# Python starts in half the time from what it has compiled once, wherever that was forbidden.
unexport PYTHONDONTWRITEBYTECODE

# What an installation for `make sbom` has beside what everybody needs: the same as the container's image.
EXTRAS ?= gcs,azure,sftp,webdav,hf,parquet,tfrecord,datumaro,upd,dask

.PHONY: demo test lint format bench sbom audit constraints clean

demo: $(READY)      ## a sandbox platform and a real export of it
	@$(BIN)/outhaul demo --to demo

test: $(DEV)      ## the whole test suite
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)

lint: $(DEV)      ## style, then types
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

format: $(DEV)
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: $(DEV)     ## ratios against a bare floor, measured in one run
	@$(BIN)/python -m tests.benchmarks $(ARGS)

sbom: $(AUDIT)    ## what an installation consists of, without what tests need, as CycloneDX JSON
	@rm -rf .venv/runtime && $(BIN)/python -m venv --without-pip .venv/runtime
	@$(call install,.venv/runtime,".[$(EXTRAS)]")
	@mkdir -p dist && .venv/audit/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	   --output-format JSON --output-file dist/sbom.json .venv/runtime/bin/python && echo "dist/sbom.json"

audit: $(AUDIT)   ## whether vulnerabilities are known of what constraints.txt pins; says so if nobody can be asked
	@.venv/audit/bin/python -m tests.supply.audit

constraints: $(BIN)/uv ## resolve exact versions again, within the ranges of pyproject.toml
	@{ echo "# Exact versions known to work together; made from pyproject.toml by \`make constraints\`."; \
	   $(BIN)/uv pip compile pyproject.toml --all-extras --group dev --group audit --group install --universal \
	     --python-version 3.11 --no-emit-index-url --no-header --no-annotate --quiet; } > .constraints.new && \
	   mv .constraints.new constraints.txt

clean:              ## everything made here; the workspace under the user's cache stays
	rm -rf .venv demo dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv installs in seconds what takes pip a minute; where it cannot reach the package index, pip does it.
# The first word is the environment, the second what is installed.
install = $(BIN)/uv pip install --python $(1)/bin/python --quiet -c constraints.txt $(2) || { \
	   $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt pip && \
	   $(BIN)/python -m pip --python $(1)/bin/python install -qq --disable-pip-version-check -c constraints.txt $(2) ; }

$(READY): pyproject.toml constraints.txt | $(BIN)/uv
	@$(call install,.venv,-e .)
	@touch $@

# Tests need the formats' own readers too, which are many times larger than what is used.
$(DEV): $(READY)
	@echo "Setting up what tests need (once) ..." >&2
	@$(call install,.venv,--group dev -e .)
	@touch $@

# What looks at an installation is no part of one.
$(AUDIT): pyproject.toml constraints.txt | $(BIN)/uv
	@$(BIN)/python -m venv --without-pip .venv/audit
	@$(call install,.venv/audit,--group audit)
	@touch $@

$(BIN)/uv:
	@echo "Setting up .venv (once) ..." >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt uv
