"""A scikit-learn Pipeline in which the number of samples may change."""

from __future__ import annotations

from typing import Any, Self

from sklearn import pipeline as sklearn_pipeline
from sklearn.utils.metaestimators import available_if

from skaug.fitting.step_adapters import Steps, fitted_subjects_of, handed_out, release, worker_of
from skaug.windows.feature_arrays import entering, provenance_of, relabeled


def _inherited(pipeline: Pipeline, method: str) -> bool:
    """Whether scikit-learn's Pipeline has a method, which depends on the last step."""
    getattr(super(Pipeline, pipeline), method)  # raises the step's own AttributeError
    return True


def _delegated(method: str, summary: str, returns: str) -> Any:
    """Make a documented method that scikit-learn's Pipeline runs on the wrapped steps."""

    def call(self: Pipeline, X: Any, **params: Any) -> Any:
        return self._run(method, X, **params)

    call.__name__ = method
    call.__qualname__ = f"Pipeline.{method}"
    call.__doc__ = f"""{summary}

        Parameters
        ----------
        X : DataFrame, Windows or array-like
            Recordings, or windows.
        **params : dict
            Metadata for the steps, as in scikit-learn.

        Returns
        -------
        {returns}
        """
    return available_if(lambda self: _inherited(self, method))(call)


