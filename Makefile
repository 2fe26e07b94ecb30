# `make run` and `make test` are all that a user needs; the rest are their parts.

UI      := crates/console/ui
VENV    := .venv
PYTHON  := $(VENV)/bin/python
CARGO   := cargo
UI_SRC  := $(shell find $(UI)/src -type f) $(UI)/index.html $(UI)/vite.config.ts $(UI)/package-lock.json

.PHONY: run test build release bench simulate soak fuzz ui lint test-rust test-clients test-console clean

run: build
	target/debug/tidemill lab

build: ui
	$(CARGO) build

release: ui
	$(CARGO) build --release

bench: ui
	$(CARGO) build --release -p tidemill -p tidemill-bench
	bench/peers.sh .bench
	python3 bench/run.py
	.bench/venv/bin/python bench/views.py
	.bench/venv/bin/python bench/views.py --records 10000000 --only backlog,queries --rounds 1

SEEDS := 2000

simulate: ui
	# With the packages of `bench`, so that dependencies have the same features and are not built again.
	TIDEMILL_SEEDS=$(SEEDS) $(CARGO) test --release -p tidemill -p tidemill-bench -p tidemill-warehouse --test it -- --include-ignored

soak: ui
	$(CARGO) build --release -p tidemill -p tidemill-bench
	bench/peers.sh .bench
	.bench/venv/bin/python bench/soak.py

FUZZ_SECONDS := 60

fuzz: ui
	RUSTC_WORKSPACE_WRAPPER=$(CURDIR)/fuzz/rustc.sh $(CARGO) build -p tidemill-fuzz
	for target in requests segments iterators; do \
		mkdir -p target/corpus/$$target && \
		target/debug/fuzz-$$target -max_total_time=$(FUZZ_SECONDS) target/corpus/$$target fuzz/seeds/$$target || exit 1; \
	done

ui: $(UI)/dist/index.html

$(UI)/dist/index.html: $(UI_SRC) $(UI)/node_modules/.installed
	cd $(UI) && npm run build

$(UI)/node_modules/.installed: $(UI)/package-lock.json
	cd $(UI) && npm ci --no-audit --no-fund
	touch $@

test: lint build test-rust test-console test-clients

lint: ui
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	cd $(UI) && npm run check

test-rust: build
	$(CARGO) test --workspace

test-clients: build $(VENV)/.installed
	sh tests/setup-debian.sh psql postgresql-client
	sh tests/setup-debian.sh java default-jre-headless
	$(PYTHON) -m pytest tests/clients

test-console: build
	sh tests/setup-debian.sh chromium chromium
	cd $(UI) && node --test test/

$(VENV)/.installed: tests/requirements.txt
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --requirement tests/requirements.txt
	touch $@

clean:
	rm -rf target $(VENV) $(UI)/node_modules $(UI)/dist tests/clients/javascript/node_modules
