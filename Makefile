# `make` lists the targets. Each works on a fresh Debian machine that has Rust and make.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
CARGO ?= cargo

# Of `make run`: where the game is, and more flags, as in `make run DEV_FLAGS="--modes my-modes"`.
LISTEN ?= 127.0.0.1:7350
DEV_FLAGS ?=

# Of `make run-relay`: loopback only, so that a known password is no danger; and whoever ends it by Ctrl-C does not want to wait
# for clients to leave.
DEMO_USER ?= demo:demo
DEMO_FLAGS := --listen 127.0.0.1:3478 --listen [::1]:3478 --relay-ip 127.0.0.1 --relay-ip ::1 \
  --allow-peer 127.0.0.0/8 --allow-peer ::1/128 --admin 127.0.0.1:9478 --drain-deadline-s 1
# Of `make run-relay`: more flags for the relay, as in `make run-relay RELAY_FLAGS="--io epoll"`.
RELAY_FLAGS ?=

# Of `make test` and `make fuzz`: seconds for each fuzz target.
FUZZ_SECONDS ?= 10
# What `make test` fuzzes. The others compile Luau or the whole server once more, minutes of it: `make fuzz` has them, and their
# seeds are among the tests.
FUZZ_TESTED := relay core

# Of `make install`: where to. DESTDIR is put before it where files are written, for packagers.
PREFIX ?= /usr/local

.PHONY: help run run-relay web install test released check loom determinism native unit bench-core bench-parts bench-relay bench-server bench-sync train-sync fuzz compiler schema-compiler install-tools

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

run: compiler web ## Build the server and run it on 127.0.0.1:7350: open it in two tabs, edit scripts/modes
	@$(CARGO) build --locked --release --package muster-server
	@exec "$$($(CARGO) metadata --locked --no-deps --format-version 1 \
	  | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/muster" dev --listen $(LISTEN) $(DEV_FLAGS)

# The server is whole without its page, so that a machine that has no Node.js and gets none can build it.
web: ## Build the page that the server shows into web/dist, with Node.js
	@if ! command -v npm > /dev/null && [[ $$(id -u) == 0 ]] && command -v apt-get > /dev/null; then \
	  apt-get update --quiet && DEBIAN_FRONTEND=noninteractive \
	    apt-get install --yes --quiet --no-install-recommends nodejs npm < /dev/null; \
	fi
	@if command -v npm > /dev/null; then make --no-print-directory web/dist/index.html; else \
	  echo 'Without Node.js 18 or newer the server has no page. Install it with: sudo apt-get install nodejs npm'; fi

web/dist/index.html: $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -type f -print 2> /dev/null) | web/node_modules
	cd web && npm run build
	@touch $@

web/node_modules: web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	@touch $@

run-relay: compiler ## Build the relay and run it on 127.0.0.1:3478 with a demo account
	@$(CARGO) build --locked --release --package muster-relay
	@exec "$$($(CARGO) metadata --locked --no-deps --format-version 1 \
	  | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/muster-relay" \
	  run $(DEMO_FLAGS) --user $(DEMO_USER) $(RELAY_FLAGS)

install: compiler ## Build libmuster and install it in PREFIX, /usr/local unless said
	@CARGO="$(CARGO)" ffi/package/install "$(PREFIX)"

