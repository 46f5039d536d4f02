# A thin layer over pip, the `cabine` command and the development tools. `make help` lists the targets.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Where `make run` listens, on loopback only.
PORT ?= 8000
INFERENCE_PORT ?= 8001

# Which Python builds .venv: the first one here that is 3.11 or newer and has the venv module.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PINNED := $(PIP_INSTALL) --constraint constraints.txt --constraint constraints-torch.txt --editable

# TORCH=no: tests and types without torch; what needs it is skipped and named.
TORCH ?= yes
# Address of the package index that torch comes from (docs/install.md); empty: as pip is set up.
TORCH_INDEX ?=
ifeq ($(filter yes no,$(TORCH)),)
$(error TORCH is yes or no, got: '$(TORCH)')
endif
WITH_TORCH := $(if $(filter yes,$(TORCH)),$(VENV)/.torch)

# Recipes call the programs of .venv by name.
export PATH := $(abspath $(BIN)):$(PATH)

# Two recipes at once would run pip twice in one .venv.
.NOTPARALLEL:
.PHONY: help setup setup-dev setup-torch models demo run test lint format type bench load quality sheet flops bench-idm-vton \
	showcase pictures docs env images compose-test clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.runtime models ## what is needed to serve: .venv (no torch, no compiler) and three small model files

setup-dev: $(VENV)/.dev models

setup-torch: $(VENV)/.torch models ## setup, and what engines with weights need: torch, from TORCH_INDEX if given

models: $(VENV)/.runtime
	@python -m preprocess.models fetch

demo: setup ## start both services, try a sample garment on a sample person, write demo/result.png
	@python -m scripts.demo

run: setup ## serve the page and the API on PORT, inference on INFERENCE_PORT; Ctrl-C stops both
	@GATEWAY_PORT=$(PORT) INFERENCE_PORT=$(INFERENCE_PORT) exec honcho start

test: setup-dev $(WITH_TORCH) ## all tests; TORCH=no: without torch, TORCH_INDEX=address: where torch comes from
	@python -m pytest

lint: $(VENV)/.dev ## formatting and lint rules, no changes made; also of the container files
	@ruff format --check . && ruff check .
	@hadolint Dockerfile.gateway Dockerfile.inference
	@scripts/check_compose.sh

format: $(VENV)/.dev ## rewrite files in the project's format
	@ruff format . && ruff check --fix .

type: $(VENV)/.dev $(WITH_TORCH) ## strict type check; TORCH=no: without the engines that are written with torch
	@mypy $(if $(WITH_TORCH),,--exclude '^(inference/engines/idm_vton|examples)/')

bench: setup ## speed, memory and quality of the warp engine; tables here, JSON in bench/results/
	@for name in warp parsing garment quality; do echo; echo "== bench.$$name"; python -m bench.$$name; done

load: setup ## throughput, delays, 500 clients that follow jobs, overload: both services, real processes; JSON in bench/results/
	@python -m bench.load

quality: bench ## the same, and the tables and sheets into docs/quality.md and docs/images
	@python -m bench.report
	@python -m bench.truth_sheets

OUT ?= out/sheet.png
EACH ?= 1
sheet: setup ## contact sheet: make sheet PEOPLE=dir GARMENTS=dir [EACH=garments per person] [OUT=out/sheet.png]
	@test -n "$(PEOPLE)" -a -n "$(GARMENTS)" || { echo "usage: make sheet PEOPLE=dir GARMENTS=dir [EACH=n] [OUT=file.png]" >&2; exit 2; }
	@python -m bench.sheet "$(PEOPLE)" "$(GARMENTS)" --each "$(EACH)" --out "$(OUT)"

flops: $(VENV)/.torch ## operations that idm-vton needs for a picture, counted without weights
	@python -m bench.flops idm-vton

bench-idm-vton: $(VENV)/.torch ## CPU time of idm-vton's denoising, exact savings on against off, on a small random checkpoint
	@python -m bench.idm_vton_cpu

ENGINE ?= idm-vton
showcase: setup ## picture grid for the README, on your GPU: make showcase [ENGINE=name] [PEOPLE=dir] [GARMENTS=dir]
	@python -m scripts.showcase --engine "$(ENGINE)" $(if $(PEOPLE),--people "$(PEOPLE)") $(if $(GARMENTS),--garments "$(GARMENTS)")

pictures: setup ## those of the README, from the samples; those of the page where Chromium and playwright are
	@python -m scripts.readme_images
	@python -m scripts.page_images

docs: $(VENV)/.runtime ## settings and engines tables, from the code
	@python -m scripts.render_docs

GPU ?= auto
env: ## write .env for docker compose, which then uses an NVIDIA GPU if there is one; GPU=yes|no to tell it
	@"$(PYTHON)" -m scripts.make_env --gpu "$(GPU)"

images: $(VENV)/.runtime ## build the container images; what each adds to its base
	@docker compose build && python -m scripts.image_sizes

compose-test: $(VENV)/.runtime ## containers for real: build, start, kill, stop, restart; prints what the client saw (needs docker)
	@scripts/with_docker.sh python -m scripts.compose_test

clean: ## remove what was made here, except .venv and models/
	rm -rf build demo out bench/results .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find gateway inference preprocess bench tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@"$(PYTHON)" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Cabine needs Python 3.11 or newer with the venv module (Debian: apt install python3-venv), got: '$(PYTHON)'." >&2; \
		echo "If it has another name: make setup PYTHON=/path/to/python" >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)

$(VENV)/.runtime: pyproject.toml constraints.txt | $(BIN)/python
	$(PINNED) '.[gateway,inference,run]'
	@echo "installed: $$(du -sm $(VENV) | cut -f1) MB in $(VENV)"
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	$(PINNED) '.[gateway,inference,run,heic,dev]'
	@touch $@

# torch alone from its index, its dependencies from pip's own: an index of torch builds has only some versions of those.
$(VENV)/.torch: $(VENV)/.runtime constraints-torch.txt
	@echo "installing torch from $(or $(TORCH_INDEX),the index pip is set up with); sizes and smaller ways: docs/install.md"
	$(PIP_INSTALL) --no-deps --constraint constraints-torch.txt $(if $(TORCH_INDEX),--index-url "$(TORCH_INDEX)") torch
	$(PINNED) '.[gateway,inference,run,torch,full]'
	@echo "installed: $$(du -sm $(VENV) | cut -f1) MB in $(VENV)"
	@touch $@
