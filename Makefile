# SPDX-License-Identifier: Apache-2.0
# `make` lists the targets. V=1 shows the commands. Output goes to build/, .venv/ and src/kflowd/.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help
export PATH := $(PATH):/usr/sbin:/sbin
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' $(1) $(2) >&2)

ARGS ?=
KERNEL ?= 6.1
# 1: a test that is skipped fails the run
REQUIRE_REAL ?= 1
# the cells of tests/matrix/cells.py that are part of `make test`; `make matrix` runs all
TEST_SETS := test
ARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(shell uname -m)))
CLANG ?= clang
LLVM_STRIP ?= llvm-strip
CLANG_FORMAT ?= clang-format
VENV := .venv
PYTHON := $(VENV)/bin/python
PYTEST := $(PYTHON) -m pytest -p no:cacheprovider

PACKAGE := src/kflowd/bpf
LAYOUTS := src/kflowd/_layouts.py
# ebpf/file/fentry.bpf.c becomes file_fentry.bpf.o, ebpf/socket/socket.bpf.c is socket.bpf.o
object = $(if $(filter $(1)/$(1),$(1)/$(2)),$(1),$(1)_$(2))
object_of = $(call object,$(word 2,$(subst /, ,$(1))),$(patsubst %.bpf.c,%,$(notdir $(1))))
BPF_SOURCES := $(wildcard ebpf/*/*.bpf.c)
# Built again for kernels without bpf_loop, and for lockdown=confidentiality (see ARCHITECTURE.md).
variant = $(shell grep -l 'KF_VARIANTS.*$(1)' $(BPF_SOURCES))
EXTENSION_SOURCES := pyproject.toml setup.py tools/layouts.py ebpf/record.h \
	$(wildcard $(PACKAGE)/native/_build.py $(PACKAGE)/native/*.[ch])
C_SOURCES = $(wildcard ebpf/*.h ebpf/*/*.[ch] $(PACKAGE)/native/glue*)
# asked when a recipe needs it: a fresh machine has no compiler yet
MULTIARCH = $(shell $(CLANG) -print-multiarch 2>/dev/null || gcc -dumpmachine)
BPF_CFLAGS = -O2 -g -target bpf -mcpu=v3 -std=gnu11 -D__TARGET_ARCH_$(ARCH) -Iebpf -Ivmlinux \
	-Ivmlinux/$(ARCH) -isystem /usr/include/$(MULTIARCH) -Wall -Wextra -Wno-unused-parameter

##@ Use
.PHONY: help run build wheel
help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## start kflowd on this host, as root; ARGS="-o json-min --duration 10" are its options
	@exec tools/run-foreground $(PYTHON) -m kflowd $(ARGS)

build: build/package.stamp build/objects.stamp $(LAYOUTS) ## install what is missing, build BPF objects and extension

wheel: build ## build a wheel that needs no compiler, into build/dist
	$(call say,WHEEL,build/dist)
	$(Q)rm -rf build/lib* build/bdist*
	$(Q)$(PYTHON) -m pip wheel -q --no-build-isolation --no-deps -w build/dist .

##@ Test
.PHONY: test unit host lint format docs man check bench
test: build/test-deps.stamp build lint ## everything CI runs: lint, policy, unit, host, kernels in VMs (root)
	$(call say,TEST,"policy unit host")
	$(Q)KFLOWD_REQUIRE_REAL=$(REQUIRE_REAL) $(PYTEST) $(ARGS)
	$(if $(ARGS),,$(call say,TEST,"kernels: $(TEST_SETS)"))
	$(if $(ARGS),,$(Q)$(PYTHON) -m tests.matrix --sets "$(TEST_SETS)")

unit: build ## policy and unit tests: no root
	$(call say,TEST,"policy unit")
	$(Q)$(PYTEST) -q tests/policy tests/unit $(ARGS)

host: build/test-deps.stamp build ## the real agent on this host: root
	$(call say,TEST,host)
	$(Q)KFLOWD_REQUIRE_REAL=$(REQUIRE_REAL) $(PYTEST) tests/host $(ARGS)

lint: build ## ruff, mypy, layers, clang-format, the holes of record.h
	$(call say,LINT,"src tests tools ebpf")
	$(Q)$(PYTHON) -m ruff check --quiet --no-cache .
	$(Q)$(PYTHON) -m ruff format --quiet --no-cache --check --diff .
	$(Q)$(PYTHON) -m mypy --no-error-summary --cache-dir build/mypy
	$(Q)said=$$($(VENV)/bin/lint-imports --no-cache --no-logo) || { echo "$$said"; exit 1; }
	$(Q)$(CLANG_FORMAT) --dry-run -Werror $(C_SOURCES)
	$(Q)$(CLANG) $(BPF_CFLAGS) -Werror -Wpadded -fsyntax-only -include linux/types.h -x c ebpf/record.h

format: $(VENV)/stamp ## rewrite Python and C in the project's style
	$(Q)$(PYTHON) -m ruff check --quiet --no-cache --fix . || true
	$(Q)$(PYTHON) -m ruff format --quiet --no-cache .
	$(Q)$(CLANG_FORMAT) -i $(C_SOURCES)
