# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# make            build/nkctl
# make demo       the main job, on this kernel or in a VM
# make test       everything: unit, fuzzing, program, end to end, instructions; in VMs too
# make check      formatters and analysers
# make verify     what the verifier makes of the programs, as each clang builds them, on each kernel;
#                 fails where that has become more (BASELINE=1: writes what it is)
# make fuzz       what reads foreign input gets odd input for T seconds (TARGET=name: one target)
# make soak       whatever comes, in any order, under traffic, for T seconds (K=6.12: in a VM)
# make races      two things at the same time, in ROUNDS rounds each (K=6.12: in a VM)
# make upgrades   ROUNDS upgrades and downgrades under all the traffic there can be (the same)
# make bench      traffic against host networking, where the kernel has netkit; elsewhere, or with VM=1 or
#                 K=7.3 (on that kernel), instructions per transaction in a VM
# make bench-check  those instructions, and fails where they have become more
# make bench-programs  what the programs and their hooks cost by themselves (K=6.12: in a VM)
# make bench-report  a page of all that was measured: build/bench/report.html
# make bench-cni  the CNI plugin's ADD and DEL against the reference plugins', on this machine
# make install    to PREFIX (/usr/local), below DESTDIR; make uninstall
# make clean
#
# SANITIZE=1 builds with ASan and UBSan, into build/sanitize; FUZZ=1 with clang's libFuzzer as well,
# into build/fuzz.

VERSION := 0.1.0
comma   := ,
PREFIX  ?= /usr/local
BUILD   := build$(if $(FUZZ),/fuzz,$(if $(SANITIZE),/sanitize))
BPF_BUILD ?= build
CLANG   ?= clang
CC      ?= gcc
ifneq ($(FUZZ),)
CC      := $(CLANG)
endif
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/local/sbin/bpftool) bpftool)
STRIP   ?= strip

.DELETE_ON_ERROR:
.SUFFIXES:
.PRECIOUS: $(BPF_BUILD)/%.bpf.o
.PHONY: all install uninstall clean demo test unit fuzz soak races upgrades scale prog e2e check bench bench-check \
	bench-cni bench-programs bench-report bench-setup verify verify-objects verify-setup \
	unit-programs fuzz-programs prog-programs e2e-programs
all: $(BUILD)/nkctl

# Packages come with the first build, before anything else of this file is looked at: make reads
# an included file that it has just made, and starts over.
SETUP_STAMP := build/setup.mk
$(SETUP_STAMP): tools/setup.sh
	tools/setup.sh build
	@mkdir -p $(@D)
	@touch $@
ifneq ($(filter-out clean,$(or $(MAKECMDGOALS),all)),)
include $(SETUP_STAMP)
endif

## eBPF: eight objects, and the skeletons that embed them

BPF_NAMES   := nkctl collect forward invalidate pace routes sock track
SKELETONS   := $(patsubst %,build/%.skel.h,$(BPF_NAMES))
BPF_HEADERS := $(wildcard bpf/*.h include/nkctl/*.h)
BPF_CFLAGS  := -O2 -g -target bpf -mcpu=v3 -Wall -Wextra -Wshadow -Wundef -Werror \
	-Iinclude -idirafter /usr/include/$(shell uname -m)-linux-gnu

$(BPF_BUILD)/%.bpf.o: bpf/%.bpf.c $(BPF_HEADERS) Makefile | $(SETUP_STAMP)
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -c $< -o $@
	llvm-strip -g $@

build/%.skel.h: build/%.bpf.o
	$(BPFTOOL) gen skeleton $< name $*_bpf > $@

## The program

# Linked statically, the program starts in a millisecond and runs on any node. Debian 12's
# libmnl-dev has no archive: the set-up keeps a newer one in the cache.
NKCTL_CACHE ?= /var/cache/nkctl
LIBMNL  := $(firstword $(wildcard /usr/lib/*/libmnl.a $(NKCTL_CACHE)/lib/libmnl.a) -lmnl)
LIBZSTD := $(filter -lzstd,$(shell pkg-config --libs --static libelf 2>/dev/null))
LIBS    := -lbpf -lelf $(LIBZSTD) -lz -lnl-route-3 -lnl-3 $(LIBMNL) -ljansson -lpthread
STATIC  ?= $(if $(SANITIZE)$(FUZZ),,$(if $(filter %.a,$(LIBMNL)),1))
LDFLAGS += -Wl,--gc-sections $(if $(STATIC),-static)

