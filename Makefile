# What a person does here; `make` alone lists it. The work is in scripts/, the build in CMakeLists.txt, its
# results in build/.
.PHONY: help run test demo bench bench-dns bench-scrape bench-gate bench-checks fuzz format
.DEFAULT_GOAL := help

help: ## list these
	@sed -n 's/^\([a-z-]*\): ## /  make \1\t/p' Makefile | expand -t 20

run: ## build Pinhole and serve policy.db on this machine's own address, with commands to try
	@scripts/run.sh

test: ## everything that must pass: unit, lint and system tests, sanitizers, a little fuzzing
	@scripts/test.sh

demo: ## watch a bucket allowed and another refused, with a stand-in internet (needs none)
	@scripts/demo.sh

bench: ## measure the DNS server and the gate beside bare floors and other proxies
	@scripts/bench.sh

bench-dns: ## the DNS server alone
	@scripts/bench.sh dns

bench-scrape: ## what Prometheus' looks cost the DNS server
	@scripts/bench.sh scrape

bench-gate: ## the gate alone
	@scripts/bench.sh gate

bench-checks: ## what the check of certificates costs the gate
	@scripts/bench.sh checks

fuzz: ## feed the parsers hostile bytes, FUZZ_SECONDS (300) for each of them
	@scripts/fuzz.sh

format: ## lay out every C file by .clang-format
	@scripts/format.sh
