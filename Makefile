# Everything that a person or CI runs. `make help` lists it.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# Tests run side by side, each process with a PostgreSQL and a Valkey of its own.
CORES ?= 2
# Hillstrom's e-mail trial (64,000 rows, 2008); it has no licence to be shipped with.
HILLSTROM ?= ../shared/data/hillstrom.csv.gz

.DEFAULT_GOAL := help
.PHONY: help setup run test test-slow test-kill check messages bench bench-pages bench-growth bench-learning bench-experiments bench-worlds bench-decisions bench-demand bench-matching bench-assistant bench-prices bench-markdowns bench-sentiment bench-opinions sentiment screenshots format clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

.venv/.runs: requirements.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 14) else "Proffer needs Python 3.11 to 3.13; this is %d.%d. Name another: make PYTHON=python3.12 …" % v[:2])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/.tests: .venv/.runs requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

.venv/.clients: .venv/.tests tests/clients/package-lock.json
	$(BIN)/npm ci --prefix tests/clients --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

setup: .venv/.clients ## Install everything, for work on Proffer itself

run: .venv/.runs ## Load the real data, run the loop once, serve (ONCE=1: end after it; EMPTY=1: no data)
	@$(BIN)/python manage.py migrate --verbosity 0
	@exec $(BIN)/python manage.py up $(if $(ONCE),--once) $(if $(EMPTY),--empty)

test: .venv/.clients ## Run the tests
	$(BIN)/python -m pytest -m "not slow" -n $(CORES)

test-slow: .venv/.clients ## Run all the tests, the slow ones too
	$(BIN)/python -m pytest

test-kill: .venv/.clients ## Kill web, workers and PostgreSQL 100 times under load
	$(BIN)/python -m pytest tests/test_durability.py -m slow -s

check: .venv/.tests ## Lint, types, architecture, migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/python manage.py makemigrations --check --dry-run

messages: .venv/.tests ## Find all texts of the back office, update and compile their translations
	$(BIN)/python -m config.messages

# Benches fill a database of their own: $(call measure,sections,ENVIRONMENT=…)
define measure
@PROFFER_VAR=var/bench $(BIN)/python -m config.services stop
@rm -rf var/bench
@PROFFER_VAR=var/bench $(BIN)/python manage.py migrate --verbosity 0
@PROFFER_VAR=var/bench $(2) $(BIN)/python manage.py bench $(1)
endef

bench: .venv/.tests ## Measure speed as ratios; writes docs/benchmarks.md
	$(call measure,loop ingestion retrieval carts redemption)
	@$(MAKE) bench-pages

bench-pages: .venv/.tests ## Measure every page of the back office on the data that `run` loads
	@$(MAKE) run ONCE=1
	@$(BIN)/python manage.py bench pages

bench-similar: .venv/.tests ## Measure searches and likeness on the data that `run` loads
	@$(MAKE) run ONCE=1
	@OMP_NUM_THREADS=1 $(BIN)/python manage.py bench similar

bench-prices: .venv/.tests ## Measure how fast prices are read and chosen (1 minute)
	$(call measure,prices)

bench-growth: .venv/.tests ## Measure what the log costs as it grows to 30 M events (25 GB)
	$(call measure,growth)
	@rm -rf var/bench

bench-learning: .venv/.tests ## Measure what is learnt, and what a night of it costs (15 minutes)
	$(call measure,learning)

bench-experiments: .venv/.tests ## Measure whether measuring measures, and what it costs (5 minutes)
	$(call measure,measurement experiments)

bench-worlds: .venv/.tests ## Play simulated shops whose response is known (long)
	$(call measure,worlds)

bench-decisions: .venv/.tests ## Measure who gets what, and whom it changes, on HILLSTROM=file.csv.gz (long)
	$(call measure,allocation uplift,HILLSTROM=$(abspath $(HILLSTROM)))

bench-markdowns: .venv/.tests ## Play clearances whose demand is known, beside who knows it (10 minutes)
	$(call measure,markdowns)

bench-demand: .venv/.tests ## Measure forecasts of demand beside pip's statsforecast, and elasticities (20 minutes)
	$(call measure,demand,OMP_NUM_THREADS=1)

bench-matching: .venv/.tests ## Measure whether competitors' products are matched to the right ones
	$(call measure,matching)

bench-assistant: .venv/.tests ## Ask the assistant 614 questions, half of them in Chinese (1 minute)
	$(call measure,assistant,OMP_NUM_THREADS=1)

# Fetches pinned packages with labelled texts into var/, which is not in the repository.
sentiment: .venv/.tests ## Train what reads the tone of texts, from sets that packages carry (5 minutes)
	@OMP_NUM_THREADS=1 $(BIN)/python manage.py train_sentiment

bench-sentiment: .venv/.tests ## Measure the tone of texts beside pip's vaderSentiment and snownlp (10 minutes)
	$(call measure,sentiment,OMP_NUM_THREADS=1)

bench-opinions: .venv/.tests ## Measure how soon surges of bad opinion are found, and false alarms (5 minutes)
	$(call measure,opinions,OMP_NUM_THREADS=1)

screenshots: .venv/.tests ## Take the documents' pictures from a running `make run` (PORT=8000)
	@$(BIN)/python manage.py screenshots --address http://127.0.0.1:$(or $(PORT),8000)

format: .venv/.tests ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## Throw away var/: the embedded database and all that was loaded
	-$(BIN)/python -m config.services stop
	rm -rf var
