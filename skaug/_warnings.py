"""The category of warnings about data that probably is not what the caller thinks."""

from __future__ import annotations

import sys
import warnings

_INSIDE = ("skaug", "sklearn", "joblib")


class DataWarning(UserWarning):
    """The data probably is not what the caller thinks: axes swapped, rows shuffled, recordings too short.

    Each warning names what was seen and the remedy. Silence it where the data is right::

        import warnings
        from skaug import DataWarning

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            windows = windower.fit_transform(table)

    See Also
    --------
    skaug.SubjectOverlapWarning : A model predicts subjects that it was fitted on.
    """


def warn(message: str, category: type[Warning] = DataWarning) -> None:
    """Warn about data, from wherever the user called the library."""
    warnings.warn(message, category, stacklevel=_first_frame_outside())


def _first_frame_outside() -> int:
    """Return the stacklevel, for `warn`, of the nearest caller outside of this library and scikit-learn."""
    frame, level = sys._getframe(2), 2
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] in _INSIDE:
        frame, level = frame.f_back, level + 1  # type: ignore[assignment]
    return level
