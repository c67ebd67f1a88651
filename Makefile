# deepc is one header: there is nothing to build before using it. This Makefile builds the examples, runs the
# tests and installs. `make mnist` and `make test` are the two to begin with; `make help` lists the others.

CC      ?= cc
CFLAGS  ?= -O2
PREFIX  ?= /usr/local
BUILD   ?= build
VERSION := 0.1.0

EXAMPLES := $(patsubst examples/%.c,$(BUILD)/%,$(wildcard examples/*.c))

.PHONY: all help mnist mnist-seeds test test-exhaustive examples-check bits gradcheck coverage \
        tutorials tutorials-full tutorials-write tutorials-peers \
        bench bench-picture cheatsheet golden install uninstall format-check clean

all: $(EXAMPLES)                 ## build every example into build/

help:                            ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 20

$(BUILD)/%: examples/%.c deepc.h | $(BUILD)
	$(CC) $(CFLAGS) $(CPPFLAGS) -I. $< -o $@ $(LDFLAGS) -lm $(LDLIBS)

$(BUILD):
	mkdir -p $@

# --- the main job ------------------------------------------------------------------------------------------
# The images are gzipped, which deepc reads with stb_image. Where the compiler does not find that header, the
# files are unpacked first: a C compiler, make and gzip are all that is needed.

HASH := \#
STB   := $(shell printf '%s\n' '$(HASH)if !defined(DEEPC_NO_STB) && \
                 (__has_include("stb_image.h") || __has_include(<stb/stb_image.h>))' found '$(HASH)endif' | \
                 $(CC) $(CFLAGS) $(CPPFLAGS) -x c -E -P - 2>/dev/null)
MNIST := $(if $(findstring found,$(STB)),examples/data/mnist,$(BUILD)/data)

mnist: $(BUILD)/05_mnist_dropout | $(MNIST)   ## train, evaluate and save a network on the full MNIST
	$(BUILD)/05_mnist_dropout --data $(MNIST)

mnist-seeds: $(BUILD)/05_mnist_dropout | $(MNIST)   ## the same for seeds 1 to 5: each at least 0.970, mean 0.974
	tests/seeds $(BUILD)/05_mnist_dropout --data $(MNIST)

$(BUILD)/data: | $(BUILD)
	rm -rf $@ $@.part && mkdir $@.part
	for f in examples/data/mnist/*.gz; do gzip -dc $$f > $@.part/$$(basename $$f .gz) || exit 1; done
	mv $@.part $@

# --- tests -------------------------------------------------------------------------------------------------

test:                            ## install what is missing where possible, build and run every test
	@tests/run.sh

test-exhaustive:                 ## every float through every function, other processors, long fuzzing
	@tests/run.sh exhaustive

examples-check: | $(MNIST)       ## run every example and hold its RESULT lines to its "expected:" lines
	@tests/run.sh examples

bits:                            ## the same bits: a table of compilers, processors and numbers of threads
	@tests/run.sh bits-table

gradcheck: | $(BUILD)               ## op by op the worst error of the gradient, in double precision
	$(CC) $(CFLAGS) $(CPPFLAGS) -DDEEPC_DOUBLE -I. -Itests tests/test_gradcheck.c -o $(BUILD)/gradcheck \
	    $(LDFLAGS) -lm $(LDLIBS)
	$(BUILD)/gradcheck

coverage:                        ## which lines of deepc.h the tests run; build/test/coverage.txt has them all
	@tests/run.sh coverage

golden:                          ## compute the golden numbers anew, with PyTorch (installed if missing)
	tests/golden.sh

# --- tutorials ---------------------------------------------------------------------------------------------

TUTORIALS = BUILD=$(BUILD) MNIST=$(MNIST) CC="$(CC)" CPPFLAGS="$(CPPFLAGS)" python3 -B tests/tutorials

tutorials: | $(MNIST) $(BUILD)      ## build and run every chapter, hold its page and its results to it
	@$(TUTORIALS) check

tutorials-full: | $(MNIST) $(BUILD) ## the same, and the results with seeds 1 to 5
	@$(TUTORIALS) full

tutorials-write: | $(MNIST) $(BUILD) ## cut the code, the output and the pictures of the pages from the programs
	@$(TUTORIALS) write

PYTHON ?= python3
tutorials-peers:                 ## run appendix B's Python programs; PYTHON=... has TensorFlow and PyTorch
	$(PYTHON) -B tutorials/programs/run_peers.py

# --- speed -------------------------------------------------------------------------------------------------

BENCH := $(BUILD)/bench
BENCH_PROGRAMS := $(patsubst tests/bench/%.c,$(BENCH)/%,$(wildcard tests/bench/*.c))

bench: $(BUILD)/05_mnist_dropout $(BENCH_PROGRAMS) | $(MNIST)   ## speed beside peers, on this machine; QUICK=1: 4 min
	BUILD=$(BUILD) MNIST=$(MNIST) QUICK=$(QUICK) python3 -B tests/bench/bench.py $(ONLY)

bench-picture:                   ## keep the picture of the last `make bench` for the README
	cp $(BUILD)/bench.svg examples/pictures/bench.svg

$(BENCH)/%: tests/bench/%.c tests/bench/bench.h tests/bench/limits.h $(BENCH)/deepc.o
	$(CC) $(CFLAGS) $(CPPFLAGS) -I. $< $(BENCH)/deepc.o -o $@ $(LDFLAGS) -lm -ldl -pthread $(LDLIBS)

$(BENCH)/deepc.o: deepc.h        # Compiled once for all of them.
	mkdir -p $(BENCH)
	$(CC) $(CFLAGS) $(CPPFLAGS) -DDEEPC_IMPLEMENTATION -x c -c $< -o $@

cheatsheet: | $(BUILD)           ## write examples/CHEATSHEET.md from the declarations in deepc.h
	python3 -B tests/cheatsheet deepc.h > $(BUILD)/cheatsheet.md
	cp $(BUILD)/cheatsheet.md examples/CHEATSHEET.md

format-check:                    ## what clang-format would change; nobody enforces it
	clang-format --dry-run deepc.h examples/*.c

# --- installation ------------------------------------------------------------------------------------------

define PKG_CONFIG
prefix=$(PREFIX)
includedir=$${prefix}/include

Name: deepc
Description: Deep learning in one C header
Version: $(VERSION)
Cflags: -I$${includedir}
Libs: -lm
endef

define CMAKE_CONFIG
get_filename_component(_deepc_prefix "$${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET deepc::deepc)
    add_library(deepc::deepc INTERFACE IMPORTED)
    set_target_properties(deepc::deepc PROPERTIES
        INTERFACE_INCLUDE_DIRECTORIES "$${_deepc_prefix}/include"
        INTERFACE_LINK_LIBRARIES m)
endif()
unset(_deepc_prefix)
endef

define CMAKE_VERSION
set(PACKAGE_VERSION "$(VERSION)")
if(PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION)
    set(PACKAGE_VERSION_COMPATIBLE FALSE)
else()
    set(PACKAGE_VERSION_COMPATIBLE TRUE)
    if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)
        set(PACKAGE_VERSION_EXACT TRUE)
    endif()
endif()
endef

export PKG_CONFIG_TEXT    := $(PKG_CONFIG)
export CMAKE_CONFIG_TEXT  := $(CMAKE_CONFIG)
export CMAKE_VERSION_TEXT := $(CMAKE_VERSION)
CMAKE_FOLDER := $(DESTDIR)$(PREFIX)/lib/cmake/deepc

install:                         ## header, pkg-config file and CMake package under PREFIX (/usr/local)
	install -d $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/lib/pkgconfig $(CMAKE_FOLDER)
	install -m 644 deepc.h $(DESTDIR)$(PREFIX)/include
	printf '%s\n' "$$PKG_CONFIG_TEXT" > $(DESTDIR)$(PREFIX)/lib/pkgconfig/deepc.pc
	printf '%s\n' "$$CMAKE_CONFIG_TEXT" > $(CMAKE_FOLDER)/deepcConfig.cmake
	printf '%s\n' "$$CMAKE_VERSION_TEXT" > $(CMAKE_FOLDER)/deepcConfigVersion.cmake

uninstall:                       ## remove what install wrote
	rm -f $(DESTDIR)$(PREFIX)/include/deepc.h $(DESTDIR)$(PREFIX)/lib/pkgconfig/deepc.pc
	rm -rf $(CMAKE_FOLDER)

clean:                           ## remove build/
	rm -rf $(BUILD)