SOURCES := $(filter-out $(if $(STATIC),,loader/static_%.c),$(wildcard loader/*.c loader/*/*.c))
OBJECTS := $(SOURCES:loader/%.c=$(BUILD)/loader/%.o)
LIBRARY := $(filter-out $(BUILD)/loader/main.o,$(OBJECTS))

WARNINGS := -Wall -Wextra -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wundef
CFLAGS   ?= -O2 -g
# A variable that nobody has set holds a pointer to nowhere, rather than what was there before.
CFLAGS   += $(if $(SANITIZE)$(FUZZ),-fsanitize=address$(comma)undefined -fno-omit-frame-pointer \
	-ftrivial-auto-var-init=pattern)
CFLAGS   += $(if $(FUZZ),-fsanitize=fuzzer-no-link -fno-sanitize-recover=undefined \
	-Wno-format-nonliteral)
CFLAGS   += $(if $(CI),-Werror)
CPPFLAGS += -D_GNU_SOURCE -DNKCTL_VERSION='"$(VERSION)"' -Iinclude -Iloader -Ibuild \
	$(shell pkg-config --cflags libnl-route-3.0 2>/dev/null)
COMPILE = $(CC) -std=gnu17 $(WARNINGS) $(CFLAGS) -ffunction-sections -fdata-sections \
	$(CPPFLAGS) -MMD -MP

$(BUILD)/loader/%.o: loader/%.c Makefile | $(SETUP_STAMP)
	@mkdir -p $(@D)
	$(COMPILE) -c $< -o $@

$(patsubst %,$(BUILD)/loader/bpf/%.o,datapath collector invalidator pace routes sockets tracker witness): $(SKELETONS)

# What loader/static_types.c does in the place of libbpf.
$(BUILD)/nkctl $(BUILD)/other/nkctl: WRAPPED := $(if $(STATIC),btf__load_vmlinux_btf btf__free)
$(BUILD)/nkctl: $(OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) $(WRAP) -o $@ $^ $(LIBS)

## Tests: tests/run builds what it needs and runs one layer, or all of them