class Pipeline(sklearn_pipeline.Pipeline):
    """A scikit-learn Pipeline with steps that cut windows and add synthetic ones.

    Use it like scikit-learn's own, with any estimator as the last step. Parameters are named
    ``step__parameter``; caching, slicing, `set_output`, metadata routing and callbacks work.

    Steps up to the last window-aware one pass on `Windows` with their labels. The steps after it get arrays
    and the matching labels. The ``cv`` of such a step (`LassoCV`, `GridSearchCV`) may be a splitter by
    subject, such as `SubjectKFold`: synthetic windows are then kept out of its test sets, unless all training
    windows are synthetic.

    Parameters
    ----------
    steps : list of (str, estimator)
        The steps, as in scikit-learn.
    transform_input : list of str, optional
        As in scikit-learn.
    memory : str or joblib.Memory, optional
        Where to cache fitted transformers, so that a grid search cuts and synthesizes once per fold.
    verbose : bool, default=False
        Whether to print how long each step takes.

    See Also
    --------
    make_pipeline : Name the steps automatically.
    WindowRegressor : The last step of a plain ``sklearn.pipeline.Pipeline``.
    skaug.base.WindowStep : Base class for steps of your own.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import cross_val_score
    >>> from skaug import SubjectWindower, SynthefyAugmenter, WindowSpectrum, make_pipeline
    >>> from skaug.datasets import simulate_ppg
    >>> from skaug.model_selection import SubjectKFold, window_scorer
    >>> recordings = simulate_ppg(n_subjects=4, minutes=2)
    >>> pipe = make_pipeline(
    ...     SubjectWindower(window_size=512, features=["BVP", "ECG"], target="heart_rate"),
    ...     SynthefyAugmenter(ratio=0.5),
    ...     WindowSpectrum(low=0.5, high=4, sampling_rate=64),
    ...     Ridge(),
    ... )
    >>> scorer = window_scorer("neg_mean_absolute_error")
    >>> cross_val_score(pipe, recordings, cv=SubjectKFold(4), scoring=scorer).shape
    (4,)
    """

    # A copy of the pipeline does the work: it has the same steps, each wrapped so that it receives windows,
    # or arrays and the matching labels. So caching, routing and callbacks are scikit-learn's own, threads may
    # share a pipeline, and no private name is used.

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Fit the steps one after the other.

        Parameters
        ----------
        X : DataFrame, Windows or array-like
            Recordings or windows, whichever the first step works on.
        y : array-like, optional
            One label per row, or one per window. They take precedence over the target column.
        **params : dict
            Metadata for the steps, as in scikit-learn. `sample_weight` of a step after the windows: one per
            window, or one per row of the table, averaged over each window. A synthetic window has
            the weight of the window it was made from, times `synthetic_weight` of the augmenter.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If `y` or weights have the wrong length; if another parameter has one value per window or row, and
            windows are cut or added; or if a splitter by subject finds no subjects.
        """
        self._fit_with("fit", X, y, params)
        return self

    @available_if(lambda self: _inherited(self, "fit_transform"))
    def fit_transform(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Fit the steps and return what the last one makes of the training windows.

        Parameters
        ----------
        X, y, **params
            As in `fit`.

        Returns
        -------
        Windows, WindowFeatures, array or DataFrame
            What a next step would be fitted on, synthetic windows included.
        """
        return self._fit_with("fit_transform", X, y, params)

    @available_if(lambda self: _inherited(self, "fit_predict"))
    def fit_predict(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Fit the steps and return what the last one predicts for the training windows.

        Parameters
        ----------
        X, y, **params
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_windows,)
        """
        return self._fit_with("fit_predict", X, y, params)

    predict = _delegated(
        "predict",
        """Predict each window; nothing is synthesized.

        A table has fewer windows than rows. scikit-learn's `cross_val_predict`, which needs one prediction
        per sample, therefore fails on a table with an IndexError: pass it the windows that a
        `SubjectWindower` cut beforehand. `skaug.predict_rows` predicts the rows of a table.""",
        "ndarray of shape (n_windows,)",
    )
    predict_proba = _delegated(
        "predict_proba",
        "Predict the probability of each class for each window.",
        "ndarray of shape (n_windows, n_classes)",
    )
    predict_log_proba = _delegated(
        "predict_log_proba",
        "Predict the logarithm of the probability of each class for each window.",
        "ndarray of shape (n_windows, n_classes)",
    )
    decision_function = _delegated(
        "decision_function",
        "Compute the decision function of the last step for each window.",
        "ndarray of shape (n_windows,) or (n_windows, n_classes)",
    )
    score_samples = _delegated(
        "score_samples",
        "Compute the score of each window with the last step.",
        "ndarray of shape (n_windows,)",
    )
    transform = _delegated(
        "transform",
        "Transform recordings, or windows; nothing is synthesized.",
        "Windows, WindowFeatures, array or DataFrame",
    )

    @available_if(lambda self: _inherited(self, "score"))
    def score(self, X: Any, y: Any = None, sample_weight: Any = None, **params: Any) -> float:
        """Score the predictions for windows with the last step's own score.

        Parameters
        ----------
        X : DataFrame, Windows or array-like
            Recordings, or windows.
        y : array-like, optional
            One label per row, or one per window; by default the target column, or the windows' own.
        sample_weight : array-like of shape (n_windows,) or (n_rows,), optional
            One weight per window, or one per row of the table, averaged over each window.
        **params : dict
            Metadata for the steps, as in scikit-learn.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If the last step needs labels and there are none.
        """
        return self._run("score", X, y, sample_weight, **params)

    def __getitem__(self, ind: Any) -> Any:
        """Return a step, or a pipeline of some steps, which still knows what its last step was fitted on."""
        part = super().__getitem__(ind)
        last, _ = known = getattr(self, "_fitted_last", (None, None))
        if isinstance(part, Pipeline) and part.steps and part.steps[-1][1] is last:
            part._fitted_last = known
        return part

    def _fit_with(self, method: str, X: Any, y: Any, params: dict[str, Any]) -> Any:
        """Fit a copy with adapted steps, and keep its fitted steps."""
        worker = worker_of(self)
        X = entering(relabeled(X, y), from_table=False)
        if (provenance := provenance_of(X)) is not None:
            y = provenance.y  # for experiment trackers, which compute training scores with it
        result = getattr(super(Pipeline, worker), method)(X, y, **params)
        self.steps: Steps = release(worker.steps)
        self._fitted_last = (self.steps[-1][1], fitted_subjects_of(worker.steps[-1][1]))
        return handed_out(result)

    def _run(self, method: str, *args: Any, **params: Any) -> Any:
        """Call a method that does not fit."""
        last, subjects = getattr(self, "_fitted_last", (None, None))
        is_fitted_one = last is not None and self.steps[-1][1] is last
        worker = worker_of(self, subjects if is_fitted_one else None)
        return handed_out(getattr(super(Pipeline, worker), method)(*args, **params))


def make_pipeline(
    *steps: Any,
    memory: Any = None,
    transform_input: list[str] | None = None,
    verbose: bool = False,
) -> Pipeline:
    """Build a `Pipeline` and name its steps after their classes, as in scikit-learn.

    Parameters
    ----------
    *steps : estimator
        The steps, in order.
    memory, transform_input, verbose
        As in `Pipeline`.

    Returns
    -------
    Pipeline

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skaug import SynthefyAugmenter, WindowFlattener, make_pipeline
    >>> make_pipeline(SynthefyAugmenter(), WindowFlattener(), Ridge())[-1]
    Ridge()
    """
    named = sklearn_pipeline.make_pipeline(*steps)
    return Pipeline(named.steps, memory=memory, transform_input=transform_input, verbose=verbose)
