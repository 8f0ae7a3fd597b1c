# `make` lists the targets. Each makes the environment it needs when that is missing.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

VENV := .venv
SAM_VENV := .tools/sam
MINISTACK_VENV := .tools/ministack
CHECKOV_VENV := .tools/checkov
BROWSER_VENV := .tools/browser
AXE := .tools/axe
PYTHON := $(VENV)/bin/python
COMMAND_LINE := PYTHONPATH=.:cli:layers/gaussdb_backup $(PYTHON) -m tools.command_line
SAM := env PATH="$(CURDIR)/$(VENV)/bin:$$PATH" SAM_CLI_TELEMETRY=0 $(SAM_VENV)/bin/sam
CODE := functions layers/gaussdb_backup cli local tests tools
FAST := not browser and not container and not deployed and not load and not slow
ARGS ?=
SEED ?= $(shell date +%s)
export STACK

.PHONY: help demo local-stack test test-slow test-shuffled test-browser test-container test-deployed test-load picture mutants lint check format validate build \
	deploy doctor cli redrive emulators stop-emulators lock clean need-writable need-chromium need-docker need-aws

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: need-writable $(VENV)/.complete  ## See it work: both clouds emulated on this machine, the real functions
	@PYTHONPATH=.:cli:layers/gaussdb_backup $(PYTHON) -m local.demo $(ARGS)

local-stack: need-writable $(VENV)/.complete  ## Run the same clouds and functions until Ctrl-C, for the command line's --local
	@PYTHONPATH=.:layers/gaussdb_backup $(PYTHON) -m local.stack $(ARGS)

test: need-writable $(VENV)/.complete  ## Run the fast tests, which need no Docker
	@$(PYTHON) -m pytest -q -n 2 -m "$(FAST)" --cov --cov-report=term --cov-fail-under=95 $(ARGS)

test-slow: need-writable $(VENV)/.complete  ## Run the slow tests that need no Docker
	@$(PYTHON) -m pytest -q -n 2 -m slow $(ARGS)

test-shuffled: need-writable $(VENV)/.complete  ## Run the fast tests in random order, or in that of SEED=…
	@echo "Order of the tests: make test-shuffled SEED=$(SEED)"
	@$(PYTHON) -m pytest -q -n 2 -m "$(FAST)" --shuffle $(SEED) $(ARGS)

test-browser: need-writable need-chromium $(VENV)/.complete $(BROWSER_VENV)/.complete $(AXE)/.complete  ## Open the page of an audit in Chromium
	@$(PYTHON) -m pytest -q -m browser tests/browser $(ARGS)

test-container: need-writable need-docker $(VENV)/.complete build  ## Run the functions in the real runtime container
	@$(PYTHON) -m pytest -q -m container tests/container $(ARGS)

test-deployed: need-writable $(VENV)/.complete $(MINISTACK_VENV)/.complete build  ## Deploy the application to an emulator of AWS and drive it there
	@$(PYTHON) -m pytest -q -m deployed --timeout 300 tests/deployed $(ARGS)

test-load: need-writable $(VENV)/.complete  ## Run thousands of instances under faults (minutes)
	@$(PYTHON) -m pytest -q -s -m load tests/load $(ARGS)

# As wide as the extract in README.md may be.
picture: export COLUMNS = 80
picture: demo need-chromium  ## Draw the demo's page, and write the extract of its report, for the documents
	@PYTHONPATH=.:layers/gaussdb_backup $(PYTHON) -m tools.screenshot --until .scroll --output docs/images/coverage.png .cache/demo/coverage_before.json
	@$(PYTHON) -m tools.demo_extract .cache/demo/report.txt README.md

mutants: need-writable $(VENV)/.complete  ## List changes of the rules that no test notices (ARGS="--minutes 60 domain.naming")
	@PYTHONPATH=.:layers/gaussdb_backup $(PYTHON) -m tools.mutants $(ARGS)

lint: $(VENV)/.complete $(CHECKOV_VENV)/.complete validate  ## Check style, types, the direction of imports and the template
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy $(CODE)
	@PYTHONPATH=cli:layers/gaussdb_backup $(VENV)/bin/lint-imports --no-logo
	@$(VENV)/bin/cfn-lint
	@$(CHECKOV_VENV)/bin/checkov --file template.yaml --framework cloudformation --compact --quiet --skip-download

check:  ## What must be clean before a change lands (CI adds the container tests)
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory test
	@$(MAKE) --no-print-directory test-slow
	@$(MAKE) --no-print-directory test-shuffled

