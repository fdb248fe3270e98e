"""The display of synthetic windows over the real ones that they are made from."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skaug import SynthefyAugmenter, Windows
from skaug.evaluation.displays.windows import SyntheticWindowsDisplay

show = SyntheticWindowsDisplay.from_windows


@pytest.fixture
def pyplot() -> Iterator[Any]:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    yield pyplot
    pyplot.close("all")


@pytest.fixture(scope="module")
def synthetic(windows: Windows) -> Windows:
    return SynthefyAugmenter(ratio=0.5).fit(windows).synthetic_windows_


def test_each_synthetic_window_is_drawn_over_its_own_origin(
    windows: Windows, synthetic: Windows, pyplot: Any
) -> None:
    display = show(windows, synthetic, n_windows=4)
    # A surrogate keeps the amplitude spectrum of its origin, and of no other window.
    amplitudes = [
        np.abs(np.fft.rfft(part, axis=1))[:, 1:-1] for part in (display.real, display.synthetic)
    ]
    assert_allclose(amplitudes[0], amplitudes[1], rtol=1e-6, atol=1e-6)
    for nth in range(4):
        lines = display.axes_[1, nth].lines
        assert_array_equal(lines[0].get_ydata(), display.real[nth, :, 1])
        assert_array_equal(lines[1].get_ydata(), display.synthetic[nth, :, 1])


def test_the_windows_are_of_different_subjects_if_there_are_enough(
    windows: Windows, synthetic: Windows, pyplot: Any
) -> None:
    display = show(windows, synthetic, n_windows=6)
    assert sorted(title.split(",")[0] for title in display.titles) == [f"S{i}" for i in range(1, 7)]
    again, other = show(windows, synthetic), show(windows, synthetic, random_state=1)
    assert again.titles == display.titles[:2]
    assert other.titles != again.titles


def test_the_spectra_are_those_of_all_windows(windows: Windows, pyplot: Any) -> None:
    t = np.arange(64) / 32
    X = np.sin(2 * np.pi * 4 * t)[None, :, None] * np.linspace(1, 2, 10)[:, None, None]
    display = show(X, 10 * X, sampling_rate=32)
    ax = display.axes_[0, -1]
    real, other = (line.get_ydata() for line in ax.lines)
    peak = np.argmax(real)
    assert ax.lines[0].get_xdata()[peak] == 4
    assert_allclose(other[peak] - real[peak], 20)
    assert [line.get_label() for line in ax.lines] == ["real", "synthetic"]
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() < real[peak] < band.max()


def test_axes_are_labeled_with_units(windows: Windows, synthetic: Windows, pyplot: Any) -> None:
    display = show(windows, synthetic, sampling_rate=32)
    assert display.axes_.shape == (2, 3)
    assert display.axes_[0, 0].get_ylabel() == "BVP (as recorded)"
    assert display.axes_[1, -1].get_ylabel() == "ECG, power (dB)"
    assert display.axes_[-1, 0].get_xlabel() == "Time (s)"
    assert display.axes_[-1, -1].get_xlabel() == "Frequency (Hz)"
    assert display.axes_[0, 0].lines[0].get_xdata()[-1] == 255 / 32
    in_samples = show(windows, synthetic)
    assert in_samples.axes_[-1, 0].get_xlabel() == "Time (samples)"
    assert in_samples.axes_[-1, -1].get_xlabel() == "Frequency (cycles per sample)"
    display.figure_.canvas.draw()


def test_the_title_names_the_subject_and_both_labels(pyplot: Any) -> None:
    X = np.random.default_rng(0).normal(size=(3, 16, 1))
    real = Windows.from_arrays(X, y=[60.0, 70.5, 80.0], groups=["A"] * 3)
    changed = real[1:2]._drawn([0]).synthesized(X[1:2], y=[75.5])
    same = real[1:2]._drawn([0]).synthesized(X[1:2])
    display = show(real, changed)
    assert display.titles == ["A, row 16\nlabel 70.5, synthetic 75.5"]
    assert display.axes_[0, 0].get_title() == display.titles[0]
    assert show(real, same).titles == ["A, row 16\nlabel 70.5"]
    nobody = Windows.from_arrays(X)
    assert show(nobody, nobody[2:]._drawn([0]).synthesized(X[2:])).titles == ["row 32"]


def test_some_channels_are_drawn_on_given_axes(
    windows: Windows, synthetic: Windows, pyplot: Any
) -> None:
    figure, axes = pyplot.subplots(1, 2, squeeze=False)
    display = show(windows, synthetic, features=["ECG"], n_windows=1, axes=axes)
    assert display.figure_ is figure
    assert display.axes_[0, 0] is axes[0, 0]
    with pytest.raises(ValueError, match=r"axes must have the shape \(1, 2\)"):
        display.plot(axes=axes[0])


def test_windows_of_arrays_are_drawn_over_unrelated_windows(windows: Windows, pyplot: Any) -> None:
    values = windows.to_numpy()
    display = show(windows, values[:5], n_windows=9)
    assert display.titles == ["unrelated windows"] * 5


def test_two_synthetic_windows_of_one_origin_are_both_drawn_over_it(
    windows: Windows, pyplot: Any
) -> None:
    twice = SynthefyAugmenter(ratio=2.0).fit(windows[:2]).synthetic_windows_
    display = show(windows[:2], twice, n_windows=4)
    assert (
        sorted(display.titles)[::2] == sorted(display.titles)[1::2] == sorted(set(display.titles))
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n_windows": 0}, "n_windows=0 must be a whole number, 1 or more"),
        ({"n_windows": True}, "n_windows=True must be"),
        ({"n_windows": 2.0}, "n_windows=2.0 must be"),
        ({"random_state": None}, "random_state=None must be"),
        ({"random_state": False}, "random_state=False must be"),
        ({"random_state": -1}, "random_state=-1 must be a whole number, 0 or more"),
        ({"features": "BVP"}, "must be a list"),
        ({"features": ["PPG"]}, "must be a list of channels: 'BVP', 'ECG'"),
        ({"features": []}, "must be a list"),
        ({"sampling_rate": -1}, "sampling_rate=-1"),
    ],
)
def test_parameters_are_checked(
    windows: Windows, synthetic: Windows, changed: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        show(windows, synthetic, **changed)


def test_windows_that_do_not_belong_together_are_refused(
    windows: Windows, synthetic: Windows
) -> None:
    augmented = SynthefyAugmenter().fit_transform(windows)
    for real, other, message in (
        (augmented, synthetic, "in real are synthetic"),
        (windows, augmented, "in synthetic are recorded"),
        (windows[:0], synthetic, "real has no windows"),
        (windows, synthetic[:0], "synthetic has no windows"),
        (windows, np.zeros((3, 9, 2)), r"shape \(9, 2\)"),
        (windows[windows.groups == "S1"], synthetic[synthetic.groups == "S2"], "its origin"),
    ):
        with pytest.raises(ValueError, match=message):
            show(real, other)


def test_without_matplotlib_the_error_says_how_to_install_it(
    windows: Windows, synthetic: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "skaug\[plot\]"'):
        show(windows, synthetic)


@pytest.mark.parametrize("name", ["$\\frac$", "a\x00b", "rate_{x", "=cmd()"])
def test_names_that_are_markup_are_drawn_as_they_are(name: str) -> None:
    X = np.random.default_rng(0).normal(size=(4, 32, 1))
    real = Windows.from_arrays(X, groups=[name] * 4, feature_names=[name])
    display = SyntheticWindowsDisplay.from_windows(
        real, SynthefyAugmenter().fit(real).synthetic_windows_
    )
    page = io.StringIO()
    display.figure_.savefig(page, format="svg")
    assert "\x00" not in page.getvalue()
