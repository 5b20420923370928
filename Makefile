# The commands for developers and CI; `make help` lists them.
# The work is in scripts/, so that each step also runs by hand.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VERSION ?= $(shell scripts/version.sh)
BINARY ?= bin/gordon

.PHONY: help
help: ## list what make can do
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

.PHONY: build
build: ## build bin/gordon, as the packages ship it
	@VERSION='$(VERSION)' scripts/build.sh '$(BINARY)'

.PHONY: run
run: build ## show gordon at work: a private Redis, three tasks, the failed lists, the statistics
	@scripts/with-redis.sh scripts/demo.sh bin/gordon

.PHONY: test
test: ## run every test with the race detector (fuzz targets with their seeds)
	@scripts/with-redis.sh scripts/test.sh

.PHONY: test-long
test-long: ## run the tests that repeat their steps with more of them (about two minutes)
	@scripts/with-redis.sh scripts/test-long.sh

.PHONY: lint
lint: ## check format, code, shell scripts, manual pages, modules, vulnerabilities and packages
	@scripts/need.sh shellcheck mandoc
	@scripts/lint.sh
	@$(MAKE) --no-print-directory lint-packages

.PHONY: fuzz
fuzz: ## fuzz each target for FUZZTIME (1m)
	@scripts/with-redis.sh scripts/fuzz.sh $(or $(FUZZTIME),1m)

.PHONY: chaos
chaos: ## kill daemons, scripts and Redis at random for CHAOS_FOR (1m), from CHAOS_SEED (a new one), and account for every entry
	scripts/with-redis.sh go test -race ./internal/daemontest -run '^TestChaos$$' -count=1 -v -timeout 2h \
		-chaos.for=$(or $(CHAOS_FOR),1m) -chaos.seed=$(or $(CHAOS_SEED),0)

.PHONY: chaos-hosts
chaos-hosts: ## as root: the same on several hosts that freeze or lose their network or power
	scripts/with-redis.sh go test -race ./internal/fleettest -run '^TestChaosOfHosts$$' -count=1 -v -timeout 2h \
		-chaos.for=$(or $(CHAOS_FOR),1m) -chaos.seed=$(or $(CHAOS_SEED),0)

.PHONY: bench
bench: build ## measure throughput, latency, delayed entries and idle cost, compared with os/exec (about a minute and a half)
	scripts/with-redis.sh go run ./bench -gordon bin/gordon

.PHONY: bench-hosts
bench-hosts: build ## measure the cost of delayed entries on several hosts (about a minute)
	scripts/with-redis.sh go run ./bench -gordon bin/gordon -hosts

.PHONY: clean
clean: ## remove all builds, and the tools in .tools/
	rm -rf bin dist .tools

# Packages and their end-to-end tests.
-include packaging/packaging.mk