format: need-writable $(VENV)/.complete  ## Format the code and correct what can be corrected
	@$(VENV)/bin/ruff format . && $(VENV)/bin/ruff check --fix .

validate: need-writable $(SAM_VENV)/.complete  ## Validate the template
	@AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-eu-central-1} $(SAM) validate --lint

build: need-writable $(VENV)/.complete $(SAM_VENV)/.complete  ## Build the application into .aws-sam/
	@$(SAM) build

# Not --guided: it saves every parameter in samconfig.toml, and later deployments would set those again. As it is, a
# parameter that is not given has its default at first, and later the value that it has.
deploy: need-writable $(VENV)/.complete need-aws  ## Build, deploy and check, with your AWS credentials (STACK=…, ARGS="--parameter-overrides …")
	@$(MAKE) --no-print-directory validate build ARGS=
	@$(SAM) deploy$(if $(STACK), --stack-name "$(STACK)" --s3-prefix "$(STACK)") $(ARGS)
	@$(COMMAND_LINE) doctor --after-deploy$(if $(STACK), --stack-name "$(STACK)") $(ARGS)

doctor: $(VENV)/.complete  ## Check whether the deployed STACK works, with your AWS credentials
	@$(COMMAND_LINE) doctor$(if $(STACK), --stack-name "$(STACK)") $(ARGS)

# Make's own exit code is 2 whatever failed: a script that needs that of a command installs the command line.
cli: $(VENV)/.complete  ## Run the command line, with your AWS credentials (ARGS="status"; STACK=…)
	@PYTHONPATH=cli:layers/gaussdb_backup $(PYTHON) -m gaussdb_backup_cli$(if $(STACK), --stack "$(STACK)") $(ARGS)

redrive: $(VENV)/.complete  ## Send the dead-lettered messages of STACK again, with your AWS credentials
	@test -n "$$STACK" || { echo "redrive: name the stack: make redrive STACK=gaussdb-backup" >&2; exit 1; }
	@$(PYTHON) -m tools.check_aws $(ARGS)
	@$(COMMAND_LINE) redrive --yes --stack-name "$$STACK" $(ARGS)

emulators: need-writable $(VENV)/.complete  ## Run both emulators in a container, for `sam local invoke` (Docker on Linux)
	@$(PYTHON) -m local.container start

stop-emulators: $(VENV)/.complete  ## Stop them
	@$(PYTHON) -m local.container stop

lock: need-writable $(VENV)/.complete  ## Pin the newest versions with hashes (needs uv)
	@command -v uv >/dev/null 2>&1 || { echo "lock: uv is not installed. Install it, or put it on the PATH." >&2; exit 1; }
	@for set in layers/dependencies/requirements requirements/browser requirements/checkov requirements/dev requirements/ministack requirements/sam requirements/uv; do \
		uv pip compile --quiet --upgrade --universal --python-version 3.13 --generate-hashes --no-header \
			--no-emit-index-url --no-emit-find-links --no-annotate $$set.in --output-file $$set.txt || exit 1; done

clean:  ## Remove everything that was made
	rm -rf $(VENV) .tools .aws-sam .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage

# It writes a file, since permission bits do not bind every user.
need-writable:
	@{ mkdir -p .cache && : >.cache/.writable; } 2>/dev/null || { \
		echo "make: cannot write to $(CURDIR): work in a copy of the project that you may write to." >&2; exit 1; }

need-chromium:
	@tools/get-chromium >/dev/null

need-docker:
	@command -v docker >/dev/null 2>&1 || { echo "make: docker is not installed. Install Docker Engine." >&2; exit 1; }
	@docker info >/dev/null 2>&1 || { \
		echo "make: Docker does not answer. Start it, or get the permission to use it (docker info)." >&2; exit 1; }

need-aws: $(VENV)/.complete
	@$(PYTHON) -m tools.check_aws $(ARGS)

$(VENV)/.complete: requirements/dev.txt
	@tools/make-venv $(VENV) requirements/dev.txt

$(SAM_VENV)/.complete: requirements/sam.txt
	@tools/make-venv $(SAM_VENV) requirements/sam.txt

$(MINISTACK_VENV)/.complete: requirements/ministack.txt
	@tools/make-venv $(MINISTACK_VENV) requirements/ministack.txt

$(CHECKOV_VENV)/.complete: requirements/checkov.txt
	@tools/make-venv $(CHECKOV_VENV) requirements/checkov.txt

$(BROWSER_VENV)/.complete: requirements/browser.txt
	@tools/make-venv $(BROWSER_VENV) requirements/browser.txt

$(AXE)/.complete: tools/get-axe
	@tools/get-axe $(AXE)
