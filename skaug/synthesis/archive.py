"""Windows that the Synthetic Data Agent has made already."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from skaug.synthesis.base import Synthesizer
from skaug.tables.aggregation import aggregate
from skaug.tables.columns import as_context, encode, is_text, plain_array, require_column
from skaug.windows.container import Windows

ENTRY = "synthetic_data.parquet"
MAX_BYTES = 4 * 2**30
MAX_RATIO = 200  # of unpacked to packed bytes; archives of the agent are stored, not packed
MAX_ROWS = 50_000_000
MAX_VALUES = 2**30  # in all columns
WINDOW_COLUMN = "window_idx"


class AgentArchive(Synthesizer):
    """The archive of the Synthetic Data Agent as a source of synthetic windows.

    Only windows of subjects that are in the training fold are used. They are given in the order of the
    archive: the k-th request for a subject gets that subject's k-th window, so that larger requests hold
    smaller ones. Labels and context are the archive's own, which may have been varied; a column that it
    does not have is missing.

    Parameters
    ----------
    path : str or Path
        The zip, which is read in place, or a bare parquet file.
    subject : object, optional
        Whose windows these are, where the archive does not say.
    features : list of str, optional
        The columns that are the channels, in the order of the windows' channels; by default those of the
        same names.
    target : str, optional
        The column that the labels are made of; by default the target of the windows. If the windows are
        made of arrays, their labels must be that column's too, and not transformed.

    Attributes
    ----------
    n_windows_ : int
        Windows in the archive.
    subjects_ : list of str
        Whose they are. Empty if the windows of the fold have no subjects.

    Examples
    --------
    >>> from skaug import SynthefyAugmenter
    >>> from skaug.synthesis import AgentArchive
    >>> archive = AgentArchive("subject-1-synthetic_data.zip", subject="S1")
    >>> augmenter = SynthefyAugmenter(archive, n_synthetic=10)
    """

    def __init__(
        self,
        path: str | Path,
        *,
        subject: Any = None,
        features: Sequence[str] | None = None,
        target: str | None = None,
    ) -> None:
        self.path = path
        self.subject = subject
        self.features = features
        self.target = target

    def fit(self, windows: Windows) -> Self:
        """Read the archive, and keep the windows of subjects of the training fold.

        Parameters
        ----------
        windows : Windows of shape (n_windows, window_size, n_features)
            The real windows of the training fold.

        Returns
        -------
        self

        Raises
        ------
        OSError
            If there is no such file.
        ValueError
            If it is no archive of the agent, is too large, has not the columns, or does not say whose the
            windows are; if no window is of a subject of the fold; or if the labels of the fold were passed
            or transformed, so that those of the archive do not go with them.
        """
        table = read_archive(Path(self.path).expanduser())
        features = windows.feature_names if self.features is None else list(self.features)
        if len(features) != len(windows.feature_names):
            raise ValueError(
                f"features={features!r} must name a column for each of the channels "
                f"{', '.join(windows.feature_names)}."
            )
        for name in features:
            require_column(name, table.columns, f"the archive {str(self.path)!r}")
        size = windows.window_size
        rows = self._rows_of_windows(table, size)
        owners = self._owners(table, rows, windows)
        trained_on = _names(windows)
        self.n_windows_ = len(rows)
        self.subjects_ = list(dict.fromkeys(owners.tolist())) if windows.groups is not None else []
        kept = np.isin(owners, trained_on)  # a fitted pipeline must not hold windows of others
        if not kept.any():
            raise ValueError(
                f"The archive {str(self.path)!r} holds windows of {_listed(self.subjects_)}, none of whom is "
                f"in the training fold ({_listed(dict.fromkeys(trained_on.tolist()))}), so there is nothing "
                "to add: split such that its subjects are always trained on."
            )
        self._owner = owners[kept]
        table = table.iloc[rows[kept].ravel()].reset_index(drop=True)
        channels = [self._numbers(table, name) for name in features]
        self._samples = np.stack(channels, axis=1).reshape(-1, size, len(features))
        self._labels = self._make_labels(table, windows)
        context = table.drop(columns=[*features, WINDOW_COLUMN], errors="ignore")
        self._context = as_context(_typed_like(context, windows[:1].context_rows))
        return self

    def can_condition(self, windows: Windows) -> NDArray[np.bool_]:
        """Say which windows are of subjects whose windows the archive holds.

        Parameters
        ----------
        windows : Windows of shape (n_windows, window_size, n_features)

        Returns
        -------
        ndarray of bool of shape (n_windows,)
        """
        return np.isin(_names(windows), self._owner)

    def synthesize(self, conditions: Windows) -> Windows:
        """Give the archive's windows of the subjects of these conditions.

        Parameters
        ----------
        conditions : Windows of shape (n_windows, window_size, n_features)
            Windows of the training fold. Only their subjects count.

        Returns
        -------
        Windows of shape (n_windows, window_size, n_features)

        Raises
        ------
        ValueError
            If the archive holds fewer windows of a subject than are asked for.
        """
        asked = _names(conditions)
        chosen = np.empty(len(conditions), dtype=np.intp)
        for subject in np.unique(asked).tolist():
            of_archive = np.flatnonzero(self._owner == subject)
            of_conditions = np.flatnonzero(asked == subject)
            if len(of_archive) < len(of_conditions):
                whose = f" of subject {subject!r}" if subject else ""
                raise ValueError(
                    f"The archive {str(self.path)!r} holds {len(of_archive)} windows{whose}, but "
                    f"{len(of_conditions)} are asked for: pass a smaller n_synthetic, as a number."
                )
            chosen[of_conditions] = of_archive[: len(of_conditions)]
        size = conditions.window_size
        rows = (chosen[:, None] * size + np.arange(size)).ravel()
        context = self._context.take(rows).reset_index(drop=True)
        synthetic = conditions.synthesized(self._samples[chosen])
        subject_column = conditions.provenance.subject
        if subject_column is not None:  # as the recordings spell it
            context[subject_column] = synthetic.context_rows[subject_column]
        return synthetic._with_context(
            context, None if self._labels is None else self._labels[chosen]
        )

    def _rows_of_windows(self, table: pd.DataFrame, size: int) -> NDArray[np.intp]:
        """Give the rows of each window, by its number or by the length."""
        name = repr(str(self.path))
        if WINDOW_COLUMN not in table.columns:
            if len(table) == 0 or len(table) % size:
                raise ValueError(
                    f"The archive {name} has {len(table)} rows and no {WINDOW_COLUMN!r}: these are no whole "
                    f"windows of {size} rows. Cut the recordings with the model's own window_size."
                )
            return np.arange(len(table)).reshape(-1, size)
        codes, _ = encode(table[WINDOW_COLUMN])
        n_without = int((codes < 0).sum())
        if n_without or len(codes) == 0:
            raise ValueError(
                f"{n_without} of the {len(codes)} rows of the archive {name} have no {WINDOW_COLUMN!r}, so "
                "that it is not known how to cut it: have the agent make it again."
            )
        counts = np.bincount(codes)
        wrong = np.unique(counts[counts != size])
        if len(wrong):
            raise ValueError(
                f"The archive {name} has windows of {_listed(wrong)} rows instead of {size}: cut the "
                "recordings with the model's own window_size."
            )
        return np.argsort(codes, kind="stable").reshape(-1, size)

    def _owners(
        self, table: pd.DataFrame, rows: NDArray[np.intp], windows: Windows
    ) -> NDArray[np.str_]:
        """Give whose each window of the archive is."""
        if windows.groups is None:
            return np.full(len(rows), "")
        column = windows.provenance.subject or "subject"
        if column not in table.columns:
            if self.subject is None:
                raise ValueError(
                    f"The archive {str(self.path)!r} does not say whose its windows are, so that they could "
                    'be a test subject\'s: pass subject, such as AgentArchive(path, subject="S1").'
                )
            return np.full(len(rows), _name(self.subject))
        codes, subjects = encode(table[column])
        if (codes < 0).any():
            raise ValueError(
                f"The column {column!r} of the archive {str(self.path)!r} is missing in "
                f"{int((codes < 0).sum())} rows: fill it in, or drop the column and pass subject."
            )
        codes = codes[rows]
        if (codes != codes[:, :1]).any():
            raise ValueError(f"A window of the archive {str(self.path)!r} holds several subjects.")
        names = np.array([_name(subject) for subject in subjects])[codes[:, 0]]
        if self.subject is not None and (names != _name(self.subject)).any():
            raise ValueError(
                f"The archive {str(self.path)!r} holds windows of {_listed(np.unique(names))}, not only of "
                f"subject={self.subject!r}: leave subject out."
            )
        return names

    def _make_labels(self, table: pd.DataFrame, windows: Windows) -> NDArray | None:
        """Label the windows of the archive as the recorded ones are."""
        if windows.y is None:
            return None
        target = windows.provenance.target if self.target is None else self.target
        if target is None:
            raise ValueError(
                "The labels of these windows were passed as y, so the archive cannot know which column they "
                "are made of: pass target."
            )
        require_column(target, table.columns, f"the target in {str(self.path)!r}")
        self._check_labels(windows, windows.provenance.target or target)
        size, how = windows.window_size, windows.provenance.target_agg
        starts = np.arange(0, len(table), size)
        if windows.y.dtype.kind not in "fiub":
            texts = table[target] if is_text(table[target]) else table[target].map(_name)
            if table[target].isna().any():
                where = f"in rows of the archive {str(self.path)!r}"
                raise ValueError(
                    f"The target {target!r} is missing {where}: have the agent make it again."
                )
            return aggregate(texts, starts, size, how, target)
        labels = aggregate(self._numbers(table, target), starts, size, how, target)
        with np.errstate(invalid="ignore"):  # of 300 as eight bits
            alike = labels.astype(windows.y.dtype)
        return alike if np.array_equal(alike, labels) else labels

    def _check_labels(self, windows: Windows, column: str) -> None:
        """Raise if the labels of recorded windows are not those of the column they should be of."""
        context = windows.context_rows
        if column not in context.columns:  # of windows made of arrays
            if windows.provenance.is_replaced:
                raise ValueError(self._other_labels(column))
            return
        values = context[column] if is_text(context[column]) else plain_array(context[column])
        size, how = windows.window_size, windows.provenance.target_agg
        expected = aggregate(values, windows.first_context_rows, size, how, column)
        labels = np.asarray(windows.y)
        known = ~pd.isna(expected)  # what is missing may have been filled in
        if labels.shape == expected.shape:
            labels, expected = labels[known], expected[known]
            if labels.dtype.kind in "fiub" and expected.dtype.kind in "fiub":
                if np.allclose(
                    labels, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max(initial=0)
                ):
                    return
            elif np.array_equal(labels, expected):
                return
        raise ValueError(self._other_labels(column))

    def _other_labels(self, column: str) -> str:
        return (
            f"The labels of these windows are not those of the column {column!r}: a y was passed to fit, or "
            "a meta-estimator such as TransformedTargetRegressor transformed it. Labels of the archive "
            f"{str(self.path)!r} do not go with them: leave y out."
        )

    def _numbers(self, table: pd.DataFrame, name: str) -> NDArray[np.float64]:
        """Give a column of whole windows as numbers, none of them missing."""
        try:
            numbers = _as_numbers(table[name])
        except (ValueError, TypeError, ArithmeticError) as error:
            raise ValueError(
                f"The column {name!r} of the archive {str(self.path)!r} does not hold numbers: {error}."
            ) from None
        bad = ~np.isfinite(numbers)
        if bad.any():
            raise ValueError(
                f"The column {name!r} of the archive {str(self.path)!r} holds NaN or infinity in "
                f"{int(bad.sum())} rows: have the agent make it again."
            )
        return numbers


def _name(subject: Any) -> str:
    """Give a subject as text, a whole number without decimals: the archive may hold 1 as "1.0"."""
    return re.sub(r"^(-?\d+)\.0$", r"\1", str(subject))


def _names(windows: Windows) -> NDArray[np.str_]:
    """Give whose each window is, as text; empty text if nobody's."""
    subjects = [""] if windows.provenance.subjects is None else windows.provenance.subjects
    return np.array([_name(subject) for subject in subjects])[windows.provenance.codes]


