"""How long it takes to cut a table into windows, compared with copying the bytes and with other libraries.

    python benchmarks/windowing.py [--scale 4] [--repeats 5] [--without-peers]

The data have the columns and rows of the published table. Each table of figures is one run, in which the
contestants take turns; the figures are medians. Memory is the peak that Python and NumPy allocate in addition
to the data frame. Contestants that are not installed are listed and skipped: pip install seglearn
scikit-image mne braindecode.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import pickle
import time
import tracemalloc
import warnings
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from skaug import SubjectWindower, WindowFlattener, make_pipeline
from skaug.model_selection import SubjectKFold
from skaug.tables.columns import runs

TWO = ["BVP", "ECG"]
ELEVEN = [
    *("BVP", "ECG", "ACC_wrist_idx_0", "ACC_wrist_idx_1", "ACC_wrist_idx_2", "EDA_wrist"),
    *("TEMP_wrist", "ACC_chest_idx_0", "ACC_chest_idx_1", "ACC_chest_idx_2", "RESP_chest"),
]
CASES = [(512, 512, TWO), (512, 128, TWO), (256, 32, TWO), (512, 512, ELEVEN)]
TARGET = "heart_rate"

Contestants = dict[str, Callable[[], Any]]
Figures = dict[str, tuple[float, float]]  # seconds and bytes per contestant


def published_table(scale: float = 1.0, text: str = "object") -> pd.DataFrame:
    """Return a table with the columns and the 5,535,616 rows of the published one, or `scale` times as many.

    Parameters
    ----------
    scale : float, default=1.0
        Multiple of the published number of rows.
    text : {"object", "objects", "category", "str", "pyarrow"}, default="object"
        The dtype of text; with "objects", each row holds a string object of its own.
    """
    n_train, n_val, n_test = 8410 * 512 + 128, 1070 * 512 + 128, 1331 * 512 + 128
    # No subject ends where a window does.
    lengths = [n_train // 8 + 1000 * i + 1 for i in range(-3, 4)]
    lengths += [n_train - sum(lengths), n_val, n_test]
    lengths = [int(length * scale) for length in lengths]
    n, random = sum(lengths), np.random.default_rng(0)
    subject_of_row = np.repeat(np.arange(len(lengths)), lengths)

    def constant(values: Any) -> NDArray:
        return np.asarray(values)[subject_of_row]

    def steady(values: NDArray, rows: int) -> NDArray:
        return np.repeat(values, rows)[:n]

    def texts(values: list[str]) -> Any:
        if text == "objects":
            return pd.Series(constant(values).astype(object), dtype=object)
        column = pd.Series(np.array(values, dtype=object)[subject_of_row], dtype=object)
        return column.astype({"pyarrow": "string[pyarrow]"}.get(text, text))

    columns: dict[str, Any] = {
        "BVP": random.normal(scale=50.0, size=n),
        "activity": steady(random.integers(0, 9, n // 5000 + 1).astype(np.float64), 5000),
        **{name: random.normal(size=n) for name in ELEVEN[2:-1]},
        "ECG": random.normal(size=n),
        "RESP_chest": random.normal(size=n),
        "WEIGHT": constant(random.uniform(50, 100, 10).round()),
        "Gender": texts(list("mmfmffmfmf")),
        "AGE": constant(random.integers(20, 60, 10)),
        "HEIGHT": constant(random.uniform(150, 195, 10).round()),
        "SKIN": constant(random.integers(1, 7, 10)),
        "SPORT": constant(random.integers(1, 7, 10)),
        "subject": texts([f"S{i}" for i in range(1, 11)]),
        TARGET: steady(random.uniform(50, 150, n // 128 + 1), 128),
        "custom_split": texts(["train"] * 8 + ["val", "test"]),
    }
    return pd.DataFrame(columns)


# Contestants: each turns the data frame into an array of windows and their labels -------------------


def notebook(table: pd.DataFrame, size: int, stride: int, features: list[str]) -> Any:
    """Cut as the published notebook does: its create_windows, without the progress bar."""
    valid = []
    for start in range(0, len(table) - size + 1, stride):
        end = start + size - 1
        if table.iloc[start]["subject"] == table.iloc[end]["subject"]:
            valid.append((start, end + 1))
    feature_data = table[features].values
    target_data = table[TARGET].values
    X = np.array([feature_data[start:end] for start, end in valid])
    y = np.array([target_data[start:end].mean() for start, end in valid])
    return np.array(X), np.array(y)


def recordings_of(table: pd.DataFrame, columns: list[str]) -> list[NDArray]:
    return [rows[columns].to_numpy() for _, rows in table.groupby("subject", sort=False)]


def numpy_views(table: pd.DataFrame, size: int, stride: int, features: list[str]) -> Any:
    windows, labels = [], []
    for recording in recordings_of(table, [*features, TARGET]):
        views = sliding_window_view(recording, size, axis=0)[::stride]
        windows.append(np.moveaxis(views[:, :-1], 1, 2))
        labels.append(views[:, -1].mean(axis=1))
    return np.concatenate(windows), np.concatenate(labels)


def scikit_image(table: pd.DataFrame, size: int, stride: int, features: list[str]) -> Any:
    view_as_windows = importlib.import_module("skimage.util").view_as_windows
    windows, labels = [], []
    for recording in recordings_of(table, [*features, TARGET]):
        views = view_as_windows(np.ascontiguousarray(recording), (size, len(features) + 1), stride)
        windows.append(views[:, 0, :, :-1])
        labels.append(views[:, 0, :, -1].mean(axis=1))
    return np.concatenate(windows), np.concatenate(labels)


def seglearn(table: pd.DataFrame, size: int, stride: int, features: list[str]) -> Any:
    transform = importlib.import_module("seglearn.transform")
    segment = transform.Segment(size, step=stride, y_func=transform.mean)
    targets = [target[:, 0] for target in recordings_of(table, [TARGET])]
    return segment.fit_transform(recordings_of(table, features), targets)[:2]


def mne(table: pd.DataFrame, size: int, stride: int, features: list[str]) -> Any:
    """Cut fixed-length epochs, with the target as one more channel."""
    module = importlib.import_module("mne")
    windows = []
    for recording in recordings_of(table, [*features, TARGET]):
        info = module.create_info([*features, TARGET], 64.0, "misc")
        raw = module.io.RawArray(recording.T, info, verbose="error")
        epochs = module.make_fixed_length_epochs(
            raw, size / 64, overlap=(size - stride) / 64, preload=True, verbose="error"
        )
        windows.append(epochs.get_data(picks="all", copy=False))
    joined = np.concatenate(windows)
    return joined[:, :-1], joined[:, -1].mean(axis=1)


def braindecode(table: pd.DataFrame, size: int, stride: int, features: list[str]) -> Any:
    module = importlib.import_module("braindecode.datasets")
    datasets = module.create_from_X_y(
        [recording.T for recording in recordings_of(table, [*features, TARGET])],
        list(range(table["subject"].nunique())),
        drop_last_window=True,
        sfreq=64,
        ch_names=[*features, TARGET],
        window_size_samples=size,
        window_stride_samples=stride,
    )
    joined = np.stack([datasets[i][0] for i in range(len(datasets))])
    return joined[:, :-1], joined[:, -1].mean(axis=1)


PEERS = {
    "seglearn": seglearn,
    "skimage": scikit_image,
    "mne": mne,
    "braindecode": braindecode,
}


def installed_peers() -> dict[str, Callable]:
    os.environ.setdefault("MNE_LOGGING_LEVEL", "error")
    peers = {}
    for name, cut in PEERS.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                module = importlib.import_module(name)
        except Exception as error:  # not installed, or a broken installation
            print(f"  {name} is skipped: {type(error).__name__}: {str(error)[:80]}")
        else:
            peers[f"{name} {module.__version__}"] = cut
    return peers


# Measuring -----------------------------------------------------------------------------------------


def copy_of(values: NDArray) -> NDArray:
    fresh = np.empty_like(values)
    np.copyto(fresh, values)
    return fresh


def take_turns(contestants: Contestants, repeats: int) -> Figures:
    """Return the median time and the peak memory of each contestant.

    A first round does not count. Contestants faster than a quarter of a second get three times as many turns.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(-1, 3 * repeats):
        for name, work in contestants.items():
            if turn >= repeats and np.median(seconds[name]) > 0.25:
                continue
            began = time.perf_counter()
            result = work()
            took = time.perf_counter() - began
            if turn >= 0:
                seconds[name].append(took)
            del result
    return {
        name: (float(np.median(seconds[name])), peak_of(work)) for name, work in contestants.items()
    }


