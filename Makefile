# SPDX-License-Identifier: MIT OR Apache-2.0
# libstrand. `make help` lists the targets; `make demo` and `make test` are the two that matter.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := build
.PHONY: help doctor build build-seq header demo test test-rust test-c test-engines test-may test-models test-package test-examples \
        bench-gpu test-seq test-gpu test-asan test-valgrind lint bench soak install uninstall check-installed clean

CARGO_TARGET_DIR ?= $(CURDIR)/target
export CARGO_TARGET_DIR
SHIP := $(CARGO_TARGET_DIR)/ship

# Where `make install` puts things; DESTDIR is a staging root in front of all of them.
export PREFIX LIBDIR INCLUDEDIR DESTDIR CC CXX DEBUG GPU V JOBS
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include

# A word that tests are chosen by: make test-c T=chan_close
T ?=
# Parts of the gate: make test PARTS="rust c_tests"
PARTS ?=
# Options of the benchmarks: make bench BENCH="--quick --only w4"
BENCH ?=

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | awk -F '\t' '{ printf "  make %-16s %s\n", $$1, $$2 }'
	@echo
	@echo "  T=word chooses tests, V=1 shows their output, JOBS=n compiles and runs n at once, DEBUG=1 keeps line tables in the libraries."
	@echo "  GPU=0 builds libraries whose only device is the processor: no code of wgpu in them, and built in half a minute."
	@echo "  PREFIX=/usr/local LIBDIR=PREFIX/lib INCLUDEDIR=PREFIX/include DESTDIR= are where install puts things."

doctor: ## what this machine has, and what is skipped without the rest
	@tools/doctor.sh

build: ## libstrand.a and libstrand.so, in target/ship
	@tools/build-static.sh
	@tools/build-shared.sh

build-seq: build ## the layers for Seq programs, in target/ship: compat/seq
	@tools/build-seq.sh

header: ## include/strand.h and strand.ll anew, from src/ffi
	@STRAND_BLESS=1 cargo test --locked --test header

demo: build ## the tour: every example, built, run and checked
	@examples/demo.sh $(SHIP) include $(CARGO_TARGET_DIR)/examples

test: ## everything that must pass before a change goes in; the last line counts
	@tools/test.sh $(PARTS)

lint: ## formatting, clippy, documentation links, shell scripts
	@tools/lint.sh

test-rust: ## Rust tests, a process each, with debug assertions
	@tools/run-rust-tests.sh $(T)

test-c: build ## C, C++ and LLVM IR tests: static, shared, dlopen
	@tools/run-c-tests.sh $(T)

test-engines: build ## C tests on every engine: parallel with 1, 2, 8 workers, stepped under each policy, many schedules
	@tools/run-c-tests.sh --engines gate $(T)
	@tools/run-c-tests.sh --schedules 100 $(T)

test-may: ## C tests on the may engine, with a library of its own
	@tools/test-may.sh $(T)

test-models: ## loom models of the lock-free parts
	@tools/test-models.sh $(T)

test-package: build ## symbols, soname, LTO, a second Rust archive, dlopen
	@tools/check-package.sh

test-examples: build ## the examples, with small inputs
	@examples/test.sh $(SHIP) include $(CARGO_TARGET_DIR)/examples

test-seq: build ## Seq programs on libstrand, beside their own runtime (tools/install-seqc.sh installs the compiler)
	@tools/test-seq.sh $(T)

test-gpu: build ## worklists on lavapipe and on the processor, and on a library without devices
	@tools/test-gpu.sh $(T)

test-asan: ## C tests against a library built with AddressSanitizer
	@tools/test-asan.sh $(T)

test-valgrind: build ## C tests under memcheck
	@tools/run-c-tests.sh --instrument valgrind $(T)

bench: build ## the workloads with the peers beside them; BENCH=--quick is short
	@SHIP=$(SHIP) benches/run $(BENCH)

bench-gpu: build ## worklists on the devices that are here, with the peers beside them
	@SHIP=$(SHIP) benches/gpu/run $(BENCH)

soak: build ## the C tests again and again, under pressure (SOAK_MINUTES, 60)
	@tools/soak.sh $(T)

install: build ## header, declares, libraries, pkg-config and CMake files
	@tools/install.sh

uninstall: ## what install put there
	@tools/install.sh --uninstall

check-installed: build ## programs built against a staged installation
	@tools/check-installed.sh

clean: ## all that was built
	@rm -rf $(CARGO_TARGET_DIR)
