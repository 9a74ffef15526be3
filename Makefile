# Every command of the project. The work is done by local/; these lines only name it.
# Written for GNU Make 3.81 and newer.

.DEFAULT_GOAL := help
RUN := @sh local/python.sh

# What a user may set: make demo PORT=8081. It is handed on as it was typed, dollar signs included.
override ARGS := $(value ARGS)
override CMD := $(value CMD)
override MONTHS := $(value MONTHS)
override PORT := $(value PORT)
override PROFILES := $(value PROFILES)
override PYTHON := $(value PYTHON)
override ROWS := $(value ROWS)
override SOURCE := $(value SOURCE)
override UPGRADE := $(value UPGRADE)
export ARGS CMD MONTHS PORT PROFILES PYTHON ROWS SOURCE UPGRADE

.PHONY: help demo up down clean exec shell psql dbt dbt-diff up-compose test test-long test-compose bench bench-history lint format docs-reference lock wheel

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

demo: ## set up all, start Airflow, load three months of samples (PORT=8080 MONTHS=2021-01..2021-03 ROWS=50000 SOURCE=mirror)
	$(RUN) demo

up: ## start the demo again with the state that it has (PORT=8080)
	$(RUN) up

down: ## stop the demo; its state stays
	$(RUN) down

clean: ## stop the demo and remove its state
	$(RUN) clean

exec: ## run one command in the demo's environment (CMD='airflow dags list')
	$(RUN) exec

shell: ## open a shell in the demo's environment
	$(RUN) shell

psql: ## open psql on the demo's warehouse
	$(RUN) psql

dbt: ## run dbt on the demo's warehouse (CMD='build --target prod')
	$(RUN) dbt

dbt-diff: ## compare dbt's schemas dev and prod: rows and sums of each month
	$(RUN) dbt-diff

up-compose: ## build and start the stack of docker-compose.yaml, for which Docker is enough (PROFILES=pgadmin,mirror)
	@sh local/compose.sh

test: ## run all checks and all tests; only some tests with ARGS='tests/unit -k month'
	$(RUN) test

test-long: ## run all checks and all tests, with as many kills, rounds and files as they know
	@TEST_LONG=1 sh local/python.sh test

test-compose: ## run the tests that start the stack of docker-compose.yaml
	$(RUN) test-compose

bench: ## measure what docs/performance.md promises, on a machine that does nothing else; some groups with ARGS='load memory'
	$(RUN) bench

bench-history: ## show how each figure developed from run to run
	$(RUN) bench-history

lint: ## run all checks but the tests
	$(RUN) lint

format: ## sort imports and format the Python files
	$(RUN) format

docs-reference: ## write docs/cli.md and docs/settings.md anew, from the code
	$(RUN) docs-reference

lock: ## write the lock files in requirements/ anew, from pyproject.toml (UPGRADE=1: with the newest versions)
	$(RUN) lock

wheel: ## build the provider's wheel into dist/
	$(RUN) wheel
