# make            build/stint
# make test       every spec, on throwaway clusters; installs the packages that are missing
# make test-long  the same, with what takes long, and on other major versions of PostgreSQL
# make check      format, luacheck, cppcheck, then test
# make asan       every spec against a build with AddressSanitizer and UBSan
# make fuzz       FUZZ_SECONDS=60: each reader of foreign text under libFuzzer
# make demo       the project of this folder, on a PostgreSQL of its own
# make bench      how long it takes, beside libpq and psql
# make install    PREFIX=/usr/local: one file

VERSION = 0.1.0

O       = build
CC      = gcc
CFLAGS  = -O2 -g
WERROR  = -Werror
PREFIX  = /usr/local
AWK     = LC_ALL=C awk

WARNINGS = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes $(WERROR)
HARDEN   = -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection
# Specs load C modules (stint test), which find Lua here where it is linked statically.
LINK     = -Wl,-z,relro,-z,now -Wl,--export-dynamic-symbol=lua*

# Asked once, and only when something is compiled: `make test` must start without pkg-config.
once      = $(eval $(1) := $(2))$($(1))
PACKAGES  = libpq inih jansson libcrypto
LUA       = $(call once,LUA,$(firstword $(shell for p in lua5.4 lua54 lua-5.4; do \
              pkg-config --exists $$p && echo $$p; done) lua5.4))
FOREIGN   = $(call once,FOREIGN,$(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(PACKAGES) $(LUA))))
LIBRARIES = $(call once,LIBRARIES,$(shell pkg-config --libs $(PACKAGES)) -lpg_query -lm)
LUA_LIBS  = $(call once,LUA_LIBS,$(shell pkg-config --libs $(LUA)))
# Addresses that the start mends take 250 kB less, where the C library can read them so.
PACKED    = $(call once,PACKED,$(shell grep -q GLIBC_ABI_DT_RELR "$$($(CC) \
              -print-file-name=libc.so.6)" && echo -Wl,-z,pack-relative-relocs))
# A small library that has an archive is linked into the program: less to load at every start.
SMALL     = -linih -ljansson -llua5.4 -lpg_query
archived  = $(foreach l,$(1),$(if $(and $(filter $(SMALL),$l),$(findstring /,$(shell \
              $(CC) -print-file-name=$(l:-l%=lib%.a)))),$(l:-l%=-l:lib%.a),$l))

COMPILE = $(CC) -std=c11 -D_GNU_SOURCE -DSTINT_VERSION='"$(VERSION)"' $(CFLAGS) $(HARDEN) \
          $(WARNINGS) -iquote include -iquote $(O) $(FOREIGN) $(CPPFLAGS) -MMD -MP

