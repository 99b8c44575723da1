# Set-up, demo and tests. `make demo` and `make test` need only Python >= 3.11 with venv, git and a
# C compiler; the first of them makes $(VENV), and the next ones find it ready.

VENV ?= .venv
PYTHON ?= python3
ARGS ?=

ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif

READY := $(VENV)/.stateline-ready
NEW_ENOUGH := 'import sys; sys.exit(sys.version_info < (3, 11))'

.DEFAULT_GOAL := help
.PHONY: help setup demo test pytest lint typecheck replay soak builds vsix editors kernels test-editors pictures format clean distclean

help: ## Print this list
	@echo 'Usage: make TARGET [VENV=folder] [PYTHON=python3.x]'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{printf "%-13s %s\n", $$1, $$2}'

setup: $(READY) ## Make the virtual environment and install everything into it

demo: $(READY) ## Complete a real file keystroke by keystroke, in the terminal
	$(BIN)/stateline demo $(ARGS)

test: lint typecheck pytest ## Everything that has to pass: lint, types, tests

pytest: $(READY) ## The tests alone (ARGS='-k words' picks some)
	$(BIN)/python -m pytest $(ARGS)

lint: $(READY) ## Style and formatting, without changing a file
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

typecheck: $(READY) ## mypy --strict on both packages
	$(BIN)/python .ci/typecheck.py

replay: $(READY) ## Edit traces of nine projects through the real server, by kind of action
	$(BIN)/python -m benchmarks.replay --projects $(ARGS)

soak: $(READY) ## Hours of typing, killing and editing: what CI runs a short form of
	STATELINE_KILLS=200 STATELINE_EXAMPLES=2000 $(BIN)/python -m pytest tests/test_store_processes.py tests/test_reuse.py
	$(BIN)/python -m benchmarks.soak $(ARGS)

builds: $(READY) ## No compiler, old processors, one core, arm64: what CI runs a short form of
	STATELINE_BUILDS=all $(BIN)/python -m pytest tests/test_builds.py -v -rPs $(ARGS)

editors: $(READY) ## Put the editors of `make test-editors` into build/editors
	$(BIN)/python tests/editors/install.py

kernels: $(READY) ## Put mamba-ssm and Triton into build/kernels: its tests need no GPU, but 290 MB
	$(BIN)/python .ci/install_kernels.py

test-editors: editors ## Real VS Code, Neovim, Emacs, Helix and an LSP4J client
	$(BIN)/python -m pytest tests/editors $(ARGS)

pictures: editors ## Draw the pictures of README and docs again, in the real editors
	$(BIN)/python tests/editors/neovim/picture.py
	$(BIN)/python tests/editors/vscode/pictures.py

vsix: ## Pack the VS Code extension into dist/; needs Node.js
	@mkdir -p dist
	cd editors/vscode && npm ci --no-audit --no-fund && npm run package

format: $(READY) ## Format the code and repair what the linter can
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

clean: ## Remove caches and generated files; the environment and downloads stay
	rm -rf build/typecheck build/lib build/bdist.* dist stateline.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find model lsp_server tests benchmarks .ci -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## Remove the virtual environment too
	rm -rf $(VENV)

# torch goes in first, so that the project's own torch requirement finds it and pulls nothing large.
# The stamp is written last: a set-up that was cut short starts again where it was.
$(READY): pyproject.toml .ci/install_torch.py
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
	  for python in $(PYTHON) python3.14 python3.13 python3.12 python3.11 python; do \
	    $$python -c $(NEW_ENOUGH) 2>/dev/null && break; python=; \
	  done; \
	  test -n "$$python" || { echo 'No Python >= 3.11 found; name one with PYTHON=...'; exit 1; }; \
	  echo "Making $(VENV) with $$($$python --version)"; \
	  $$python -m venv $(VENV) || { \
	    echo 'Python has no working venv; on Debian and Ubuntu install python3-venv.'; exit 1; }; \
	}
	$(BIN)/python .ci/install_torch.py
	$(BIN)/python -m pip install --disable-pip-version-check -e '.[dev,train]'
	@touch $@
