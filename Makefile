# `make demo` tries it, `make test` checks it. Needs Python 3.11+, pip and make; nothing else.
# .venv is built by .ci/install from the locks; its stamps make the second run instant.

BIN := .venv/bin
INSTALLED := .venv/installed
INSTALLED_DEV := .venv/installed-dev
UV = $(shell command -v uv || echo $(BIN)/uv)
COMPILE = $(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help demo run test simulate bench cards screenshot format lock install

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

demo: $(INSTALLED) ## try it in the browser, no account needed (PORT=8080, RESET=1 starts anew)
	@exec $(BIN)/countersign demo $(if $(RESET),--reset)

run: $(INSTALLED) ## the bot itself, on countersign.toml and .env
	@exec $(BIN)/countersign run

test: $(INSTALLED_DEV) ## every check and test, as CI runs them
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 4 --dist worksteal -m "not benchmark"

simulate: $(INSTALLED_DEV) ## long runs of faults and crashes (SEEDS=20000, KILLS=300, PAIRS=1, SWAPS=1 or STORIES=5000)
	$(BIN)/python -m tests.simulation --seeds $(or $(KILLS),$(SEEDS),1000) \
		$(if $(KILLS),--kills) $(if $(PAIRS),--pairs) $(if $(SWAPS),--swaps) $(if $(STORIES),--stories $(STORIES))

bench: $(INSTALLED_DEV) ## the long measurements
	$(BIN)/python -m pytest -s -m benchmark tests/benchmarks

cards: $(INSTALLED_DEV) ## photograph every card and message, light and dark, into artifacts/
	$(BIN)/python -m tests.browser.cards

screenshot: $(INSTALLED_DEV) ## photograph the demo for the README, with Chromium
	$(BIN)/python -m tests.browser.screenshot

format: $(INSTALLED_DEV) ## rewrite the code as `make test` wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(INSTALLED) ## write the locks anew from pyproject.toml
	$(COMPILE) --group build pyproject.toml -o requirements.txt
	$(COMPILE) --group build --group dev pyproject.toml -o requirements-dev.txt
	$(COMPILE) --group installer -o requirements-uv.txt

install: $(INSTALLED) ## only build .venv

$(INSTALLED): requirements.txt requirements-uv.txt pyproject.toml .ci/install
	@.ci/install requirements.txt
	@touch $@

$(INSTALLED_DEV): requirements-dev.txt requirements-uv.txt pyproject.toml .ci/install
	@.ci/install requirements-dev.txt
	@touch $@ $(INSTALLED)
