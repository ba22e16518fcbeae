# `make demo` and `make test` are all that a fresh machine with Python 3.11+ needs.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
DEMO_ARGS ?=
TEST_ARGS ?= -n 2 --dist worksteal
ON_POSTGRESQL ?= tests
# What CI repeats on PostgreSQL, beside what runs on both anyway: the rooms that speak SQL. The rest is a matter of minutes more.
SPEAKING_SQL := $(addprefix tests/,recognition permission intake delivery team api workspace/test_rights.py)

.PHONY: setup demo test test-postgresql check bench lock clean

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Touchline needs Python 3.11 or newer; say PYTHON=python3.11 make …") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: setup  ## build the demonstration company, run the loop, write a report
	$(BIN)/touchline demo $(DEMO_ARGS)

test: setup  ## every test that this machine can run
	$(BIN)/python -m pytest $(TEST_ARGS)

test-postgresql: setup  ## the tests that a database has a part in, with PostgreSQL in place of SQLite
	TOUCHLINE_TEST_STORE=postgresql $(BIN)/python -m pytest $(TEST_ARGS) $(ON_POSTGRESQL)

check: setup  ## everything that CI runs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(MAKE) --no-print-directory test
	$(MAKE) --no-print-directory test-postgresql ON_POSTGRESQL="$(SPEAKING_SQL)"

bench: setup  ## the benchmarks, one JSON line each
	$(BIN)/touchline bench

lock:  ## renew the pins: needs `uv`; the file names no index and no address
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet -o requirements.lock

clean:
	rm -rf .venv demo .pytest_cache .mypy_cache .ruff_cache
