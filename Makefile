PYTHON ?= python3

.PHONY: install
install:
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	test -f .venv/.ready || (.venv/bin/python -m pip install -q --upgrade pip setuptools wheel && \
	  .venv/bin/python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
	  e = p['optional-dependencies']; print(*p['dependencies'], *e['kilted'], *e['build-kilted'], *e['test'], sep='\n')" > .venv/requirements.txt && \
	  .venv/bin/python -m pip install -q -r .venv/requirements.txt && touch .venv/.ready)
	.venv/bin/python -m pip install -q --no-deps --no-build-isolation .