def peak_of(work: Callable[[], Any]) -> float:
    gc.collect()
    tracemalloc.start()
    result = work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    del result
    return peak


def show(figures: Figures, name: str, note: str = "") -> None:
    seconds, peak = figures[name]
    print(f"  {name:<34}{1e3 * seconds:>10.1f} ms{peak / 1e6:>9.0f} MB   {note}")


def compare(
    table: pd.DataFrame, case: tuple[int, int, list[str]], repeats: int, peers: dict[str, Callable]
) -> None:
    size, stride, features = case
    windower = SubjectWindower(size, stride, features=features, target=TARGET)
    single = SubjectWindower(size, stride, features=features, target=TARGET, dtype="float32")
    matrix = np.ascontiguousarray(table[features])
    windows, windows32 = windower.fit_transform(table), single.fit_transform(table)
    array, array32 = np.asarray(windows), np.asarray(windows32)

    def to_array() -> tuple[NDArray, NDArray | None]:
        cut = windower.fit_transform(table)
        return np.asarray(cut), cut.y

    contestants: Contestants = {
        "copy of the matrix": lambda: copy_of(matrix),
        "boundary scan": lambda: runs(table["subject"]),
        "DataFrame -> Windows": lambda: windower.fit_transform(table),
        "DataFrame -> float32 Windows": lambda: single.fit_transform(table),
        "copy of the array": lambda: copy_of(array),
        "np.asarray(windows)": lambda: np.asarray(windows),
        "copy of the float32 array": lambda: copy_of(array32),
        "np.asarray(float32 windows)": lambda: np.asarray(windows32),
        "DataFrame -> array": to_array,
        "numpy views": lambda: numpy_views(table, *case),
        **{name: lambda cut=cut: cut(table, *case) for name, cut in peers.items()},
    }
    if peers:
        contestants["notebook"] = lambda: notebook(table, *case)
    figures = take_turns(contestants, repeats)
    seconds = {name: figure[0] for name, figure in figures.items()}

    print(f"\n({size}, {stride}, F={len(features)}): {len(array):,} windows, with y")
    show(figures, "copy of the matrix")
    show(figures, "boundary scan", "at most 100 ms")
    limit = 1.5 * seconds["copy of the matrix"] + seconds["boundary scan"]
    over_scan = seconds["DataFrame -> Windows"] - seconds["boundary scan"]
    show(
        figures,
        "DataFrame -> Windows",
        f"{over_scan / seconds['copy of the matrix']:.2f} copies + scan (aim 1.5): "
        f"{'met' if seconds['DataFrame -> Windows'] <= limit else 'missed'}",
    )
    over_scan = seconds["DataFrame -> float32 Windows"] - seconds["boundary scan"]
    times = f"{over_scan / seconds['copy of the matrix']:.2f} copies + scan"
    show(figures, "DataFrame -> float32 Windows", times)
    for kind in ("", "float32 "):
        copied, converted = f"copy of the {kind}array", f"np.asarray({kind}windows)"
        show(figures, copied)
        times = seconds[converted] / seconds[copied]
        verdict = "met" if times <= 1.3 else "missed"
        show(figures, converted, f"{times:.2f} copies (aim 1.3): {verdict}")
    ours = seconds["DataFrame -> array"]
    show(figures, "DataFrame -> array")
    for name in ("numpy views", *peers):
        show(figures, name, f"{seconds[name] / ours:.1f} times ours")
    if peers:
        to_windows = seconds["notebook"] / seconds["DataFrame -> Windows"]
        times = f"{seconds['notebook'] / ours:.1f} times ours, {to_windows:.1f} times to Windows"
        show(figures, "notebook", times)


