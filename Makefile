# ARGS= is handed on: make demo ARGS="--customers 5", make test ARGS="-k escpos"
BIN := .venv/bin
STAMP := .venv/.ready
AXE := tests/browser/node_modules/.ready
# Debian keeps mosquitto where only root looks.
export PATH := $(PATH):/usr/sbin
# Most tests wait most of the time, so there are more workers than processors; who has nothing to do takes from the others.
WORKERS := -n 5 --dist worksteal
# What tests make up for `make verify`: in CI the same every time, elsewhere something new, and more of it.
ifeq ($(CI),true)
SEED ?= 1
EXTENT := --hours 3000 --bad-days 6 --traffic-days 20
else
SEED ?= $(shell date +%s)
EXTENT := --hours 10000 --bad-days 20 --traffic-days 20
endif

.PHONY: help demo test screens verify reference check bench deb bundle test-install lock clean machine promtool
.NOTPARALLEL:

help:  ## what there is (this list)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP)  ## a whole lobby on simulated hardware; needs no root
	$(BIN)/lobby demo $(ARGS)

test: machine $(STAMP) $(AXE) promtool  ## the tests; as root installs Mosquitto, espeak-ng, Chromium and npm where missing
	$(BIN)/pytest $(WORKERS) $(ARGS)

screens: machine $(STAMP) $(AXE)  ## pictures of every page into .screens/, and the sheet of them in docs/pictures
	$(BIN)/pytest -q -s tests/browser/screens.py $(ARGS)

verify: machine $(STAMP) $(AXE) promtool  ## what takes longer: statistics, long runs, bad days, recorded days, new random cases (SEED=)
	@seed=$(SEED); set -x; $(BIN)/pytest $(WORKERS) -m "hypothesis or verify or long" --timeout 1200 \
		--hypothesis-profile explore --hypothesis-seed $$seed $(EXTENT) --from $$seed $(ARGS)

reference: $(STAMP)  ## make docs/reference anew from the program
	$(BIN)/python -m docs.generate

check: $(STAMP)  ## lint, format, types and the import rule
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports

bench: $(STAMP)  ## the measurements
	$(BIN)/python -m bench $(ARGS)

deb: $(STAMP)  ## the Debian package for this system's Python, into dist/
	packaging/build deb

bundle: $(STAMP)  ## an archive with install.sh for other distributions, into dist/; PYTHONS= for some versions of Python
	packaging/build bundle

test-install: $(STAMP)  ## install, update and remove the package in a Debian that is booted; as root, about five minutes
	@.ci/prepare install
	packaging/build deb
	PYTHONS=$$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])') packaging/build bundle
	$(BIN)/pytest -v -m install tests/install --timeout 600 $(ARGS)

# requirements.txt is what a branch needs, requirements-dev.txt has the demo's and the tools as well. Hashes, no addresses.
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url
# What packages ask for and a branch does without: python-escpos its command line and installation, rich colours of source
# text and Markdown, cffi making bindings anew. So `pip install --no-deps` takes this file; a test imports everything.
BRANCH := $(addprefix --no-emit-package ,appdirs argcomplete setuptools markdown-it-py mdurl pygments pycparser)
UPGRADE := --upgrade
DEV := --extra build --extra demo --extra pictures --extra dev

lock:  ## choose the newest allowed versions of everything (needs uv); UPGRADE= keeps those that can stay
	$(LOCK) $(UPGRADE) $(BRANCH) pyproject.toml -o requirements.txt
	$(LOCK) $(UPGRADE) $(DEV) -c requirements.txt pyproject.toml -o requirements-dev.txt

clean:  ## remove all that was made here, the environment too
	rm -rf .venv .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist *.egg-info
	rm -rf .screens .install tests/browser/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

machine:
	@.ci/prepare machine

promtool: $(STAMP)
	@.ci/prepare promtool

$(STAMP): requirements-dev.txt pyproject.toml
	@.ci/prepare venv
	@touch $@

$(AXE): tests/browser/package-lock.json
	@.ci/prepare axe
	@touch $@
