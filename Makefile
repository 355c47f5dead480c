# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# make            build/nkctl
# make demo       the main job, on this kernel or in a VM
# make test       everything: unit, program, end to end, in VMs too
# make check      formatters and analysers
# make bench      instructions per transaction against host networking
# make install    to PREFIX (/usr/local), below DESTDIR
# make clean
#
# SANITIZE=1 builds with ASan and UBSan, into build/sanitize.

VERSION := 0.1.0
comma   := ,
PREFIX  ?= /usr/local
BUILD   := build$(if $(SANITIZE),/sanitize)
CC      ?= gcc
CLANG   ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/local/sbin/bpftool) bpftool)
STRIP   ?= strip

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all install clean setup-build demo test check bench unit prog e2e
all: $(BUILD)/nkctl

# Packages come with the first build; later ones find the stamp.
SETUP_STAMP := build/setup-build
$(SETUP_STAMP): tools/setup.sh
	@mkdir -p $(@D)
	tools/setup.sh build
	@touch $@

## eBPF: one object, and the skeleton that embeds it

BPF_OBJECT  := build/nkctl.bpf.o
SKELETON    := build/nkctl.skel.h
BPF_SOURCES := $(wildcard bpf/*.h include/nkctl/*.h)
BPF_CFLAGS  := -O2 -g -target bpf -mcpu=v3 -Wall -Wextra -Wshadow -Wundef -Werror \
	-Iinclude -idirafter /usr/include/$(shell uname -m)-linux-gnu

$(BPF_OBJECT): bpf/nkctl.bpf.c $(BPF_SOURCES) Makefile | $(SETUP_STAMP)
	$(CLANG) $(BPF_CFLAGS) -c $< -o $@
	llvm-strip --strip-debug --no-strip-all $@ 2>/dev/null || true

$(SKELETON): $(BPF_OBJECT)
	$(BPFTOOL) gen skeleton $< name nkctl_bpf > $@

## The program

SOURCES := $(wildcard loader/*.c loader/*/*.c)
OBJECTS := $(SOURCES:loader/%.c=$(BUILD)/loader/%.o)
LIBRARY := $(filter-out $(BUILD)/loader/main.o,$(OBJECTS))

WARNINGS := -Wall -Wextra -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wundef
CFLAGS   ?= -O2 -g
CFLAGS   += $(if $(SANITIZE),-fsanitize=address$(comma)undefined -fno-omit-frame-pointer)
CFLAGS   += $(if $(CI),-Werror)
CPPFLAGS += -D_GNU_SOURCE -DNKCTL_VERSION='"$(VERSION)"' -Iinclude -Iloader -Ibuild \
	$(shell pkg-config --cflags libnl-route-3.0 2>/dev/null)
COMPILE = $(CC) -std=gnu17 $(WARNINGS) $(CFLAGS) -ffunction-sections -fdata-sections \
	$(CPPFLAGS) -MMD -MP

# Linked statically, the program starts in a millisecond and runs on any node. Debian 12's
# libmnl-dev has no archive: the set-up keeps a newer one in the cache.
NKCTL_CACHE ?= /var/cache/nkctl
LIBMNL  := $(firstword $(wildcard /usr/lib/*/libmnl.a $(NKCTL_CACHE)/lib/libmnl.a) -lmnl)
LIBS    := -lbpf -lelf $(shell pkg-config --libs --static libelf 2>/dev/null | tr ' ' '\n' | grep -E '^-l(zstd|lzma|bz2)$$' | tr '\n' ' ') -lz \
	-lnl-route-3 -lnl-3 $(LIBMNL) -ljansson -lpthread
STATIC  ?= $(if $(SANITIZE),,$(if $(filter %.a,$(LIBMNL)),1))
# --no-warnings: libnl resolves names in functions that nkctl never calls, and glibc warns of them.
LD_NO_WARNINGS := -Wl$(comma)--no-warnings
LDFLAGS += -Wl,--gc-sections $(if $(filter 1,$(STATIC)),-static $(LD_NO_WARNINGS))

$(BUILD)/loader/%.o: loader/%.c Makefile | $(SETUP_STAMP)
	@mkdir -p $(@D)
	$(COMPILE) -c $< -o $@

$(BUILD)/loader/bpf/datapath.o: $(SKELETON)

$(BUILD)/nkctl: $(OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

-include $(OBJECTS:.o=.d)

clean:
	rm -rf build