# The order is that of what fails soonest. The programs are built before the tests that drive them, so that no test's
# deadline runs while the compiler does; and all with one choice of packages, since another has other features of libraries,
# and compiles them once more.
test: install-tools web check loom ## Install what the tests need and run all of them
	cd web && npm test
	$(CARGO) test --locked --workspace --no-run
	@target=$$($(CARGO) metadata --locked --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/'); \
	  export MUSTER_RELAY_BIN="$$target/debug/muster-relay" MUSTER_BIN="$$target/debug/muster"; \
	  mkdir -p target; nice -n 19 $(MAKE) --no-print-directory released > target/released.log 2>&1 & \
	  MUSTER_DETERMINISM_TICKS=10000 $(CARGO) test --locked --workspace --no-fail-fast; tested=$$?; \
	  wait $$! || { cat target/released.log; exit 1; }; exit $$tested
	$(CARGO) test --locked --workspace --test battle optimisation
	for crate in $(FUZZ_TESTED); do FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz $$crate; done
	@echo 'make test: everything passed'

# What takes a processor and nobody's time. `make test` does it beside the tests that wait for a network or a deadline. The
# server is not among it: to optimise all of it takes as long as the rest together, and `make run` and `make bench-server` do.
released:
	$(CARGO) test --locked --release --package muster-determinism --test battle
	$(CARGO) build --locked --release --package muster-relay
	$(CARGO) xtask symbols
	for crate in $(FUZZ_TESTED); do FUZZ_SECONDS=0 tests/fuzz $$crate; done

check: compiler schema-compiler ## Format, clippy, tidy, schemas, unit tests: under a minute when warm
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- --deny warnings
	$(CARGO) xtask tidy
	$(CARGO) xtask codegen check
	$(CARGO) test --locked --workspace --lib --bins --quiet

# Own artefacts, since the flag changes every crate; only the core has code that looks at it. Optimising across crates takes
# longer than it saves.
loom: compiler ## Check the threads of the core under every schedule that matters
	CARGO_PROFILE_RELEASE_LTO=off RUSTFLAGS='--cfg loom' $(CARGO) test --locked --package muster-core --release --lib --target-dir target/loom loom

determinism: ## Run the determinism suite as released, about five minutes
	$(CARGO) test --locked --release --package muster-determinism

native: ## Run the scripts' tests on machine code, two minutes of compiling more than the interpreter
	$(CARGO) test --locked --package muster-scripts --features native

bench-core: ## Measure the simulation core with rapier2d beside it, about three minutes
	$(CARGO) run --locked --release --package muster-benches --features rapier --bin bench-core -- $(BENCH_FLAGS)

bench-parts: ## Measure parts of the core by themselves, half a minute when built
	$(CARGO) bench --locked --package muster-benches --bench parts -- $(BENCH_FLAGS)

bench-relay: install-tools ## Compare the relay with coturn and a bare forwarder, about fifteen minutes
	$(CARGO) build --locked --release --package muster-relay --package muster-benches --bins
	$(CARGO) run --locked --release --package muster-benches --bin bench-relay -- $(BENCH_FLAGS)

# The server is built as `make run` builds it. Colyseus needs Node.js and nothing of its optional packages.
bench-server: compiler benches/server/colyseus/node_modules ## Measure the server with Colyseus beside it, about ten minutes
	$(CARGO) build --locked --release --package muster-server
	$(CARGO) run --locked --release --package muster-benches --bin bench-server -- $(BENCH_FLAGS)

# Its versions are those of the lock. `npm ci` wants optional packages of every platform in there, which registries may not have.
benches/server/colyseus/node_modules: benches/server/colyseus/package-lock.json
	cd benches/server/colyseus && npm install --omit=optional --no-save --no-audit --no-fund
	@touch $@

bench-sync: compiler ## Measure state synchronisation with other codecs beside it, about five minutes
	$(CARGO) run --locked --release --package muster-benches --features peers --bin bench-sync -- $(BENCH_FLAGS)

train-sync: ## Make the codec's models from the scenes anew; MODELS_HASH changes with them
	$(CARGO) run --locked --release --package muster-benches --bin train-sync -- --write core/src/sync/codec/models_generated.rs

fuzz: install-tools ## Fuzz every parser for ten minutes each, or FUZZ_SECONDS
	FUZZ_SECONDS=$(if $(filter command line environment,$(origin FUZZ_SECONDS)),$(FUZZ_SECONDS),600) tests/fuzz

# The C parts of the TLS library need a compiler, which a machine with Rust alone may lack.
compiler:
	@if ! command -v cc > /dev/null; then \
	  echo 'A C compiler is needed for the TLS library.'; \
	  if [[ $$(id -u) == 0 ]] && command -v apt-get > /dev/null; then \
	    apt-get update --quiet && DEBIAN_FRONTEND=noninteractive \
	      apt-get install --yes --quiet --no-install-recommends build-essential < /dev/null; \
	  else \
	    echo 'Install it with: sudo apt-get install build-essential'; exit 1; \
	  fi; \
	fi

# The generated code is compared with what the compiler of one version makes, which no machine has by chance.
schema-compiler:
	@tests/install python

install-tools:
	@tests/install
