# Two commands on a fresh machine with Python >= 3.11, make and git: `make run` to see it work, `make test` to check it.
# No logic here: what a target does lives in tools/ and cli/.

PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install develop run test check format docs chaos bench clean reset

help:  ## Show the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -e 's/:.*## /\t/' | expand -t 12

install:  ## Install what running needs into .venv
	@$(PYTHON) tools/install.py

develop:  ## Install what checks, tests and benchmarks need, too
	@$(PYTHON) tools/install.py --dev

run: install  ## Run everything on this machine until Ctrl-C
	@$(BIN)/liandong run

test: develop check  ## Run all checks and tests
	@$(BIN)/pytest -n logical --maxprocesses 4 --dist loadscope

check: develop  ## Lint, formatting, types, architecture
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: develop  ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: develop  ## Write the documents that are made from the code
	@$(BIN)/python -m tools.catalogue

chaos: develop  ## Kill processes under load and prove that nothing is lost (long form)
	@$(BIN)/python -m tests.chaos

bench: develop  ## Measure, print a table, write .liandong/bench.json
	@$(BIN)/python -m bench

clean:  ## Remove everything installed or cached, keep the data
	@rm -rf .venv node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache test-output

reset:  ## Remove this checkout's data: NATS, PostgreSQL, keys
	@rm -rf .liandong
