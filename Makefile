# make help   lists the targets. hack/ holds the scripts behind them; each says at its head what it is for.
PYTHON ?= python3
export PYTHON
python := .venv/bin/python

.PHONY: help demo demo-kind check test lint unit mutate e2e bench bench-scale images cluster cluster-down generate support endings picture docs lock sbom digests clean venv

help: ## list the targets
	@echo "New here?  make demo   then   make unit ARGS='-k ladder'   then   make check before you commit. CONTRIBUTING.md says more."
	@awk -F ':.*## ' '/^#: / {printf "\n%s\n", substr($$0, 4)} /^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '\n%s\n' "Variables: IMAGES=public|built (default: asked once), CLUSTER=$${CLUSTER:-botsession}, PYTHON=$(PYTHON), ARGS=options of pytest"

#: Try it
demo: ## a conversation with the parrot on this machine, without a cluster
	@hack/demo

demo-kind: ## the same on a kind cluster, with the operator installed by its chart
	@hack/venv demo
	@hack/demo-kind

#: Check your change
check: venv ## lint, and the tests that need no cluster and little time: three minutes, for every change
	@hack/check $(ARGS)

test: venv ## everything: lint, unit, component and chart tests, and the e2e tests on a kind cluster
	@hack/test $(ARGS)

lint: venv ## ruff, mypy, import-linter, and that generated files are up to date
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy operator/src runtime/src examples tests
	.venv/bin/lint-imports
	$(python) hack/generate --check

unit: venv ## the tests that need no cluster and no other Pipecat than the newest
	$(python) -m pytest tests/unit tests/facts tests/component -m 'not old_pipecat' $(ARGS)

mutate: venv ## break things on purpose, each in a copy of this tree, and see that the unit tests notice
	$(python) hack/mutate $(ARGS)

e2e: venv ## the tests on a kind cluster, which they bring up themselves
	$(python) -m pytest tests/e2e $(ARGS)

bench: venv ## measure sessions on the cluster; python -m tests.bench.NAME measures one thing
	@hack/ready
	$(python) -m tests.bench --install

bench-scale: venv ## measure many live sessions on a node that kwok plays, beside the Job controller: SIZES="1000 3000"
	@hack/ready
	$(python) -m tests.bench.scale --install $(or $(SIZES),1000)

#: The cluster (make test brings it up by itself)
images: ## build all images
	@hack/images

cluster: ## bring up the kind cluster with the images loaded: KUBECONFIG=.tools/kubeconfig
	@hack/ready

cluster-down: ## delete the kind cluster
	@hack/cluster down

#: Write files that are made from others
generate: venv ## write the files that are made from others
	$(python) hack/generate

support: venv ## run what depends on Pipecat's version with each of them, and write the support table: docs/reference/pipecat-versions.md
	$(python) -m pytest tests/facts tests/component -m 'fact or old_pipecat' --record-support docs/reference/pipecat-support.json $(ARGS)
	$(python) hack/generate

endings: venv ## run a bot for each way to end, and write what was recorded: docs/reference/ways-to-end.md
	$(python) -m pytest tests/component/runtime/test_patterns.py --record-ways docs/reference/ways-to-end.json $(ARGS)
	$(python) hack/generate

picture: venv ## record docs/demo.svg, the picture in the README, from a run of make demo
	$(python) hack/picture docs/demo.svg make demo

#: Documentation and releases
docs: ## build the documentation site into build/site; ARGS=--serve serves it
	@hack/docs $(ARGS)

lock: ## pin the requirements again; ARGS=--upgrade takes newer versions
	@hack/lock $(ARGS)

sbom: venv ## write what the images and the command line consist of into build/sbom, as CycloneDX
	$(python) hack/sbom $(ARGS)

digests: ## pin the images that ours are built on to what their tags name now; needs a registry
	@hack/digests

clean: ## delete the cluster and what was built here; Docker's images and caches stay
	@[ ! -e .tools/kubeconfig ] || hack/cluster down
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist

venv:
	@hack/venv dev
