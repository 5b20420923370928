# What a person or CI does with this repository; `make help` lists it.
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
run: build ## see gordon at work: a private Redis, three tasks, the failed lists, the statistics
	@scripts/need.sh redis-server redis-cli
	@scripts/demo.sh bin/gordon

.PHONY: test
test: ## run every test with the race detector (fuzz targets with their seeds)
	@scripts/need.sh redis-server
	@scripts/test.sh

.PHONY: lint
lint: ## check format, code, shell scripts, manual pages, modules, vulnerabilities and packages
	@scripts/need.sh shellcheck mandoc
	@scripts/lint.sh
	@$(MAKE) --no-print-directory lint-packages

.PHONY: fuzz
fuzz: ## fuzz each target for FUZZTIME (1m)
	@scripts/fuzz.sh $(or $(FUZZTIME),1m)

.PHONY: chaos
chaos: ## make trouble for CHAOS_FOR (1m) by CHAOS_SEED (a new one), and account for every entry
	@scripts/need.sh redis-server
	go test ./internal/daemontest -run '^TestChaos$$' -count=1 -v -timeout 2h \
		-chaos.for=$(or $(CHAOS_FOR),1m) -chaos.seed=$(or $(CHAOS_SEED),0)

.PHONY: chaos-hosts
chaos-hosts: ## as root: the same on several hosts that freeze, lose their network or their power
	@scripts/need.sh redis-server
	go test ./internal/fleettest -run '^TestChaosOfHosts$$' -count=1 -v -timeout 2h \
		-chaos.for=$(or $(CHAOS_FOR),1m) -chaos.seed=$(or $(CHAOS_SEED),0)

.PHONY: bench
bench: build ## measure throughput, latency, entries for later and idle cost beside bare os/exec (about a minute and a half)
	@scripts/need.sh redis-server
	go run ./bench -gordon bin/gordon

.PHONY: bench-hosts
bench-hosts: build ## measure what entries for later cost Redis on several hosts (about a minute)
	@scripts/need.sh redis-server
	go run ./bench -gordon bin/gordon -hosts

.PHONY: clean
clean: ## remove what was built, and the tools in .tools/
	rm -rf bin dist .tools

# Packages and their end-to-end tests.
-include packaging/packaging.mk