ENGINE    = $(sort $(wildcard engine/*.c))
SQL       = $(sort $(wildcard engine/sql/*.sql))
HOOKS     = $(sort $(wildcard hooks/*.lua hooks/*/*.lua))
NATIVE    = $(sort $(wildcard spec/native/*.c))
OBJECTS   = $(ENGINE:engine/%.c=$(O)/%.o) $(O)/embed.o
PIC       = $(patsubst engine/%.c,$(O)/pic/%.o,$(filter-out engine/main.c,$(ENGINE))) \
            $(O)/pic/embed.o $(NATIVE:spec/native/%.c=$(O)/pic/spec/%.o)
GENERATED = $(O)/sql.h

# V=1 shows the commands.
Q   = $(if $(V),,@)
SAY = @$(if $(V),:,printf '%-6s%s\n')

all: $(O)/stint

native: $(O)/native.so

$(O)/stint: $(OBJECTS) $(O)/ENGINE.list
	$(SAY) link $@
	$(Q)$(CC) $(CFLAGS) -pie $(LINK) $(PACKED) $(LDFLAGS) -o $@ $(OBJECTS) $(call archived,$(LIBRARIES)) \
	    -Wl,--whole-archive $(call archived,$(LUA_LIBS)) -Wl,--no-whole-archive -lm

# What the specs see of the engine. Lua's own functions come from the interpreter that loads it;
# nodelete: what statics point to must not look like a leak when Lua closes its modules.
$(O)/native.so: $(PIC) $(O)/ENGINE.list $(O)/NATIVE.list
	$(SAY) link $@
	$(Q)$(CC) $(CFLAGS) -shared -Wl,-z,nodelete $(LDFLAGS) $(SHARED) -o $@ $(PIC) $(LIBRARIES)

$(O)/%.o: engine/%.c Makefile | $(GENERATED)
	@mkdir -p $(@D)
	$(SAY) cc $<
	$(Q)$(COMPILE) -fPIE -c -o $@ $<

$(O)/pic/%.o: engine/%.c Makefile | $(GENERATED)
	@mkdir -p $(@D)
	$(SAY) cc $<
	$(Q)$(COMPILE) -fPIC -c -o $@ $<

$(O)/pic/spec/%.o: spec/native/%.c Makefile | $(GENERATED) $(O)/natives.h
	@mkdir -p $(@D)
	$(SAY) cc $<
	$(Q)$(COMPILE) -fPIC -c -o $@ $<

$(O)/embed.o: $(O)/embed.c
	$(Q)$(COMPILE) -fPIE -c -o $@ $<

$(O)/pic/embed.o: $(O)/embed.c
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -fPIC -c -o $@ $<

# The lists of files are inputs too: a file that is gone must leave what was made of it.
$(O)/%.list: force
	@mkdir -p $(@D)
	@echo '$($*)' | cmp -s - $@ || echo '$($*)' > $@

$(O)/embed.c: $(HOOKS) $(O)/HOOKS.list .ci/embed.awk
	$(Q)$(AWK) -f .ci/embed.awk $(HOOKS) < /dev/null > $@.new && mv $@.new $@

$(O)/sql.h: $(SQL) $(O)/SQL.list .ci/sql.awk
	$(Q)$(AWK) -f .ci/sql.awk $(SQL) < /dev/null > $@.new && mv $@.new $@

$(O)/natives.h: $(O)/NATIVE.list
	@for f in $(filter-out main,$(NATIVE:spec/native/%.c=%)); do echo "NATIVE($$f)"; done > $@

test:
	@bash .ci/test

test-long:
	@bash .ci/servers
	@STINT_LONG=1 STINT_SPEC_TIMEOUT=3600 bash .ci/test

# The sanitizers' instrumentation takes the place of the hardening.
ASAN = O=build/asan CC=clang HARDEN= SHARED=-shared-libasan \
       CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all' \
       CPPFLAGS=-DARENA_DEBUG
asan:
	@bash .ci/install clang
	@env -u MAKEFLAGS $(MAKE) --no-print-directory -j$$(nproc) $(ASAN) build/asan/stint build/asan/native.so
	@STINT_BUILD=build/asan bash .ci/test

# Each file of spec/fuzz with the whole engine below it; what it finds is kept in build/fuzz.
FUZZ = O=build/fuzz CC=clang HARDEN= CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
       -fno-sanitize-recover=undefined' CPPFLAGS=-DARENA_DEBUG
FUZZERS = $(patsubst spec/fuzz/%.c,$(O)/fuzz-%,$(wildcard spec/fuzz/*.c))
fuzz:
	@bash .ci/install clang
	@env -u MAKEFLAGS $(MAKE) --no-print-directory -j$$(nproc) $(FUZZ) fuzzers
	@bash .ci/fuzz

fuzzers: $(FUZZERS)
$(O)/fuzz-%: spec/fuzz/%.c $(OBJECTS)
	$(SAY) link $@
	$(Q)$(COMPILE) -fsanitize=fuzzer -o $@ $< $(filter-out $(O)/main.o,$(OBJECTS)) \
	    $(call archived,$(LIBRARIES) $(LUA_LIBS)) -lm

check:
	@bash .ci/check
	@bash .ci/test

# Ratios to what libpq alone can do, in one run: docs/benchmarks.md
bench: all
	bash spec/bench/bench
	bash spec/bench/backfill

demo:
	@bash .ci/demo

install: all
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(O)/stint $(DESTDIR)$(PREFIX)/bin/stint

clean:
	rm -rf build

force:
.PHONY: all native test test-long asan fuzz fuzzers check demo bench install clean force
.DELETE_ON_ERROR:
-include $(wildcard $(O)/*.d $(O)/pic/*.d $(O)/pic/spec/*.d)
