# Every target sets up what it needs, says so, and skips what is there. Nothing depends on an activated environment.
.DEFAULT_GOAL := help
.PHONY: help demo test test-quick test-long test-valkey check dashboards simulate planted fuzz load chaos up bench bench-scale soak clean

PY := .venv/bin
# Leftovers in the caller's environment must not change what is tested or shown, or have each process compile all anew.
LEFTOVERS := VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE $(filter CROUPIER_% RAY_%,$(.VARIABLES))
# Three processes on two cores, because many tests wait. Which tests stay together, tests/conftest.py says.
PARALLEL := --numprocesses 3 --dist loadscope --no-loadscope-reorder
ON_VALKEY := tests/contract $(wildcard tests/integration/test_rule_1*.py) $(addprefix tests/integration/test_,sentinel_failover.py \
	refusing_redis.py full_store.py live_operations.py) $(addprefix tests/e2e/test_,sentinel.py fallback.py refusing_store.py backup.py)
CLEAN_ENV := env $(addprefix -u ,$(LEFTOVERS)) PYTHONUNBUFFERED=1

help: ## Lists the targets
	@sed -n 's/^\([a-z-]*\):.* ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: ## Plays 20 000 spins over HTTP, kills a shard half-way, and reconciles every balance
	@./scripts/setup.sh python
	$(CLEAN_ENV) $(PY)/croupier demo

test: ## Runs all tests (needs redis-server and prometheus; gets them from apt when missing)
	@./scripts/setup.sh python redis prometheus
	$(CLEAN_ENV) $(PY)/python -m pytest $(PARALLEL)

test-quick: ## Unit and contract tests, those of the client, and a little of the property tests: for your own loop
	@./scripts/setup.sh python redis
	$(CLEAN_ENV) HYPOTHESIS_PROFILE=quick $(PY)/python -m pytest $(PARALLEL) tests/unit tests/contract tests/property clients/python/tests

test-long: ## What takes minutes on real processes: kills, moves and outages of shards and readers, on both stores
	@./scripts/setup.sh python redis prometheus
	$(CLEAN_ENV) $(PY)/python -m pytest -m long tests/integration tests/e2e

test-valkey: ## What concerns the store, on Valkey instead of Redis: contract, failovers with sentinels, refusals, live operations
	@./scripts/setup.sh python
	$(CLEAN_ENV) $(PY)/python -m pytest $(PARALLEL) --redis-server valkey -m "" -k "not sqlite" $(ON_VALKEY)

simulate: ## Runs many histories of the simulation, and shortens what fails: make simulate SEEDS="17 100-199"
	@./scripts/setup.sh python
	$(CLEAN_ENV) $(PY)/python -m tests.simulation --seeds "$(or $(SEEDS),1-200)" --only "$(ONLY)" --done "$(DONE)"

planted: ## Plants mistakes in production code and counts the seeds that find them; writes docs/simulation.md
	@./scripts/setup.sh python
	$(CLEAN_ENV) $(PY)/python -m tests.simulation --planted $(if $(BUGS),"$(BUGS)")

check: ## Format, lint, types, import contracts: what CI checks
	@./scripts/setup.sh python
	$(CLEAN_ENV) $(PY)/ruff format --check .
	$(CLEAN_ENV) $(PY)/ruff check .
	$(CLEAN_ENV) $(PY)/mypy
	$(CLEAN_ENV) $(PY)/lint-imports

dashboards: ## Writes deploy/grafana/dashboards from deploy/dashboards; a test compares the two
	@./scripts/setup.sh python
	$(CLEAN_ENV) $(PY)/python -m deploy.dashboards

fuzz: ## Sends 10 000 odd requests to a real server by its OpenAPI document; writes docs/fuzz.md
	@./scripts/setup.sh python
	$(CLEAN_ENV) $(PY)/python -m tests.fuzz

load: ## Plays with locust for a minute against a server of its own: make load ARGS="--load-shape spike"; see docs/load-tests.md
	@./scripts/setup.sh python redis load
	$(CLEAN_ENV) $(PY)/python -m tests.load $(ARGS)

chaos: ## Kills, stops, cuts off and fills up every part under load for ten minutes; writes docs/chaos.md; needs root
	@./scripts/setup.sh python redis
	$(CLEAN_ENV) $(PY)/python -m tests.chaos $(ARGS)

up: ## Starts a server on this machine; settings from CROUPIER_… in the environment
	@./scripts/setup.sh python
	env -u VIRTUAL_ENV -u PYTHONPATH -u PYTHONHOME $(PY)/croupier up

bench: ## Measures spins against the peers, 15 minutes, into README.md; make bench QUICK=1: 3 minutes, writes nothing
	@./scripts/setup.sh python redis wrk postgresql
	$(CLEAN_ENV) $(PY)/python -m benchmarks.run $(if $(QUICK),--quick)
	$(if $(QUICK),,$(CLEAN_ENV) $(PY)/python -m benchmarks.report)

bench-scale: ## Measures how cost grows, into docs/performance.md: players, shards, memory, recovery; SCALE="--sizes 1000"
	@./scripts/setup.sh python redis wrk
	$(CLEAN_ENV) $(PY)/python -m benchmarks.scale $(SCALE)

soak: ## Plays for half an hour and fails if a process grows by more than 5 %; writes docs/soak.md; SOAK="--minutes 3 --warm-up 1"
	@./scripts/setup.sh python redis
	$(CLEAN_ENV) $(PY)/python -m benchmarks.soak $(SOAK)

clean: ## Removes caches and build leftovers; .venv stays
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
