# Targets set up what they need: uv, the virtual environment, the real servers. What is up to date is skipped.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/triagent
UV_VERSION := 0.13.8
# A version manager's shim may be on PATH and yet not run: ask it.
UV := $(shell uv --version >/dev/null 2>&1 && echo uv || echo $(CACHE)/uv-$(UV_VERSION)/bin/uv)
BIN := .venv/bin
STAMPS := .venv/.stamps
INSTALL = $(UV) pip install $$([ -t 2 ] || echo --quiet) --python $(BIN)/python

# $(call step,what,command): says what it does, and how long it took.
step = @echo "· $(1)"; started=$$(date +%s); $(2) && echo "✓ $(1), $$(( $$(date +%s) - started )) s"

.PHONY: help setup demo test test-lab lab lab-down lab-parts lint types imports parts bench evals lock clean

help: ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(STAMPS)/base ## Set up everything for development: packages, Temporal, Prometheus, Alertmanager
	@$(MAKE) --no-print-directory -j2 $(STAMPS)/dev parts

demo: $(STAMPS)/base parts ## See an alert become an approved, verified, documented fix (KEEP=1 leaves it running)
	@$(BIN)/triagent demo $(if $(KEEP),--keep)

test: setup ## Run the tests against the real servers
	$(BIN)/pytest -n 3 --dist loadfile -m 'not lab'

test-lab: setup lab-parts ## Prove the product on the real cluster (FULL=1 for all repetitions; AGAIN=1 what failed; writes lab-report/)
	$(BIN)/pytest -m lab tests/lab --durations 20 $(if $(FULL),--full,-n 2 --dist loadfile) $(if $(AGAIN),--last-failed)

lab: $(STAMPS)/base lab-parts ## Bring up a real cluster with Argo CD and the shop on it, and say how to look around
	@$(BIN)/python -m lab.site up

lab-down: $(STAMPS)/base ## End what `make lab` started; data and logs stay in .lab
	@$(BIN)/python -m lab.cluster down

lint: $(STAMPS)/dev ## Check style and formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(STAMPS)/dev ## Check types
	$(BIN)/pyright

imports: $(STAMPS)/dev ## Check that imports point the way the architecture says
	$(BIN)/lint-imports

bench: setup ## Measure the product's numbers on this machine; writes bench-report.md and .json
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m benchmarks $(if $(SHORT),--short)

evals: setup ## Run every suite, draw scoreboard/, fail on a regression (SHORT=1; SUITES="folders" adds recorded incidents)
	$(BIN)/triagent evals scoreboard $(SUITES) $(if $(SHORT),--short)

lock: ## Renew the pinned versions after pyproject.toml has changed
	$(UV) pip compile pyproject.toml --universal --python-version 3.11 --extra embeddings --group dev \
	  --generate-hashes --no-annotate --no-header --quiet -o requirements/dev.lock
	$(UV) pip compile pyproject.toml --universal --python-version 3.11 -c requirements/dev.lock \
	  --generate-hashes --no-annotate --no-header --quiet -o requirements/base.lock

clean: ## Remove the virtual environment and the tools' caches; servers stay in the user's cache
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The servers live outside the tree, so no stamp: looking whether they are there takes a second.
parts: $(STAMPS)/base
	@echo "· servers: Temporal, Prometheus, Alertmanager"
	@$(BIN)/python -m lab.parts temporal prometheus alertmanager

lab-parts: $(STAMPS)/base ## Set up the servers of the real cluster only
	@echo "· servers: Kubernetes, Argo CD and what they need; the first build takes a quarter of an hour"
	@$(BIN)/python -m lab.parts

$(STAMPS)/dev: requirements/dev.lock $(STAMPS)/base
	$(call step,packages for development,$(INSTALL) --require-hashes -r requirements/dev.lock)
	@touch $@

$(STAMPS)/base: requirements/base.lock pyproject.toml $(STAMPS)/venv
	$(call step,packages,$(INSTALL) --require-hashes -r requirements/base.lock)
	$(call step,triagent itself,$(INSTALL) --no-deps -e .)
	$(call step,bytecode,PYTHONDONTWRITEBYTECODE= $(BIN)/python -c 'import service.runtime')
	@touch $@

$(STAMPS)/venv: | $(filter-out uv,$(UV))
	$(call step,virtual environment,$(BIN)/python -c pass 2>/dev/null || $(UV) venv --quiet --clear --python '>=3.11' .venv)
	@mkdir -p $(STAMPS) && touch $@

$(CACHE)/uv-$(UV_VERSION)/bin/uv:
	$(call step,uv $(UV_VERSION),.ci/uv $(UV_VERSION) $(CACHE)/uv-$(UV_VERSION))