UNIT_TESTS   := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c))
PROG_TESTS   := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/prog/test_*.c))
PROG_HELPERS := $(patsubst %.c,$(BUILD)/%.o,$(filter-out tests/prog/test_%,$(wildcard tests/prog/*.c)))
E2E_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/e2e/*.c))
FUZZ_TARGETS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
TEST_OBJECTS := $(UNIT_TESTS:=.o) $(FUZZ_TARGETS:=.o) $(PROG_TESTS:=.o) $(PROG_HELPERS) $(E2E_PROGRAMS:=.o)
LINK_TEST     = $(CC) $(CFLAGS) -Wl,--gc-sections $(WRAP) -o $@ $^ $(LIBS) -lcmocka

# What an upgrade comes from, or goes back to: a build that calls itself another version. Of its objects
# those differ that know the version.
OTHER_BUILD     := $(BUILD)/other/nkctl
OTHER_VERSION   := 0.0.9
OTHER_OBJECTS   := $(patsubst loader/%.c,$(BUILD)/other/%.o,$(shell grep -rlw NKCTL_VERSION loader --include=*.c))

$(BUILD)/other/%.o: loader/%.c Makefile | $(SETUP_STAMP)
	@mkdir -p $(@D)
	$(COMPILE) -UNKCTL_VERSION -DNKCTL_VERSION='"$(OTHER_VERSION)"' -c $< -o $@

$(OTHER_OBJECTS): $(SKELETONS)

$(OTHER_BUILD): $(filter-out $(OTHER_OBJECTS:$(BUILD)/other/%=$(BUILD)/loader/%),$(OBJECTS)) $(OTHER_OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) $(WRAP) -o $@ $^ $(LIBS)

test:
	tests/run
unit prog e2e:
	tests/run $@

unit-programs: $(UNIT_TESTS) $(BUILD)/nkctl
prog-programs: $(PROG_TESTS)
e2e-programs: $(BUILD)/nkctl $(OTHER_BUILD) $(E2E_PROGRAMS)
fuzz-programs: $(FUZZ_TARGETS)

# For T seconds each, as many targets at a time as there are processors.
T ?= 60
fuzz:
	tests/fuzz/run --time $(T) $(TARGET)

IN_VM = $(if $(filter-out default file,$(origin K)),vmtest/run --kernel $(K) --timeout 0 --)
soak: e2e-programs
	NKCTL_SOAK_S=$(T) $(IN_VM) tests/e2e/run tests/e2e/soak.bats

ROUNDS ?= 1000
races upgrades scale: e2e-programs
	NKCTL_TEST_ROUNDS=$(ROUNDS) $(IN_VM) tests/e2e/run tests/e2e/$@.bats

$(BUILD)/tests/unit/%.o: CPPFLAGS += -DNKCTL_PATH='"$(abspath $(BUILD)/nkctl)"' \
	-DBENCH_PATH='"$(abspath bench)"'
$(BUILD)/tests/%.o: tests/%.c Makefile | $(SKELETONS)
	@mkdir -p $(@D)
	$(COMPILE) -c $< -o $@

# An archive, so that a test is linked with what it tests and no more.
$(BUILD)/loader.a: $(LIBRARY)
	rm -f $@
	$(AR) rcs $@ $^

# What a test does itself, in the place of the rest of the program and of libmnl.
WRAPPED_PLUGIN := cni_input_read answer_print attachment_make attachment_remove
WRAPPED_CNI    := $(WRAPPED_PLUGIN) cni_environment_read netns_open netns_create node_open_loaded \
	attachment_check_absent ipam_run ipam_add_start ipam_add_is_over ipam_add_end ipam_give_back
$(BUILD)/tests/fuzz/fuzz_netavark: WRAPPED := $(WRAPPED_PLUGIN)
$(addprefix $(BUILD)/tests/fuzz/fuzz_,cni args ipam): WRAPPED := $(WRAPPED_CNI)
$(BUILD)/tests/fuzz/fuzz_cli: WRAPPED := node_open node_open_loaded node_open_live node_open_unloaded
$(BUILD)/tests/fuzz/fuzz_netlink $(BUILD)/tests/unit/test_netlink: WRAPPED := \
	$(addprefix mnl_socket_,open2 bind setsockopt sendto recvfrom close)
$(BUILD)/tests/unit/test_netlink: WRAPPED += if_indextoname
$(BUILD)/tests/unit/test_doctor: WRAPPED := probe_fib_lookup
$(BUILD)/tests/unit/test_map: WRAPPED := bpf_map_get_info_by_fd bpf_map_lookup_elem
$(BUILD)/tests/unit/test_cni_memory: WRAPPED := malloc calloc realloc reallocarray

WRAP = $(addprefix -Wl$(comma)--wrap=,$(WRAPPED))

$(UNIT_TESTS): %: %.o $(BUILD)/loader.a
	$(LINK_TEST)
$(PROG_TESTS): %: %.o $(PROG_HELPERS)
	$(LINK_TEST)

$(FUZZ_TARGETS): %: %.o $(BUILD)/loader.a
	$(CC) $(CFLAGS) -fsanitize=fuzzer -Wl,--gc-sections $(WRAP) -o $@ $^ $(LIBS)

# Static ones start four times as fast in an emulated guest.
$(E2E_PROGRAMS): %: %.o
	$(CC) $(CFLAGS) $(if $(STATIC),-static) -o $@ $^

-include $(OBJECTS:.o=.d) $(OTHER_OBJECTS:.o=.d) $(TEST_OBJECTS:.o=.d) $(wildcard $(BUILD)/bench/*.d)

# What the verifier makes of the programs: tests/verify/run has them built by each clang.
$(BUILD)/tests/verify/verify: $(BUILD)/tests/verify/verify.o
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
verify-objects: $(patsubst %,$(BPF_BUILD)/%.bpf.o,$(BPF_NAMES))
verify-setup:
	@tools/setup.sh verify
verify: $(BUILD)/tests/verify/verify verify-setup
	tests/verify/run $(if $(BASELINE),--baseline)

check:
	tools/check.sh

## The main job, and what it costs

demo:
	tools/demo.sh

BENCH_IN_VM := $(VM)$(K)
K ?= 6.12
NATIVE_RESULT := build/bench/native.json
BENCH_PROGRAMS := $(BUILD)/nkctl $(BUILD)/bench/traffic $(BUILD)/bench/insns.so

$(BUILD)/bench/traffic: bench/traffic.c Makefile | $(SETUP_STAMP)
	@mkdir -p $(@D)
	$(COMPILE) -fno-pie -no-pie $(LDFLAGS) -Wl,--section-start=.mark=0x6e6b0000 -o $@ $< $(LIBS)

# QEMU 9 has left version 1 of its plugins' interface behind.
QEMU_PLUGIN_VERSION = $(if $(filter 7 8,$(shell qemu-system-x86_64 --version | \
	sed -n 's/.* version \([0-9]*\)[.].*/\1/p')),1,2)

$(BUILD)/bench/insns.so: bench/insns.c Makefile | bench-setup
	@mkdir -p $(@D)
	$(COMPILE) -DQEMU_PLUGIN_VERSION=$(QEMU_PLUGIN_VERSION) -fPIC -shared -o $@ $<

$(BUILD)/bench/calls: bench/calls.c Makefile | $(SETUP_STAMP)
	@mkdir -p $(@D)
	$(COMPILE) $(if $(STATIC),-static) -o $@ $<

# What the program tests are made of, without a test.
BENCH_PROG := $(BUILD)/bench/verdicts $(BUILD)/bench/lookups

$(BUILD)/bench/%.o: bench/%.c Makefile | $(SKELETONS)
	@mkdir -p $(@D)
	$(COMPILE) -c $< -o $@

$(BENCH_PROG): %: %.o $(BUILD)/bench/prog_time.o $(PROG_HELPERS)
	$(LINK_TEST)

$(BUILD)/bench/hooks: $(BUILD)/bench/hooks.o
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

bench-setup:
	@tools/setup.sh bench
bench-cni: $(BUILD)/nkctl $(BUILD)/bench/calls bench-setup
	bench/cni
bench-programs: $(BENCH_PROG) $(BUILD)/bench/hooks bench-setup
	bench/programs $(if $(filter-out default file,$(origin K)),--kernel $(K))
bench-report: bench-setup
	@mkdir -p build/bench
	bench/report $(wildcard $(NATIVE_RESULT)) bench/baseline.json bench/cni.json \
		>build/bench/report.html
bench: $(BENCH_PROGRAMS) bench-setup
	$(if $(BENCH_IN_VM),,unshare --net ip link add type netkit 2>/dev/null && \
		exec bench/run --native --output $(NATIVE_RESULT); )bench/run --kernel $(K)
bench-check: $(BENCH_PROGRAMS) bench-setup
	bench/run --kernel $(K) --check

## Installation

install: $(BUILD)/nkctl
	install -D -s --strip-program=$(STRIP) $< $(DESTDIR)$(PREFIX)/bin/nkctl
	install -D -m 644 tools/man/nkctl.8 $(DESTDIR)$(PREFIX)/share/man/man8/nkctl.8
	install -D -m 644 tools/completion/nkctl \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/nkctl

uninstall:
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/,bin/nkctl share/man/man8/nkctl.8 \
		share/bash-completion/completions/nkctl)

clean:
	rm -rf build
