# The few commands that people run. `make` lists them.
.DEFAULT_GOAL := help
T ?= tests

help:  ## list the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/make \1|\2/' | column -t -s '|'

install:  ## the package with its tools, at pinned versions
	python -m pip install --constraint constraints.txt -e '.[dev,docs]'

lint:  ## format, lint, floors of imports, types
	ruff format --check .
	ruff check .
	lint-imports
	pyright

test:  ## the tests, or some: make test T=tests/losses
	python -m pytest -q --numprocesses 2 --dist worksteal $(T)

docs:  ## the pages, into site/
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict

quickstart:  ## pre-train FRA on drawn faces: no files, no GPU, a few minutes
	accelerate launch --cpu recipes/pretrain.py

gpu:  ## the tests that need a CUDA device
	python -m pytest -q -m gpu

.PHONY: help install lint test docs quickstart gpu
