"""The table, the page and the picture of a quality report."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from skaug.evaluation.quality.measure import Measure
from skaug.evaluation.quality.report import QualityReport


def measure(
    name: str,
    floor: float,
    value: float,
    ceiling: float,
    family: str = "fidelity",
    **more: object,
) -> Measure:
    more = {"better": "lower", "meaning": "So much."} | more
    return Measure(family, name, value, floor, ceiling, **more)  # type: ignore[arg-type]


def report(*measures: Measure) -> QualityReport:
    return QualityReport(
        measures=measures,
        embedding="spectrum+acf",
        n_compared=1234,
        n_subsets=20,
        windows={"real": "1,234 windows of 3 subjects", "synthetic": "2,000 windows of 3 subjects"},
        ceiling="one <half> & another",
        notes=("No adherence: <none>.",),
    )


MEASURES = (
    measure("Wasserstein distance: <b>BVP</b> & co", 0.5, 0.3, 0.1, spread=0.05),
    measure("MMD, permutation p", 0.002, 0.01, np.nan, better=""),
    measure("Frechet distance", 100.0, 2e6, 1.0, is_distance=True),
    measure("recall", 0.0, 0.9, 0.3, family="diversity", better="higher"),
    measure(
        *("membership inference AUC: samples", 1.0, 0.7, 0.5),
        family="memorization",
        better="0.5",
        low=0.61,
        high=0.79,
    ),
    measure("exact copies", 1.0, 0.0, 0.0, family="memorization"),
)


class Page(HTMLParser):
    """Collects the tags of a page; fails if they are not closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1] != "style":
            self.text.append(data)


def test_the_frame_has_one_row_per_measure_with_floor_left_and_ceiling_right() -> None:
    frame = report(*MEASURES).to_frame()
    assert frame.columns.tolist() == [
        *("family", "measure", "floor", "value", "ceiling", "spread", "low", "high"),
        *("better", "meaning"),
    ]
    assert frame["value"].tolist() == [0.3, 0.01, 2e6, 0.9, 0.7, 0.0]
    assert frame["floor"].tolist() == [0.5, 0.002, 100, 0, 1, 1]
    assert frame.loc[4, ["low", "high"]].tolist() == [0.61, 0.79]
    assert frame.loc[0, "spread"] == 0.05
    assert np.isnan(frame.loc[1, "ceiling"])


def test_it_prints_the_verdict_the_sentences_the_table_and_the_notes() -> None:
    shown = report(*MEASURES)
    lines = repr(shown).splitlines()
    assert lines[0] == shown.verdict
    assert lines[1] == f"Memorization: {shown.sentences['memorization']}"
    assert lines[3].split() == ["floor", "value", "ceiling"]
    assert lines[4] == "Fidelity"
    assert re.fullmatch(
        r"Wasserstein distance: <b>BVP</b> & co +0.500 +0.300 ± 0.050 +0.100 +lower is better",
        lines[5],
    )
    assert lines[6].split() == ["MMD,", "permutation", "p", "0.002", "0.010", "-"]
    assert lines[7].split()[3] == "2.0e+06"
    assert lines[11].endswith("0.5 is best; 95 % interval 0.610 to 0.790")
    assert "1,234 windows with 1,234, in 20 random subsets." in lines[-3]
    assert "Embedding: spectrum+acf." in lines[-3]
    assert lines[-1] == "No adherence: <none>."


def test_the_page_is_a_table_that_a_screen_reader_can_follow() -> None:
    page = Page(report(*MEASURES)._repr_html_())
    headers = [attributes.get("scope") for tag, attributes in page.tags if tag == "th"]
    assert headers == [
        *["col"] * 5,
        *("rowgroup", *["row"] * 3),
        *("rowgroup", "row"),
        *("rowgroup", "row", "row"),
    ]
    assert "caption" in [tag for tag, _ in page.tags]
    assert all(attributes["aria-hidden"] for tag, attributes in page.tags if tag == "svg")
    text = " ".join(page.text)
    assert text.startswith(report(*MEASURES).verdict)
    assert "measure floor value ceiling floor to ceiling" in text
    assert "0.300 ± 0.050 0.100" in text
    assert "Wasserstein distance: <b>BVP</b> & co" in text
    assert "one <half> & another" in text
    assert "Lower is better." in text
    assert "0.610 to 0.790" in text


def test_the_page_explains_a_measure_once_for_all_channels() -> None:
    page = report(
        measure("a", 1, 0.5, 0), measure("b", 1, 0.5, 0), measure("c", 1, 0.5, 0, better="0.5")
    )
    assert page._repr_html_().count("So much.") == 2


def test_the_page_loads_nothing_and_promises_no_privacy() -> None:
    page = report(*MEASURES)._repr_html_()
    tags = {tag for tag, _ in Page(page).tags}
    assert tags.isdisjoint({"script", "link", "img", "iframe"})
    assert "http" not in page
    for shown in (page, repr(report(*MEASURES))):
        assert "private" not in shown.lower()


def test_the_picture_has_a_dot_for_each_measure_with_a_ceiling_and_a_floor() -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    ax = report(*MEASURES).plot()
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == [m.name for m in MEASURES if np.isfinite(m.position())]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["floor", "ceiling"]
    dots = [line for line in ax.lines if line.get_marker() in ("o", "<", ">")]
    assert [float(np.atleast_1d(dot.get_xdata())[0]) for dot in dots] == pytest.approx(
        [0.5, -0.25, 1.25, 0.6, 1.0]
    )
    assert [dot.get_marker() for dot in dots] == ["o", "<", ">", "o", "o"]
    spread = [line for line in ax.lines if line.get_linewidth() == 4]
    assert spread[0].get_xdata() == pytest.approx([0.375, 0.625])
    assert "floor" in ax.get_xlabel()
    pyplot.close(ax.figure)


def test_it_draws_on_given_axes() -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figure, ax = pyplot.subplots()
    assert report(*MEASURES).plot(ax=ax) is ax
    pyplot.close(figure)


def test_a_report_without_ceilings_cannot_be_drawn() -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(ValueError, match="held-out subjects"):
        report(MEASURES[1]).plot()


def test_without_matplotlib_the_error_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "skaug\[plot\]"'):
        report(*MEASURES).plot()
