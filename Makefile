# The few commands that people run. `make` lists them.
.DEFAULT_GOAL := help
T ?= tests
# more of the benchmark's words: make gpu GPU_WORDS='--compile true'
GPU_WORDS ?=

help:  ## list the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/make \1|\2/' | column -t -s '|'

install:  ## the package with its tools, at pinned versions
	python -m pip install --constraint constraints.txt -e '.[dev,docs]'

lint:  ## format, lint, layers of imports, types
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

gpu:  ## tests on a CUDA device, then the benchmark there; its table goes into gpu.txt
	python -m pytest -q -m gpu
	python recipes/benchmark.py --backbone resnet50 --image_size 224 --batch_size 64 --rounds 20 \
	    --methods '[fra, fra/official, byol]' $(GPU_WORDS) | tee gpu.txt

.PHONY: help install lint test docs quickstart gpu
