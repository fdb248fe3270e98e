"""The page of a comparison: it shows the numbers, is self-contained, and fits a screen and a phone."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

from skaug import SubjectWindower, SynthefyAugmenter, Windows, WindowSpectrum, make_pipeline
from skaug.evaluation import (
    ProtocolComparison,
    compare_protocols,
    learning_curve,
    synthetic_quality,
)
from skaug.evaluation.strata import page_bins
from skaug.model_selection import SubjectKFold
from skaug.synthesis import SurrogateSynthesizer

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
MAE = "neg_mean_absolute_error"


def pipeline() -> Any:
    return make_pipeline(SynthefyAugmenter(), WindowSpectrum(0.5, 4.0, 32), Ridge())


@pytest.fixture(scope="module")
def comparison(windows: Windows) -> ProtocolComparison:
    return compare_protocols(
        pipeline(),
        windows,
        protocols=["TRTR", "TRSTR", "TSTR", "TRTS", "TRRTR"],
        scoring=[MAE, "r2"],
        rope={MAE: 0.5},
        progress=False,
    )


@pytest.fixture(scope="module")
def page(comparison: ProtocolComparison, windows: Windows, tmp_path_factory: Any) -> Path:
    """Write a page with all its parts."""
    path: Path = tmp_path_factory.mktemp("page") / "report.html"
    aside = np.isin(windows.groups, ["S5", "S6"])
    real = windows[~aside]
    synthetic = SynthefyAugmenter().fit(real).synthetic_windows_
    comparison.to_html(
        path,
        learning_curve=learning_curve(pipeline(), windows, ratios=(0, 1), progress=False),
        windows=(real, synthetic),
        sampling_rate=32,
        quality=synthetic_quality(real, synthetic, holdout=windows[aside], sampling_rate=32),
    )
    return path


@pytest.fixture(scope="module")
def page_of_two(comparison: ProtocolComparison, windows: Windows, tmp_path_factory: Any) -> Path:
    """Write a page with windows of two synthesizers and their quality."""
    path: Path = tmp_path_factory.mktemp("page") / "two.html"
    synthesizers = {"<i>one</i>": SurrogateSynthesizer(1), "two": SurrogateSynthesizer(2)}
    synthetic = {
        name: SynthefyAugmenter(one).fit(windows).synthetic_windows_
        for name, one in synthesizers.items()
    }
    comparison.to_html(
        path,
        windows={name: (windows, made) for name, made in synthetic.items()},
        sampling_rate=32,
        quality={
            name: synthetic_quality(windows, made, sampling_rate=32)
            for name, made in synthetic.items()
        },
    )
    return path


class Outline(HTMLParser):
    """Collects the elements and the text of a page, and checks that elements are closed in order."""

    VOID = ("meta", "link", "br", "hr", "img", "input", "col", "wbr")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += data


def test_the_verdict_comes_first_and_numbers_are_those_of_the_summary(
    page: Path, comparison: ProtocolComparison
) -> None:
    text = Outline(page.read_text()).text
    assert text.index(comparison.verdict()) < text.index("protocol")
    for _, row in comparison.summary().xs(MAE, level="metric").iterrows():
        assert f"{-row['mean']:#.3g} ± {row['sd']:.2g}" in text
        assert row["verdict"] in text
        if not np.isnan(row["p_corrected"]) and row["p_corrected"] >= 0.001:
            assert f"{row['p_corrected']:.3f}" in text
    for subject in comparison.by_subject().index:
        assert subject in text
    for key in ("data_sha256", "synthesizer", "created", "cv"):
        assert str(comparison.details[key]) in text
    for part in ("Learning curve", "Real and synthetic windows", "Subject by subject"):
        assert part in text


def test_the_page_refers_to_nothing_outside(page: Path) -> None:
    html = page.read_text()
    outline = Outline(html)
    assert outline.open == []
    for tag, attributes in outline.elements:
        assert tag != "script"
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "xlink:href", "action", "data"):
            target = attributes.get(name) or "#"
            assert target.startswith("#") or target == "data:,", (tag, target)
    assert not re.search(r"url\((?!#)|@import", html)


@pytest.mark.parametrize("which", ["page", "page_of_two"])
def test_parts_of_plots_have_unique_ids(which: str, request: pytest.FixtureRequest) -> None:
    html = request.getfixturevalue(which).read_text()
    names = re.findall(r'\bid="([^"]+)"', html)
    assert len(names) == len(set(names)) > 100
    assert set(re.findall(r"(?:url\(|href=\")#([^\")]+)", html)) <= set(names)


def test_plots_are_described_and_tables_have_headings(page: Path) -> None:
    outline = Outline(page.read_text())
    figures = [attributes for tag, attributes in outline.elements if tag == "figure"]
    assert len(figures) >= 4
    for attributes in figures:
        assert attributes["role"] == "img"
        assert len(str(attributes["aria-label"])) > 40
    headings = [attributes for tag, attributes in outline.elements if tag == "th"]
    assert len(headings) > 20
    assert all(attributes.get("scope") in ("col", "row", "rowgroup") for attributes in headings)
    tags = [tag for tag, _ in outline.elements]
    assert tags.count("h1") == 1
    assert tags.count("caption") >= 4


def test_windows_and_quality_of_several_synthesizers_stand_under_their_names(
    page: Path, page_of_two: Path
) -> None:
    text = Outline(page_of_two.read_text()).text
    drawn, measured = text.split("Real and synthetic windows")[1].split("Quality of the synthetic")
    for part in (drawn, measured.partition("Subject by subject")[0]):
        assert re.findall("Synthesizer (<i>one</i>|two)", part) == ["<i>one</i>", "two"]
    assert measured.count("Synthetic windows compared with real ones") == 2
    # Per channel one window and the spectra of each synthesizer; of a single one there are two windows.
    assert drawn.count("Time (s)") == 2 * len(["BVP", "ECG"])
    alone = Outline(page.read_text()).text
    assert (
        "Synthesizer " not in alone.split("Real and synthetic windows")[1].split("How this was")[0]
    )
    assert alone.count("Time (s)") == 2 * len(["BVP", "ECG"])


def test_with_few_subjects_the_page_says_why_there_is_no_p_value(
    windows: Windows, tmp_path: Path
) -> None:
    few = windows[np.isin(windows.groups, ["S1", "S2", "S3", "S4"])]
    compare_protocols(pipeline(), few, progress=False).to_html(tmp_path / "few.html")
    text = " ".join(Outline((tmp_path / "few.html").read_text()).text.split())
    assert "No p-value is reported: with 4 subjects" in text
    assert "p = 0.125, which cannot reach 0.05" in text
    assert "p, sign flips" not in text


def test_shared_subjects_are_an_alert(windows: Windows, tmp_path: Path) -> None:
    comparison = compare_protocols(
        pipeline(),
        windows,
        cv=KFold(3, shuffle=True, random_state=0),
        allow_shared_subjects=True,
        progress=False,
    )
    comparison.to_html(tmp_path / "shared.html")
    outline = Outline((tmp_path / "shared.html").read_text())
    assert ("p", {"class": "alarm", "role": "alert"}) in outline.elements
    assert "Some subjects are in both the training and the test set" in outline.text


def words_of(page: Path) -> str:
    """Return the text of a page, in which each element is a word of its own."""
    text = re.sub(r"<[^>]*>", " ", page.read_text(encoding="utf-8"))
    return " ".join(unescape(text).split())


def test_the_page_says_what_was_compared(page: Path, recordings: Any, tmp_path: Path) -> None:
    said = words_of(page)
    for words in (
        "target heart_rate",
        "window size 256 rows",
        "stride 128 rows",
        "channels BVP, ECG",
        "features WindowSpectrum",
        "model Ridge()",
        "windows per subject 14",
    ):
        assert words in said
    windower = SubjectWindower(
        256, 128, features=["BVP"], target="heart_rate", boundaries=["Gender"]
    )
    comparison = compare_protocols(
        make_pipeline(windower, *(step for _, step in pipeline().steps)),
        recordings,
        cv=SubjectKFold(2),
        progress=False,
    )
    comparison.to_html(tmp_path / "page.html", about={"file": "<ride>.parquet"})
    assert "file <ride>.parquet" in words_of(tmp_path / "page.html")
    assert "boundaries Gender" in words_of(tmp_path / "page.html")


def test_the_page_compares_parts_of_the_windows(page: Path, comparison: ProtocolComparison) -> None:
    said = words_of(page)
    assert "Parts of the windows (exploratory)" in said
    limits = page_bins(comparison.predictions["y_true"])
    assert limits is not None
    row = comparison.by("y_true", bins=limits).loc["TSTR"].iloc[0]
    assert f"up to {limits[0]:g} TSTR {row['verdict']} {-row['mean']:#.3g}" in said


def test_a_metric_that_needs_probabilities_has_no_parts(
    comparison: ProtocolComparison, tmp_path: Path
) -> None:
    scorers = dict.fromkeys(comparison.metrics, "it needs probabilities or decision values")
    details = comparison.details | {"scorers": scorers}
    ProtocolComparison(comparison.scores, comparison.predictions, details).to_html(
        tmp_path / "page.html"
    )
    assert "exploratory" not in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_warnings_about_the_data_are_on_the_page(
    comparison: ProtocolComparison, tmp_path: Path
) -> None:
    details = comparison.details | {"warnings": ["The rows look shuffled: <sort> them."]}
    ProtocolComparison(comparison.scores, comparison.predictions, details).to_html(
        tmp_path / "page.html"
    )
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<li>The rows look shuffled: &lt;sort&gt; them.</li>" in html


def test_names_are_escaped(windows: Windows, tmp_path: Path) -> None:
    wild = '<script>alert(1)</script> & "S"'
    groups = np.where(windows.groups == "S1", wild, windows.groups)
    named = Windows.from_arrays(windows.to_numpy(), windows.y, groups)
    estimator = make_pipeline(SynthefyAugmenter(), WindowSpectrum(), Ridge())
    compare_protocols(estimator, named, progress=False).to_html(tmp_path / "wild.html")
    outline = Outline((tmp_path / "wild.html").read_text())
    assert "script" not in [tag for tag, _ in outline.elements]
    assert wild in outline.text


# In a browser

needs_browser = pytest.mark.skipif(
    BROWSER is None and not os.environ.get("SKAUG_REQUIRE_BROWSER"), reason="no Chromium here"
)


def browse(page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    assert BROWSER is not None
    return subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--no-first-run",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--enable-logging=stderr",
            f"--user-data-dir={page.parent / 'profile'}",
            *options,
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


def requested(log: Path) -> list[str]:
    """List the addresses that the page requested, without those that the browser requests itself."""
    events = [event.get("params", {}) for event in json.loads(log.read_text())["events"]]
    by_page = [event for event in events if event.get("initiator") not in (None, "not an origin")]
    return [event["url"] for event in by_page if "url" in event]


@needs_browser
@pytest.mark.parametrize("width", [1280, 400])
def test_a_browser_shows_the_page_without_requests_and_complaints(page: Path, width: int) -> None:
    picture, log = page.with_name(f"{width}.png"), page.with_name(f"{width}.json")
    ran = browse(
        page, f"--window-size={width},3000", f"--screenshot={picture}", f"--log-net-log={log}"
    )
    assert "CONSOLE" not in ran.stderr
    assert struct.unpack(">II", picture.read_bytes()[16:24]) == (width, 3000)
    assert requested(log) == []


@needs_browser
def test_requests_and_complaints_of_a_page_are_noticed(tmp_path: Path) -> None:
    page, log = tmp_path / "asking.html", tmp_path / "log.json"
    page.write_text("<img src='http://127.0.0.1:9/a.png'><script>console.error('alas')</script>")
    ran = browse(page, f"--screenshot={tmp_path / 'a.png'}", f"--log-net-log={log}")
    assert requested(log) == ["http://127.0.0.1:9/a.png"]
    assert re.search("CONSOLE.*alas", ran.stderr)


@needs_browser
@pytest.mark.parametrize("width", [1280, 500])
def test_the_page_is_not_wider_than_the_screen(page: Path, width: int) -> None:
    # 500 px is the narrowest window that a browser without a screen opens; wide tables scroll.
    measured = page.with_name(f"measured-{width}.html")
    html = re.sub(r"<meta http-equiv[^>]*>", "", page.read_text())
    script = "document.title = document.documentElement.scrollWidth"
    measured.write_text(html.replace("</body>", f"<script>{script}</script></body>"))
    ran = browse(measured, f"--window-size={width},900", "--dump-dom")
    found = re.search(r"<title>(\d+)</title>", ran.stdout)
    assert found is not None
    assert int(found[1]) <= width


def test_the_page_has_the_naive_baseline_and_says_helped_of_nothing_that_did_not(
    windows: Windows, tmp_path: Path
) -> None:
    noise = windows.relabel(np.random.default_rng(0).normal(70, 15, size=len(windows)))
    # As many features as training windows, and hardly any regularization: further windows regularize.
    spectrum = WindowSpectrum(0.5, 4.75, 32)
    estimator = make_pipeline(SynthefyAugmenter(), spectrum, StandardScaler(), Ridge(1e-3))
    comparison = compare_protocols(
        estimator, noise, protocols=["TRTR", "TRSTR", "TRPTR"], progress=False
    )
    row = comparison.summary().droplevel("metric").loc["TRSTR"]
    assert (row["difference"] > 0, row["p_holm"] < 0.05) == (True, True)
    path = tmp_path / "page.html"
    comparison.to_html(path)
    text = path.read_text()
    assert "does no better than predicting the m" in text
    assert '<th scope="row">naive</th>' in text
    assert "helped" not in text.lower()


@needs_browser
@pytest.mark.parametrize("which", ["page", "page_of_two"])
def test_nothing_is_cut_on_a_phone(which: str, request: pytest.FixtureRequest) -> None:
    page = request.getfixturevalue(which)
    measured = page.with_name("phone.html")
    html = re.sub(r"<meta http-equiv[^>]*>", "", page.read_text(encoding="utf-8"))
    script = """document.body.style.width = "400px";
    const parts = [...document.querySelectorAll(".scroll, figure, dl, table")];
    document.title = parts.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.className);"""
    measured.write_text(
        html.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8"
    )
    ran = browse(measured, "--window-size=500,900", "--dump-dom")
    found = re.search(r"<title>(.*)</title>", ran.stdout)
    assert found is not None
    assert found[1] == ""


def test_the_place_of_the_page_is_tried_before_the_page_is_built(
    comparison: ProtocolComparison, tmp_path: Path
) -> None:
    class Curve:
        def display(self) -> None:
            pytest.fail("the page was being built")

    for place in (tmp_path, tmp_path / "nowhere" / "page.html"):
        with pytest.raises(OSError, match=r"is not a file: name a file|no folder for .*make it"):
            comparison.to_html(place, learning_curve=Curve())  # type: ignore[arg-type]
    assert not [*tmp_path.iterdir()]
