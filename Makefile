# ARGS= is handed on: make demo ARGS="--customers 5", make test ARGS="-k escpos"
BIN := .venv/bin
STAMP := .venv/.ready
# Debian keeps mosquitto where only root looks.
export PATH := $(PATH):/usr/sbin

.PHONY: help demo test check bench clean machine
.NOTPARALLEL:

help:  ## what there is (this list)
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP)  ## a whole lobby on simulated hardware; needs no root
	$(BIN)/lobby demo $(ARGS)

test: machine $(STAMP)  ## the tests; as root installs Mosquitto where it is missing
	$(BIN)/pytest $(ARGS)

check: $(STAMP)  ## lint, format, types and the import rule
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports

bench: $(STAMP)  ## the measurements
	$(BIN)/python -m bench $(ARGS)

clean:  ## remove all that was made here, the environment too
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

machine:
	@.ci/prepare machine

$(STAMP): requirements.txt pyproject.toml
	@.ci/prepare venv
	@touch $@
