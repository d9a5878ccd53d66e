# Every target makes .venv when it is missing. Python 3.11 or newer is all that is needed.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo app test slow check clean smoke nano

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -e '.[dev]'
	touch $@

demo: .venv/ready  ## explain a bundled picture
	$(BIN)/emoreason ask samples/sad.jpg "Why does this face look sad?"

app: .venv/ready  ## the chat app on http://127.0.0.1:7860
	$(BIN)/emoreason app

test: .venv/ready  ## the tests that a change must pass, minutes
	$(BIN)/pytest

slow: .venv/ready  ## the slow tests
	$(BIN)/pytest -m slow

check: .venv/ready  ## style and types
	$(BIN)/ruff check .
	$(BIN)/mypy emoreason/schema.py emoreason/facs.py emoreason/scores.py emoreason/records.py

smoke: .venv/ready  ## data -> SFT -> GRPO -> evaluation of a tiny model on a CPU, minutes
	HF_HUB_OFFLINE=1 $(BIN)/python tools/smoke.py

nano: .venv/ready  ## the bundled weights again: make nano FER=... TEACHER=... FACES=ict_face.npz
	FER="$(FER)" TEACHER="$(TEACHER)" FACES="$(FACES)" BIN="$(BIN)" tools/nano.sh

clean:
	rm -rf .venv build *.egg-info