def compare_kinds_of_text(scale: float, repeats: int) -> None:
    print("\nThe subject as: boundary scan, DataFrame -> Windows of each case [ms (MB)]")
    for text in ("object", "objects", "category", "str", "pyarrow"):
        table = published_table(scale, text)
        contestants: Contestants = {"boundary scan": lambda table=table: runs(table["subject"])}
        for size, stride, features in CASES:
            windower = SubjectWindower(size, stride, features=features, target=TARGET)
            name = f"({size}, {stride}, {len(features)})"
            contestants[name] = lambda table=table, w=windower: w.fit_transform(table)
        figures = take_turns(contestants, repeats)
        print(
            f"  {text:<10}",
            "  ".join(
                f"{name} {1e3 * took:.1f} ({peak / 1e6:.0f})"
                for name, (took, peak) in figures.items()
            ),
        )


def hold_and_split(table: pd.DataFrame) -> None:
    """Show the memory of overlapping windows, what folds of them copy, and what is sent to a worker."""
    windower = SubjectWindower(256, 32, features=TWO, target=TARGET)
    matrix = table[TWO].to_numpy().nbytes
    gc.collect()
    tracemalloc.start()
    windows = windower.fit_transform(table)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    folds = [(windows[train], windows[test]) for train, test in SubjectKFold(5).split(windows)]
    split, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    whole = np.prod(windows.shape) * windows.dtype.itemsize
    print("\nWindows (256, 32), as a multiple of the matrix of signals")
    print(f"  held {held / matrix:.2f} (aim 1.2), as an array {whole / matrix:.2f}")
    print(
        f"  5 folds {(split - held) / matrix:.2f} more, at most {(peak - held) / matrix:.2f} more"
    )
    test = folds[0][1]
    share = len(test) / len(windows)
    sent, everything = len(pickle.dumps(test)), len(pickle.dumps(windows))
    print(
        f"  pickled: a fold of {share:.0%} of the windows is {sent / everything:.0%} of the bytes of all"
    )


