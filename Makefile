# The two commands of the README are `make demo` and `make test`; both make .venv where it is missing.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
BOOTSTRAP := $(PYTHON) scripts/bootstrap.py
MODEL := smollm2-135m
# One process a core and one thread in each: torch's threads in several processes would get in each other's way.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadgroup

.PHONY: help demo test fast coverage lint lint-tools style types layers format docs hooks clean

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: ## A group chat on the embedded model, offline and without a key
	@$(BOOTSTRAP) local
	@$(BIN)/autogen-like models pull $(MODEL)
	@$(BIN)/python samples/demo.py $(DEMO)

test: ## Install what the tests need and run them all
	@$(BOOTSTRAP) all,test
	@scripts/system_packages.sh
	@$(BIN)/autogen-like models pull $(MODEL)
	$(PYTEST) $(TESTS)

fast: ## The tests that take no more than a few seconds each
	@$(BOOTSTRAP) all,test
	@$(BIN)/autogen-like models pull $(MODEL)
	$(PYTEST) -m "not slow" $(TESTS)

coverage: ## All tests, and which branches of the package they take
	@$(BOOTSTRAP) all,test
	@scripts/system_packages.sh
	@$(BIN)/autogen-like models pull $(MODEL)
	$(PYTEST) --cov --cov-report=term --cov-report=json:.cache/coverage.json
	@$(BIN)/python scripts/branch_coverage.py .cache/coverage.json 90

lint: style types layers ## Style, types, and who may import whom

style types layers: lint-tools

lint-tools:
	@$(BOOTSTRAP) all,lint

style:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

layers:
	$(BIN)/lint-imports

format: ## Mend what ruff can mend
	@$(BOOTSTRAP) all,lint
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

docs: ## Build the documentation into site/
	@$(BOOTSTRAP) docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

hooks: ## Run the checks of `make lint` before each commit
	@$(BOOTSTRAP) all,lint
	$(BIN)/pre-commit install

clean: ## Remove .venv and everything that was built
	rm -rf .venv build dist site .cache .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info