docs: build ## write the tables of docs/fields.md, the screens of docs/forms.md and docs/top.md, the options of README.md, what reloads
	$(Q)for page in fields_page options_table reload_page forms_page top_page; do $(PYTHON) -m tools.$$page; done
man: build ## write the man pages kflowd(8) and kflowd.toml(5) into build/man
	$(Q)$(PYTHON) tools/man_pages.py
check: lint unit ## what needs no root: lint, policy, unit
bench: build ## figures: CPU per record by stage and form, drain rate, two sinks, start time, memory (root)
	$(Q)$(PYTHON) -m tests.bench $(ARGS)

##@ Virtual machines
.PHONY: vm matrix floods storm pids cost
vm: build/test-deps.stamp build ## a shell in a VM with the project, KERNEL=6.12
	$(Q)exec $(PYTHON) -m tests.vm shell $(KERNEL)

matrix: build/test-deps.stamp build ## all kernels and attach modes (KERNELS MODES TESTS SETS narrow it; DOCS=1)
	$(Q)$(PYTHON) -m tests.matrix $(if $(SETS),--sets "$(SETS)") --kernels "$(KERNELS)" --modes "$(MODES)" --tests="$(TESTS)" $(if $(DOCS),--docs) $(ARGS)

floods: build/test-deps.stamp build ## all floods and storms at default sizes, by kprobe on all kernels (KERNELS MODES)
	$(Q)$(PYTHON) -m tests.matrix --sets modes --kernels "$(KERNELS)" --modes "$(or $(MODES),kprobe)" --smp 2 --jobs 1 \
		--tests="tests/host/test_floods.py tests/host/test_remote_floods.py tests/host/test_storm.py -k 'floods or storm'"
storm: build/test-deps.stamp build ## the speed of 50,021 files beside kflowd (KERNEL MODES TREE; KERNEL= for this host)
	$(Q)$(PYTHON) -m tests.bench.storm $(if $(KERNEL),--kernel $(KERNEL)) $(if $(MODES),--modes "$(MODES)") $(ARGS) $(TREE)
pids: build/test-deps.stamp build ## a million short-lived processes on this host: none has another's name (PROCESSES PID_MAX=400)
	$(Q)KFLOWD_TEST_PROCESSES=$(or $(PROCESSES),1000003) KFLOWD_TEST_PID_MAX=$(or $(PID_MAX),0) $(PYTEST) -s --timeout=43200 tests/host/test_pids.py -k same_number $(ARGS)
cost: build/test-deps.stamp build ## instructions per record and operation, against stored figures (TREE MODES UPDATE=1 DOCS=1)
	$(Q)$(PYTHON) -m tests.cost --modes "$(MODES)" $(if $(TREE),--tree $(TREE)) $(if $(UPDATE),--update $(UPDATE)) $(if $(DOCS),--docs)

##@ Clean
.PHONY: clean distclean
clean: ## remove what was built
	$(Q)rm -rf build $(PACKAGE)/objects $(PACKAGE)/native/*.so $(LAYOUTS) src/*.egg-info .hypothesis
	$(Q)find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove the virtual environment too
	$(Q)rm -rf $(VENV)

# What the targets above are made of.
build/build-deps.stamp build/test-deps.stamp: build/%-deps.stamp: tools/install-deps
	$(Q)mkdir -p $(@D)
	$(Q)tools/install-deps build $(if $(filter test,$*),test arm64)
	$(Q)touch $@

$(VENV)/stamp: pyproject.toml tools/make-venv tools/requirements.py build/build-deps.stamp
	$(call say,VENV,$(VENV))
	$(Q)tools/make-venv $(VENV) lint test
	$(Q)touch $@

# Editable, so that the extension is built in place and .venv/bin/kflowd exists.
build/package.stamp: $(EXTENSION_SOURCES) $(VENV)/stamp
	$(call say,CFFI,$(PACKAGE)/native)
	$(Q)$(PYTHON) -m pip install -qq --root-user-action=ignore --no-build-isolation --no-deps -e .
	$(Q)touch $@

# $(call compile,source,object,flags)
define compile
OBJECTS += $(PACKAGE)/objects/$(2).bpf.o
$(PACKAGE)/objects/$(2).bpf.o: $(1) Makefile build/build-deps.stamp
	$$(call say,BPF,$$@)
	$$(Q)mkdir -p $$(@D) build/bpf build/deps
	$$(Q)$$(CLANG) $$(BPF_CFLAGS) $(3) -MMD -MP -MT $$@ -MF build/deps/$(2).d -c $$< -o build/bpf/$(2).o
	$$(Q)$$(LLVM_STRIP) -g -o $$@ build/bpf/$(2).o
endef
$(foreach source,$(BPF_SOURCES),$(eval $(call compile,$(source),$(call object_of,$(source)))))
$(foreach source,$(call variant,noloop),$(eval $(call compile,$(source),$(call object_of,$(source)).noloop,-DKF_NO_LOOP)))
$(foreach source,$(call variant,cast),$(eval $(call compile,$(source),$(call object_of,$(source)).cast,-DKF_CAST)))
build/objects.stamp: $(OBJECTS)
	$(Q)touch $@

$(LAYOUTS): ebpf/record.h tools/layouts.py build/package.stamp
	$(call say,LAYOUTS,$@)
	$(Q)$(PYTHON) tools/layouts.py

-include $(wildcard build/deps/*.d)