def is_linear(scale: float, repeats: int) -> None:
    print("\nDataFrame -> Windows (512, 128), by rows [ms]")
    smallest = scale / 4 if scale > 1 else scale
    tables = [published_table(smallest * times) for times in (1, 2, 4)]
    windower = SubjectWindower(512, 128, features=TWO, target=TARGET)
    contestants: Contestants = {
        f"{len(table):,}": lambda table=table: windower.fit_transform(table) for table in tables
    }
    figures = take_turns(contestants, repeats)
    n_rows = np.array([len(table) for table in tables])
    seconds = np.array([figure[0] for figure in figures.values()])
    per_row = (seconds[-1] - seconds[0]) / (n_rows[-1] - n_rows[0])
    fixed = seconds[0] - per_row * n_rows[0]
    for name, took, line, whole in zip(
        figures, seconds, fixed + per_row * n_rows, seconds[-1] / n_rows[-1] * n_rows, strict=True
    ):
        print(
            f"  {name:>12} rows {1e3 * took:>8.1f}   {took / line:.2f} times a straight line (aim 0.85 to "
            f"1.15), {took / whole:.2f} times one through the origin"
        )
    print(f"  The line begins at {1e3 * fixed:.1f} ms")


def compare_pipelines(table: pd.DataFrame, repeats: int) -> None:
    pipe = make_pipeline(
        SubjectWindower(512, features=TWO, target=TARGET), WindowFlattener(), Ridge()
    )

    def bare() -> Ridge:
        subject, values = table["subject"].to_numpy(), table[TWO].to_numpy()
        target = table[TARGET].to_numpy()
        firsts = [0, *(np.flatnonzero(subject[1:] != subject[:-1]) + 1), len(table)]
        whole = [slice(a, a + (b - a) // 512 * 512) for a, b in pairwise(firsts)]
        X = np.concatenate([values[rows].reshape(-1, 1024) for rows in whole])
        y = np.concatenate([target[rows].reshape(-1, 512).mean(axis=1) for rows in whole])
        return Ridge().fit(X, y)

    figures = take_turns(
        {"numpy and Ridge": bare, "skaug.Pipeline": lambda: pipe.fit(table)}, repeats
    )
    print("\nWindows (512, 512), flattened, Ridge")
    show(figures, "numpy and Ridge")
    ratio = figures["skaug.Pipeline"][0] / figures["numpy and Ridge"][0]
    show(figures, "skaug.Pipeline", f"{ratio:.2f} times (aim 1.05)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--scale", type=float, default=1.0, help="multiple of the rows of the published table"
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--without-peers", action="store_true")
    options = parser.parse_args()
    table = published_table(options.scale)
    print(f"{len(table):,} rows, {table.shape[1]} columns, {table['subject'].nunique()} subjects")
    if table[TWO].to_numpy().nbytes < 1 << 26:
        print(
            "  So small a table is copied into memory that was used before: the ratios mean little."
        )
    peers = {} if options.without_peers else installed_peers()
    for case in CASES:
        compare(table, case, options.repeats, peers)
    compare_kinds_of_text(options.scale, options.repeats)
    hold_and_split(table)
    compare_pipelines(table, options.repeats)
    del table
    is_linear(options.scale, options.repeats)


if __name__ == "__main__":
    main()
