# Two commands are enough: `make serve` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
SYNC = $(UV) pip install --quiet --python $(BIN)/python --require-hashes

.PHONY: serve install test lint format bench quality chaos lock clean

serve: $(VENV)/.serve
	@$(BIN)/stentor serve

install: $(VENV)/.serve
	@:

# Hundreds of processes start: where bytecode is not kept, each would compile everything anew.
test: $(VENV)/.dev
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(VENV)/.dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/.dev
	@PYTHONPATH=tests $(BIN)/python -m bench

# How well a whole book is read (docs/quality.md): make quality TEXT=book.txt
quality: $(VENV)/.dev
	@$(BIN)/python -m bench.quality $(or $(TEXT),$(error say which book: make quality TEXT=book.txt))

# Kills the server and its engines over and over; SEED=... does so again (docs/chaos.md).
chaos: $(VENV)/.dev
	@PYTHONPATH=tests $(BIN)/python -m chaos.driver $(if $(SEED),--seed $(SEED))
	@$(BIN)/python -m pytest tests/chaos

clean:
	rm -rf $(VENV)

# Pins everything anew; hashes only, no addresses.
lock: $(VENV)/.uv
	@$(UV) pip compile --quiet $(LOCK) --upgrade pyproject.toml $(EXTRAS) --extra kokoro \
		--group build --group dev -o requirements/dev.txt
	@$(UV) pip compile --quiet $(LOCK) --upgrade pyproject.toml $(EXTRAS) --group build \
		-c requirements/dev.txt -o requirements/serve.txt
EXTRAS := --extra piper --extra polly --extra google
LOCK := --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

$(VENV)/.uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Stentor needs Python 3.11 or newer; say which with PYTHON=..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENV)/.serve: requirements/serve.txt pyproject.toml $(VENV)/.uv
	@echo "Installing into $(VENV) ..."
	@$(SYNC) -r $<
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.serve
	@$(SYNC) -r $<
	@touch $@
