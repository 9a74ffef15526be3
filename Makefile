# The commands of the project. local/ implements them.
# Written for GNU Make 3.81 and newer.

.DEFAULT_GOAL := help
RUN := @sh local/python.sh

# Settings of the user, as in make demo PORT=8081. They are passed on verbatim, dollar signs included.
override ARGS := $(value ARGS)
override CMD := $(value CMD)
override CONTEXT := $(value CONTEXT)
override IMAGE := $(value IMAGE)
override MONTHS := $(value MONTHS)
override PORT := $(value PORT)
override PROFILES := $(value PROFILES)
override PROJECT := $(value PROJECT)
override PYTHON := $(value PYTHON)
override ROWS := $(value ROWS)
override SOURCE := $(value SOURCE)
override TAG := $(value TAG)
override TARGET := $(value TARGET)
override UPGRADE := $(value UPGRADE)
export ARGS CMD CONTEXT IMAGE MONTHS PORT PROFILES PROJECT PYTHON ROWS SOURCE TAG TARGET UPGRADE

.PHONY: help demo up down clean exec shell psql dbt dbt-diff up-compose up-kubernetes test test-long test-compose test-kubernetes test-browser test-tutorial test-gcp-live bench bench-history lint lint-bigquery format docs docs-reference lock wheel chart release

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

demo: ## set up and start everything, then load three months (PORT=8080 MONTHS=2021-01..2021-03 ROWS=50000 SOURCE=mirror TARGET=bigquery)
	$(RUN) demo

up: ## start the demo again with its state (PORT=8080)
	$(RUN) up

down: ## stop the demo and keep its state
	$(RUN) down

clean: ## stop the demo and remove its state
	$(RUN) clean

exec: ## run a command in the demo's environment (CMD='airflow dags list')
	$(RUN) exec

shell: ## open a shell in the demo's environment
	$(RUN) shell

psql: ## open psql on the demo's warehouse
	$(RUN) psql

dbt: ## run dbt on the demo's warehouse (CMD='build --target prod')
	$(RUN) dbt

dbt-diff: ## compare dbt's dev and prod schemas: rows and sums per month
	$(RUN) dbt-diff

up-compose: ## build and start the stack of docker-compose.yaml, which needs only Docker (PROFILES=pgadmin,mirror)
	@sh local/compose.sh

up-kubernetes: ## build the image and install the chart on the cluster of kubectl (CONTEXT=kind-kind IMAGE=registry.example/taxi:0.1.0)
	$(RUN) up-kubernetes

test: ## run all checks and tests, or some tests (ARGS='tests/unit -k month')
	$(RUN) test

test-long: ## run all checks and tests with every kill, round and file
	@TEST_LONG=1 sh local/python.sh test

test-compose: ## run the tests that start the stack of docker-compose.yaml
	$(RUN) test-compose

test-browser: ## run the tests that use Airflow's UI in Chromium, which has to be installed
	$(RUN) test-browser

test-tutorial: ## run the commands of docs/tutorial.md in a new clone, as a newcomer does
	$(RUN) test-tutorial

test-kubernetes: ## run the tests on the cluster of kubectl, in separate namespaces (CONTEXT=… IMAGE=…)
	$(RUN) test-kubernetes

test-gcp-live: ## load two small months into Google Cloud, build the marts, and remove everything again (PROJECT=my-project)
	$(RUN) test-gcp-live

bench: ## measure the figures of docs/performance.md on an otherwise idle machine, or some groups (ARGS='load memory')
	$(RUN) bench

bench-history: ## show the measured figures of all runs
	$(RUN) bench-history

lint: ## run all checks except the tests
	$(RUN) lint

lint-bigquery: ## parse every statement for BigQuery with Google's own parser
	$(RUN) lint-bigquery

format: ## sort imports and format the Python files
	$(RUN) format

docs: ## build the documentation site, and check its links
	$(RUN) docs

docs-reference: ## write the reference pages in docs/ anew, from the code and the chart
	$(RUN) docs-reference

lock: ## update the lock files in requirements/ from pyproject.toml (UPGRADE=1: to the newest versions)
	$(RUN) lock

wheel: ## build the provider's wheel into dist/
	$(RUN) wheel

chart: ## package the Helm chart into dist/
	$(RUN) chart

release: ## build wheel and chart with checksums, and publish them on GitHub with the section of CHANGELOG.md (TAG=v0.1.0)
	$(RUN) release
