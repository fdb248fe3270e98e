"""Splits that keep each subject on one side, and scorers for pipelines that cut windows."""

from skaug.model_selection.scorers import row_scorer, window_scorer
from skaug.model_selection.splitters import LeaveOneSubjectOut, SubjectKFold, split_by_column

__all__ = [
    "LeaveOneSubjectOut",
    "SubjectKFold",
    "row_scorer",
    "split_by_column",
    "window_scorer",
]
