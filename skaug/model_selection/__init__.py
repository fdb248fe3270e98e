"""Splits that keep each subject on one side, and scorers for pipelines that cut windows."""

from skaug.model_selection.calibration import CalibrationSplit
from skaug.model_selection.repeated import RepeatedSubjectKFold, SubjectShuffleSplit
from skaug.model_selection.scorers import row_scorer, window_scorer
from skaug.model_selection.splitters import LeaveOneSubjectOut, SubjectKFold, split_by_column
from skaug.model_selection.stratified import StratifiedSubjectKFold

__all__ = [
    "CalibrationSplit",
    "LeaveOneSubjectOut",
    "RepeatedSubjectKFold",
    "StratifiedSubjectKFold",
    "SubjectKFold",
    "SubjectShuffleSplit",
    "row_scorer",
    "split_by_column",
    "window_scorer",
]
