# make setup | demo | test | bench | bench-NAME. Every target sets up .venv first when needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup demo test lint bench clean

setup: $(STAMP)

# torch goes first and alone: a plain dependency resolution may otherwise choose a build with CUDA.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet torch -c constraints.txt
	$(BIN)/pip install --quiet -e '.[demo,dev]' -c constraints.txt
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/outergrad demo --out demo-run

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --clean

test: lint
	$(BIN)/pytest -n auto --dist loadfile

$(VENV)/.bench: $(STAMP)
	$(BIN)/pip install --quiet -e '.[bench,ray]' -c constraints.txt
	touch $(VENV)/.bench

bench: $(VENV)/.bench
	@for file in bench/*.py; do $(BIN)/python $$file || exit 1; done

bench-%: $(VENV)/.bench
	$(BIN)/python bench/$*.py

clean:
	rm -rf $(VENV) demo-run
