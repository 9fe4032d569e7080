# Everything a person or CI types. Needs make and Python 3.11 or later; the rest it fetches itself
# into .venv, from the package registries only, and says so while it does.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
MINUTES := 60
RATE := 8
GAP := 1.5
UNSAFE := 0.2
FAULTS := kill,freeze,broker,rebalance,endtxn,cutoff,provider
SEEDS := 20000
WORKERS := 0
FROM := 0
RUN := $(VENV)/bin
PACKAGES := $(wildcard handrail agents topics tools memory desk deploy)
BENCHES := $(patsubst bench/%/__main__.py,%,$(wildcard bench/*/__main__.py))
CHECKED := tests/test_architecture.py tests/test_tidy.py tests/test_pages.py

# The environment is made anew when pyproject.toml changes: its checksum is part of the mark.
SUM := $(shell cksum < pyproject.toml | tr ' ' '-')
FOR_RUNNING := $(VENV)/made-for-running-$(SUM)
FOR_CHECKING := $(VENV)/made-for-checking-$(SUM)

.PHONY: help demo test check lint format bench proof simulate clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | while IFS='	' read -r name text; \
		do printf '  make %-8s %s\n' "$$name" "$$text"; done

demo: $(FOR_RUNNING) ## one question through the whole team on a real Kafka, then stop
	@$(RUN)/handrail demo

test: $(FOR_CHECKING) ## the whole suite, with a real Kafka; WORKERS=2 shares it out (0: one process)
	@$(RUN)/python -m pytest --numprocesses $(WORKERS) --max-worker-restart 0

check: lint ## format, lint, types, tidiness, architecture, unit tests
	$(RUN)/python -m pytest -q $(CHECKED) tests/unit

lint: $(FOR_CHECKING) ## the part of `make check` that runs nothing: format, lint, types
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy $(PACKAGES)
	$(RUN)/pyright

format: $(FOR_CHECKING) ## write the code the way `make check` wants it
	$(RUN)/ruff format .
	$(RUN)/ruff check --fix .

bench: $(FOR_CHECKING) ## measure, and print the figures with the machine they are from
	@for name in $(BENCHES); do $(RUN)/python -m bench.$$name || exit 1; done

proof: $(FOR_RUNNING) ## a team under faults for MINUTES (60), added to bench/proof/rounds.jsonl
	@$(RUN)/handrail chaos --team shipped --minutes $(MINUTES) --rate $(RATE) --gap $(GAP) \
		--unsafe $(UNSAFE) --faults $(FAULTS) --rounds bench/proof/rounds.jsonl; code=$$?; \
	$(RUN)/handrail chaos report --rounds bench/proof/rounds.jsonl && exit $$code

simulate: $(FOR_CHECKING) ## SEEDS (20000) schedules of faults on a simulated Kafka, FROM a seed (0) on
	@$(RUN)/python -m tests.simulation --seeds $(SEEDS) --from $(FROM)

clean: ## stop this project's local broker and take away what was made here
	@if [ -x $(RUN)/handrail ]; then \
		if [ -d .handrail/demo ]; then $(RUN)/handrail --project .handrail/demo down --yes; fi; \
		$(RUN)/handrail down --wipe --yes; \
	fi
	rm -rf $(VENV) .handrail build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

# The first Python that is new enough, or the one that is named: make demo PYTHON=/usr/bin/python3.12
define FIND_PYTHON
found=; \
for name in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python; do \
	if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
		found=$$name; break; fi; \
done; \
if [ -z "$$found" ]; then \
	echo "Handrail needs Python 3.11 or later, and there is none on this machine's PATH." >&2; \
	echo "  Do:  install it, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; \
	exit 1; \
fi
endef

$(VENV)/bin/python:
	@$(FIND_PYTHON); \
	echo "Making an environment in $(VENV) with $$("$$found" --version)."; \
	if ! "$$found" -m venv --clear $(VENV); then \
		rm -rf $(VENV); \
		echo "This Python cannot make virtual environments." >&2; \
		echo "  Do:  install its venv package (on Debian and Ubuntu: apt install python3-venv)" >&2; \
		exit 1; \
	fi

# A mark is written last: an environment that was cut off half-way is finished the next time.
define HAVE_PIP
if ! $(RUN)/python -m pip --version >/dev/null 2>&1; then $(RUN)/python -m ensurepip --upgrade; fi
endef

$(FOR_RUNNING): $(VENV)/bin/python
	@echo "Fetching what Handrail runs on (about 110 MB the first time)."
	@$(HAVE_PIP)
	@$(RUN)/python -m pip install --disable-pip-version-check --editable '.[all]'
	@rm -f $(VENV)/made-for-running-*
	@touch $@

$(FOR_CHECKING): $(VENV)/bin/python
	@echo "Fetching what Handrail is checked with (about 300 MB the first time)."
	@$(HAVE_PIP)
	@$(RUN)/python -m pip install --disable-pip-version-check --editable '.[dev]'
	@rm -f $(VENV)/made-for-running-* $(VENV)/made-for-checking-*
	@touch $@ $(FOR_RUNNING)
