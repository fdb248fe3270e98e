"""scikit-learn's checks of every estimator, and WindowRegressor and WindowClassifier."""

from __future__ import annotations
