# make demo and make test need nothing but this checkout: scripts/setup installs what is missing.
.DEFAULT_GOAL := help
.PHONY: help demo run test check bench shots clean

BIN := .venv/bin

help: ## these targets
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

demo: ## three agents at work in a throw-away repository, from start to end
	@scripts/setup run
	@$(BIN)/python -I -m agentdeck.demo.tour

run: ## the program itself, on the repository you are in: make run ARGS="ls"
	@scripts/setup run
	@$(BIN)/agentdeck $(ARGS)

test: check ## all checks and all tests that this machine can run
	$(BIN)/python -m pytest -n 4 --dist worksteal

check: ## format, lint, types and layers
	@scripts/setup test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: ## what the program costs, as ratios to yardsticks of the same run
	@scripts/setup test
	$(BIN)/python bench/verbs.py
	$(BIN)/python bench/dashboard.py
	$(BIN)/python bench/radar.py

shots: ## screenshots/ of the dashboard, from the real program
	@scripts/setup test
	$(BIN)/python scripts/shots.py

clean: ## take .venv and caches away
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
