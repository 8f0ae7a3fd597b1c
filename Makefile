# `make` lists the targets. Each makes the environment it needs when that is missing.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

VENV := .venv
SAM_VENV := .tools/sam
PYTHON := $(VENV)/bin/python
SAM := env PATH="$(CURDIR)/$(VENV)/bin:$$PATH" SAM_CLI_TELEMETRY=0 $(SAM_VENV)/bin/sam
CODE := functions layers/gaussdb_backup local tests tools
ARGS ?=
export STACK

.PHONY: help demo test test-container test-load lint format check build validate lock redrive stand-ins stop-stand-ins clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.complete  ## See it work: both clouds on this machine, the real handlers, a table of what happened
	@PYTHONPATH=.:layers/gaussdb_backup $(PYTHON) -m local.demo $(ARGS)

test: $(VENV)/.complete  ## Run all tests that need no Docker
	@$(PYTHON) -m pytest -q -n 2 -m "not container and not load" --cov --cov-report=term --cov-fail-under=95 $(ARGS)

test-container: $(VENV)/.complete build  ## Run the functions in the real runtime container (needs Docker)
	@$(PYTHON) -m pytest -q -m container tests/container $(ARGS)

test-load: $(VENV)/.complete  ## Run thousands of instances under faults
	@$(PYTHON) -m pytest -q -s -m load tests/load $(ARGS)

lint: $(VENV)/.complete validate  ## Check style, types, the direction of imports and the template
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy $(CODE)
	@PYTHONPATH=layers/gaussdb_backup $(VENV)/bin/lint-imports --no-logo
	@$(VENV)/bin/cfn-lint template.yaml

check: lint test  ## What must be clean before a change lands (CI adds the container tests)

format: $(VENV)/.complete  ## Format the code and mend what can be mended
	@$(VENV)/bin/ruff format . && $(VENV)/bin/ruff check --fix .

validate: $(SAM_VENV)/.complete
	@AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-eu-central-1} $(SAM) validate --lint

build: $(VENV)/.complete $(SAM_VENV)/.complete  ## Build the application into .aws-sam/
	@$(SAM) build

lock: $(VENV)/.complete  ## Pin the newest versions with hashes (needs uv)
	@for set in layers/dependencies/requirements requirements/dev requirements/sam requirements/uv; do \
		uv pip compile --quiet --upgrade --universal --python-version 3.13 --generate-hashes --no-header \
			--no-emit-index-url --no-emit-find-links --no-annotate $$set.in --output-file $$set.txt || exit 1; done

redrive: $(VENV)/.complete  ## Send the dead letters of STACK again, with your AWS credentials
	@$(PYTHON) -m tools.redrive "$${STACK:?name the stack: make redrive STACK=gaussdb-backup}"

stand-ins: $(VENV)/.complete  ## Run both clouds in a container, for `sam local invoke` (needs Docker on Linux)
	@$(PYTHON) -m local.container start

stop-stand-ins: $(VENV)/.complete  ## Stop them
	@$(PYTHON) -m local.container stop

clean:  ## Remove everything that was made
	rm -rf $(VENV) .tools .aws-sam .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage

$(VENV)/.complete: requirements/dev.txt tools/make-venv
	@tools/make-venv $(VENV) requirements/dev.txt

$(SAM_VENV)/.complete: requirements/sam.txt tools/make-venv
	@tools/make-venv $(SAM_VENV) requirements/sam.txt
