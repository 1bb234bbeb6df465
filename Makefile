# The two commands: `make run` to try it, `make test` to run every check.

.DEFAULT_GOAL := help
.PHONY: help run ui ui-where-node ui-needs ui-checks test-ui build build-quick sidecar guests test test-needs sdk-needs schemathesis-needs schemathesis test-deploy images bench cost sockets fuzz fmt lint loom docs deny check-generated

CARGO ?= cargo
DATA ?= midflight-data
LISTEN ?= 127.0.0.1:8080
# Benchmarks draw in other engines to compare with, so they are built only when asked for.
ALL := --workspace --exclude midflight-benches

help: ## List the targets
	@grep -hE '^[a-z%-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([^:]+):.*## /  make \1\t/' | expand -t 24

# The web UI is built before the server, which takes it in. Node is needed for that alone: without it, the server has no page.
HAS_NODE = command -v npm >/dev/null && node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null
# The guides and the error codes of docs/ are pages of it.
UI_FILES = $(wildcard ui/*.json ui/*.html ui/vite.config.ts docs/*.md docs/errors/*.md docs/migrate/*.md) $(shell find ui/src ui/scripts -type f 2>/dev/null)
UI_PAGE = crates/ui/page/index.html

ui/node_modules/.package-lock.json: ui/package-lock.json
	cd ui && npm ci --silent --no-audit --no-fund && touch node_modules/.package-lock.json

$(UI_PAGE): $(UI_FILES) ui/node_modules/.package-lock.json
	cd ui && npm run --silent build

ui: $(UI_PAGE) ## Build the web UI into crates/ui/page, for the next build of the server

ui-where-node:
	@if $(HAS_NODE); then $(MAKE) --no-print-directory ui; \
	else echo "skipped: the server is built without the web UI: there is no Node 20 or newer with npm"; fi

build: ui-where-node ## Build the server and CLI, optimised
	$(CARGO) build --release --locked -p midflight-cli

build-quick: ui-where-node ## Build them without optimisation, to try them
	$(CARGO) build --profile quick --locked -p midflight-cli

# For the machine's own triple, and named, so that build scripts and macros are not built statically too.
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
TARGET_DIR = $(or $(CARGO_TARGET_DIR),target)
# One file that needs no other, and in which no path of this machine stands.
STATIC = -C target-feature=+crt-static -C strip=symbols --remap-path-prefix=$(CURDIR)=/midflight \
	--remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)=/cargo

sidecar: ## Build the config-reloader: one small static file
	RUSTFLAGS="$(STATIC)" $(CARGO) build --profile sidecar --locked -p midflight-sidecar --target $(HOST)
	@file=$(TARGET_DIR)/$(HOST)/sidecar/midflight-sidecar; bytes=$$(wc -c < $$file); \
	echo "$$file: $$bytes bytes"; [ $$bytes -le 2097152 ] || { echo "it must have at most 2 MiB"; exit 1; }

run: build-quick ## Build, and serve the examples on SQLite in ./midflight-data
	@rm -f $(DATA)/ready; data="$(DATA)"; \
	[ ! -e $(DATA)/midflight.db ] || data="$(DATA) was there already and is served as it is; for the examples: rm -r $(DATA)"; \
	./target/quick/midflight serve --listen $(LISTEN) --data-dir $(DATA) --ready-file $(DATA)/ready \
		--admin-token-file $(DATA)/admin-token --apply-if-empty examples/loans,examples/helpdesk,examples/operations & server=$$!; \
	trap : INT; trap 'kill $$server' TERM; \
	until [ -s $(DATA)/ready ] || ! kill -0 $$server 2>/dev/null; do sleep 0.1; done; \
	if [ -s $(DATA)/ready ]; then url=$$(cat $(DATA)/ready); \
	(export MIDFLIGHT_URL=$$url MIDFLIGHT_TOKEN=$$(cat $(DATA)/admin-token) PATH=$$PWD/target/quick:$$PATH; \
	  midflight module show counter >/dev/null 2>&1 || midflight module load examples/modules/counter.wat); \
	printf '%s\n' "" \
	  "  URL    $$url     in a browser: $$url/ui/tour leads through it in five minutes" \
	  "  token  $$(cat $(DATA)/admin-token)" \
	  "  data   $$data" "" \
	  "Three commands to try in another terminal, in this folder:" "" \
	  "  export MIDFLIGHT_URL=$$url MIDFLIGHT_TOKEN=\$$(cat $(DATA)/admin-token) PATH=\$$PWD/target/quick:\$$PATH" "" \
	  "  1. ask:    midflight execute --data '{\"amount\": 20000, \"applicant\": {\"income\": 52000, \"years_employed\": 6, \"defaults\": 0}}'" \
	  "  2. change: EDITOR=nano midflight edit rules/conditions/earns-enough     then ask again" \
	  "  3. look:   midflight history" \
	  "  and:       midflight classify \"where is my order\"     (docs/patterns.md)" \
	  "             midflight select \"find an error in the logs\"     (docs/tools.md)" \
	  "             midflight module call counter add     (docs/modules.md)" ""; fi; \
	wait $$server || wait $$server

test: fmt-check ui-where-node lint test-all test-ui test-deploy loom docs deny check-generated ## Everything that must pass

# The servers that the tests start, each on a free port: program and Debian package.
NEEDS := initdb:postgresql redis-server:redis-server nats-server:nats-server

test-needs: ## Install the servers that the tests start, where Debian's packages can be installed
	@for need in $(NEEDS); do program=$${need%:*}; package=$${need#*:}; \
	  if command -v $$program >/dev/null || ls /usr/sbin/$$program /usr/lib/postgresql/*/bin/$$program >/dev/null 2>&1; then continue; fi; \
	  echo "installing $$package"; \
	  if [ "$$(id -u)" = 0 ]; then as=; else as=sudo; fi; \
	  $$as apt-get install -y --no-install-recommends $$package >/dev/null || { $$as apt-get update && $$as apt-get install -y --no-install-recommends $$package; } \
	  || { echo "$$package cannot be installed here: install $$program by hand"; exit 1; }; \
	done

# Other implementations of MCP, which the tests of agents run, in a folder of their own.
SDK = $(abspath $(TARGET_DIR))/sdk
SDK_FILES := $(wildcard crates/mcp/tests/sdk/*)

$(SDK)/installed: $(SDK_FILES)
	@mkdir -p $(SDK)/bin && cp $(SDK_FILES) $(SDK) && cd $(SDK) && \
	python3 -m venv one && one/bin/pip install --quiet --disable-pip-version-check -r requirements-1.txt && \
	python3 -m venv two && two/bin/pip install --quiet --disable-pip-version-check -r requirements-2.txt && \
	npm ci --silent && ln -sf "$$(command -v node)" bin/node && touch installed

sdk-needs: ## Install other implementations of MCP into target/sdk, where Python and Node can
	@if command -v python3 >/dev/null && command -v npm >/dev/null; then $(MAKE) --no-print-directory $(SDK)/installed \
	|| echo "skipped: other implementations of MCP cannot be installed here, so agents are tested without them"; \
	else echo "skipped: agents are not tested with other implementations of MCP: there is no python3 or no npm"; fi

# Sends requests by the OpenAPI document, in a folder of its own.
SCHEMATHESIS = $(abspath $(TARGET_DIR))/schemathesis

$(SCHEMATHESIS)/installed: crates/server/tests/schemathesis/requirements.txt
	@rm -f $@; mkdir -p $(TARGET_DIR) && python3 -m venv $(SCHEMATHESIS) && \
	$(SCHEMATHESIS)/bin/pip install --quiet --disable-pip-version-check -r $< && touch $@

schemathesis-needs: ## Install schemathesis into target/schemathesis, where Python can
	@if command -v python3 >/dev/null; then $(MAKE) --no-print-directory $(SCHEMATHESIS)/installed \
	|| echo "skipped: schemathesis cannot be installed here, so the OpenAPI document is not tried"; \
	else echo "skipped: the OpenAPI document is not tried: there is no python3"; fi

schemathesis: schemathesis-needs ## Try the OpenAPI document as each role
	@if [ -f $(SCHEMATHESIS)/installed ]; then \
	MIDFLIGHT_SCHEMATHESIS=$(SCHEMATHESIS)/bin/st $(CARGO) test $(ALL) --locked --all-features --test http schemathesis; fi

test-all: test-needs sdk-needs schemathesis-needs
	@if [ -f $(SDK)/installed ]; then export MIDFLIGHT_SDK=$(SDK); fi; \
	if [ -f $(SCHEMATHESIS)/installed ]; then export MIDFLIGHT_SCHEMATHESIS=$(SCHEMATHESIS)/bin/st; fi; \
	echo "$(CARGO) test $(ALL) --locked --all-features"; $(CARGO) test $(ALL) --locked --all-features

test-ui: test-needs ## Check the web UI: types, lint, units, and pages in Chromium against a server
	@if $(HAS_NODE); then $(MAKE) --no-print-directory ui-checks; \
	else echo "skipped: the web UI is not checked: there is no Node 20 or newer with npm"; fi

# `make ui-needs test-ui` opens the pages too; without Chromium that is left out, and said.
ui-needs: ## Install Chromium, which opens the pages of the web UI in `make test-ui`
	@if ! node ui/scripts/browser.mjs >/dev/null; then echo "installing chromium"; \
	  if [ "$$(id -u)" = 0 ]; then as=; else as=sudo; fi; \
	  $$as apt-get install -y --no-install-recommends chromium >/dev/null 2>&1 \
	  || { $$as apt-get update >/dev/null && $$as apt-get install -y --no-install-recommends chromium >/dev/null; } \
	  || echo "chromium cannot be installed here"; fi

ui-checks: $(UI_PAGE)
	cd ui && npm run --silent api && npm run --silent typecheck && npm run --silent lint && npm run --silent unit
	@if node ui/scripts/browser.mjs >/dev/null; then \
	  $(CARGO) build --locked -p midflight-cli && cd ui && MIDFLIGHT_BIN=$(abspath $(TARGET_DIR))/debug/midflight npm run --silent browser; \
	else echo "skipped: no page of the web UI is opened: there is no Chromium (make ui-needs)"; fi

# One parser or all of them, how long each, and where what the fuzzer finds is kept.
FUZZ ?= $(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs)))
FUZZ_SECONDS ?= 60
fuzz: ## Try parsers with random inputs: cargo-fuzz and a nightly toolchain
	@for target in $(FUZZ); do \
	  mkdir -p fuzz/corpus/$$target; \
	  $(CARGO) +nightly fuzz run $$target fuzz/corpus/$$target fuzz/seeds/$$target -- -max_total_time=$(FUZZ_SECONDS) || exit 1; \
	done

fmt: ## Format the sources
	$(CARGO) fmt --all

fmt-check:
	$(CARGO) fmt --all --check

lint: ## Clippy, warnings denied
	$(CARGO) clippy $(ALL) --locked --all-targets --all-features -- -D warnings

loom: ## Explore every interleaving of the swap
	RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom $(CARGO) test --locked -p midflight-live --lib --release

docs: ## Build the API documentation, warnings denied
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(ALL) --locked --no-deps --all-features

deny: ## Licences and advisories, where cargo-deny is installed
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny --offline check licenses bans sources; \
	else echo "cargo-deny is not installed: licences and advisories not checked"; fi

check-generated: ## What tests generate must be what is committed
	git diff --exit-code

# What the images are called, and whom outgoing TLS trusts.
IMAGES = $(TARGET_DIR)/images
IMAGE_PREFIX ?=
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
REVISION = $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
CERTIFICATES ?= /etc/ssl/certs/ca-certificates.crt
make-image = deploy/image --dockerfile deploy/docker/Dockerfile.$(1) --name $(IMAGE_PREFIX)$(2):$(VERSION) \
	--arg VERSION=$(VERSION) --arg REVISION=$(REVISION) --output $(IMAGES)/$(2).tar

images: sidecar ui-where-node ## Build the images of the server and the sidecar into target/images, without a daemon
	@mkdir -p $(IMAGES)/empty
	RUSTFLAGS="$(STATIC)" $(CARGO) build --release --locked -p midflight-cli --target $(HOST)
	$(call make-image,server,midflight) --built /out/midflight=$(TARGET_DIR)/$(HOST)/release/midflight \
		--built /etc/ssl/certs/ca-certificates.crt=$(CERTIFICATES) --built /out/data=$(IMAGES)/empty
	$(call make-image,sidecar,midflight-sidecar) \
		--built /out/midflight-sidecar=$(TARGET_DIR)/$(HOST)/sidecar/midflight-sidecar

test-deploy: ## Check the charts, the Dockerfiles, the images and the guide
	@if command -v python3 >/dev/null; then deploy/tests/run; \
	else echo "skipped: deploy/ is not checked: there is no python3"; fi

# What guests are built for. Where cargo's compiler does not have it, that of Debian's packages (rustc-web, rust-web-src, lld)
# builds the standard library too. GUEST_ENV and GUESTS pass on what another toolchain needs, to cargo's environment and to
# `cargo build`.
WASM = wasm32-unknown-unknown
GUEST_ENV ?= $(shell [ -d "$$(rustc --print target-libdir --target $(WASM) 2>/dev/null)" ] \
	|| [ ! -d /usr/lib/rustlib/src/rust/library ] || echo RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 \
	CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$$(ls /usr/bin/wasm-ld* 2>/dev/null | head -n 1))
GUESTS ?= $(if $(GUEST_ENV),-Zbuild-std=std$(COMMA)panic_abort)
COMMA := ,
GUEST_BUILD = $(GUEST_ENV) $(CARGO) build --release --locked --target $(WASM) --target-dir target
GUEST_FILES = $(foreach version,1 2 3,guests/target/session-counter-$(version).wasm)
guests: ## Build the example modules in Rust, test them and their library, and migrate their state from version to version
	cd guests && $(CARGO) test --locked -p midflight-guest -p rate-limiter --lib --target-dir target
	cd guests && $(CARGO) test --locked -p midflight-guest --doc --target-dir target
	cd guests && $(GUEST_BUILD) -p rate-limiter $(GUESTS)
	for version in 1 2 3; do \
	  (cd guests && $(GUEST_BUILD) -p session-counter --no-default-features --features v$$version $(GUESTS)) || exit 1; \
	  cp guests/target/$(WASM)/release/session_counter.wasm guests/target/session-counter-$$version.wasm || exit 1; \
	done
	$(CARGO) run --release --locked -p midflight-module-host --example sessions -- $(GUEST_FILES) 10000

# Python 3 alone, and PostgreSQL: see `make test-needs`.
cost: build ## Measure the most expensive requests under load, and their effect on others
	python3 crates/benches/cost/run.py --program $(TARGET_DIR)/release/midflight $(COST)

sockets: build ## Measure 10,000 idle WebSocket clients, and 200 that do not read, while edits flow
	python3 crates/benches/cost/sockets.py --program $(TARGET_DIR)/release/midflight $(SOCKETS)

bench: ## Measure, each figure beside its reference in the same run
	$(CARGO) bench --locked -p midflight-benches

check-%: ## Check one crate: make check-engine
	$(CARGO) clippy --locked -p $(if $(filter midflight,$*),midflight,midflight-$*) --all-targets --all-features -- -D warnings
	$(CARGO) test --locked -p $(if $(filter midflight,$*),midflight,midflight-$*) --all-features