def _listed(values: Iterable[Any]) -> str:
    texts = [str(value) for value in values]
    return ", ".join(texts[:5]) + (f" and {len(texts) - 5} more" if len(texts) > 5 else "")


def _typed_like(context: pd.DataFrame, recorded: pd.DataFrame) -> pd.DataFrame:
    """Make numbers and times of the text of columns that hold those in the recordings."""
    typed = {}
    for name, column in context.items():
        holds_text = name not in recorded.columns or is_text(recorded[name])
        if not is_text(column) or (holds_text and not _is_decimal(column)):
            continue
        try:
            is_time = not holds_text and recorded[name].dtype.kind == "M"
            typed[name] = pd.to_datetime(column) if is_time else _as_numbers(column)
        except (ValueError, TypeError, ArithmeticError):
            continue  # the archive's own, whatever it is
    return context.assign(**typed)


def _is_decimal(column: pd.Series) -> bool:
    return pd.api.types.infer_dtype(column, skipna=True) == "decimal"


def _as_numbers(column: pd.Series) -> NDArray[np.float64]:
    """Give numbers that may have arrived as text or as objects; a missing one is NaN."""
    if column.dtype.kind in "mM":
        raise TypeError("it holds times")
    if isinstance(column.dtype, pd.CategoricalDtype):
        numbers = _as_numbers(pd.Series(column.cat.categories))
        return np.append(numbers, np.nan)[column.cat.codes]
    if is_text(column):
        # Not pd.to_numeric, which takes no "nan".
        return column.astype(object).where(column.notna(), np.nan).to_numpy().astype(np.float64)
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def read_archive(path: Path) -> pd.DataFrame:
    """Read the table of an archive, or of a bare parquet file.

    Parameters
    ----------
    path : Path
        A zip that holds ``synthetic_data.parquet`` and nothing else, or a parquet file.

    Returns
    -------
    DataFrame
        Text is categorical.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it is neither, or larger than such a file can honestly be.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {str(path)!r}: check the path of the archive.")
    with path.open("rb") as file, _explaining(path):
        is_bare = file.read(4) == b"PAR1"
        size = os.fstat(file.fileno()).st_size
        file.seek(0)
        if size > MAX_BYTES:
            raise ValueError(f"it has {size:,} bytes, more than {MAX_BYTES:,}")
        return _read_parquet(file.read() if is_bare else _unzip(file, size))


@contextmanager
def _explaining(path: Path) -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:  # parsers of hostile files raise whatever they come across
        raise ValueError(
            f"{str(path)!r} cannot be read as an archive of the agent (a zip that holds {ENTRY!r} and "
            f"nothing else, or a parquet file): {str(error).rstrip('.') or type(error).__name__}."
        ) from error


def _unzip(file: IO[bytes], size: int) -> bytes:
    """Give the only entry, after a look at what it says of itself; nothing is written to disk."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        if [entry.filename for entry in entries] != [ENTRY]:
            raise ValueError(
                f"it holds {_listed(entry.filename for entry in entries) or 'nothing'}"
            )
        (entry,) = entries
        if entry.flag_bits & 1:
            raise ValueError("it is encrypted")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"its entry is packed by method {entry.compress_type}")
        packed = max(1, min(entry.compress_size, size))
        if entry.file_size > MAX_BYTES or entry.file_size > MAX_RATIO * packed:
            raise ValueError(f"its entry would unpack {packed:,} bytes to {entry.file_size:,}")
        with archive.open(entry) as unpacked:
            # Read without a number, far more could be unpacked at once.
            content = unpacked.read(entry.file_size)
        if len(content) != entry.file_size:
            raise ValueError(f"its entry has {len(content):,} bytes, not {entry.file_size:,}")
        return content


def _read_parquet(content: bytes) -> pd.DataFrame:
    """Read a table, after a look at its size: a file of a megabyte can hold 200 million rows."""
    source = pa.BufferReader(content)
    schema, metadata = pq.read_schema(source), pq.read_metadata(source)
    groups = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    n_rows = max(metadata.num_rows, sum(groups))
    if n_rows > MAX_ROWS or n_rows * len(schema) > MAX_VALUES:
        raise ValueError(f"it says it holds {n_rows:,} rows of {len(schema)} columns")
    texts = []
    for field in schema:
        kind = field.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            texts.append(field.name)  # read as categories: a long text may be in every row
        elif not (
            pa.types.is_primitive(kind)
            or pa.types.is_decimal(kind)
            or pa.types.is_dictionary(kind)
            or pa.types.is_null(kind)
        ):
            raise ValueError(f"its column {field.name!r} holds {kind}")
    if len(set(schema.names)) < len(schema):
        raise ValueError("two of its columns have the same name")
    table = pq.ParquetFile(source, read_dictionary=texts).read()
    # What pandas noted is left aside: it would hide a column that was an index.
    frame = table.to_pandas(ignore_metadata=True)
    return frame.loc[:, [name for name in frame if not name.startswith("__index_level_")]]
