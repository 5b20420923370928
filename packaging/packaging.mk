# Packages and their tests. Included by the Makefile.

# A version below all others, for the test of the upgrade.
OLDER_VERSION := 1.99.0

.PHONY: packages
packages: ## make dist/*.deb and dist/*.rpm for amd64 and arm64
	@VERSION='$(VERSION)' packaging/packages.sh

.PHONY: lint-packages
lint-packages: packages ## check the packages with lintian and rpmlint
	@scripts/need.sh lintian rpmlint rpm cpio
	@packaging/lint.sh dist

.PHONY: e2e
e2e: lint-packages ## test the packages in a Debian 12 and a Debian 13 with systemd (as root)
	@VERSION=$(OLDER_VERSION) packaging/packages.sh dist/older >/dev/null
	@[ "$$(id -u)" = 0 ] || { echo "make e2e boots machines, which needs root" >&2; exit 1; }
	@scripts/need.sh mmdebstrap systemd-nspawn nsenter flock
	@scripts/gotest.sh standard-verbose -tags e2e -count=1 -parallel 4 -timeout 30m ./e2e

.PHONY: e2e-vm
e2e-vm: packages ## test limits and unkillable tasks in virtual machines with Debian 12 and 13 (as root)
	@[ "$$(id -u)" = 0 ] || { echo "make e2e-vm makes the disk of a machine, which needs root" >&2; exit 1; }
	@scripts/need.sh mmdebstrap qemu-system-x86_64 mke2fs flock
	@CGO_ENABLED=0 go test -tags vm -c -o bin/cgroup.test ./pkg/cgroup
	@CGO_ENABLED=0 go build -o bin/silentfs ./e2e/vm/silentfs
	@for suite in bookworm trixie; do time e2e/vm.sh $$suite dist/gordon_*_amd64.deb bin/cgroup.test bin/silentfs || exit; done

.PHONY: release-check
release-check: ## check .goreleaser.yaml and build a release without publishing it
	@VERSION='$(VERSION)' packaging/release-check.sh
