docs:
	python -m sphinx -W -b html docs docs/_build

.PHONY: docs
