"""The Python blocks of a page run as one script, with the line numbers of the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from run_blocks import Page, Result, read_page, run_page

pytest.importorskip("matplotlib")


@pytest.fixture
def page_of(tmp_path: Path):
    def write(text: str) -> Page:
        path = tmp_path / "page.md"
        path.write_text(text)
        return read_page(path)

    return write


def run(page: Page) -> Result:
    return run_page(page, page.path.parent / "figures")


def test_blocks_share_names_and_each_has_its_own_output(page_of) -> None:
    page = page_of("```python\na = 1\nprint('one')\n```\ntext\n```python\nprint(a + 1)\n```\n")
    result = run(page)
    assert result.error == ""
    assert [output.printed for output in result.outputs] == ["one\n", "2\n"]


def test_a_traceback_names_the_line_of_the_page(page_of) -> None:
    page = page_of("# Title\n\n```python\nprint('before')\n```\n\n```python\n\n1 / 0\n```\n")
    result = run(page)
    assert f'File "{page.path}", line 9' in result.error
    assert "ZeroDivisionError" in result.error
    assert [output.printed for output in result.outputs] == ["before\n"]


def test_only_plain_fences_of_python_are_run(page_of) -> None:
    page = page_of(
        "```{code-block} python\n1 / 0\n```\n"
        "```sh\nexit 1\n```\n"
        "````text\n```python\n1 / 0\n```\n````\n"
        "::::{div}\n```python\nprint('run')\n```\n::::\n"
        "- in a list\n\n  ```python\n  for i in range(2):\n      print(i)\n  ```\n"
    )
    assert [block.code for block in page.blocks] == [
        "print('run')",
        "for i in range(2):\n    print(i)",
    ]
    assert [output.printed for output in run(page).outputs] == ["run\n", "0\n1\n"]


def test_open_figures_are_saved_and_described_by_their_titles(page_of) -> None:
    page = page_of(
        "```python\nimport matplotlib.pyplot as plt\nplt.title('a line')\n```\n"
        "```python\nprint(plt.get_fignums())\nplt.figure(); plt.figure().suptitle('two')\n```\n"
    )
    first, second = run(page).outputs
    assert first.figures == [("page-1-1.png", "a line")]
    assert second.printed == "[]\n"
    assert [name for name, _ in second.figures] == ["page-2-1.png", "page-2-2.png"]
    assert second.figures[1][1] == "two"
    for name, _ in first.figures + second.figures:
        assert (page.path.parent / "figures" / name).read_bytes().startswith(b"\x89PNG")


def test_processes_that_a_page_spawns_print_nothing_into_it(page_of) -> None:
    page = page_of(
        "```python\nimport multiprocessing\n\ndef double(x):\n    return 2 * x\n```\n"
        "```python\nif __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.map(double, [1, 2]))\n```\n"
    )
    result = run(page)
    assert result.error == ""
    assert [output.printed for output in result.outputs] == ["", "[2, 4]\n"]


def test_published_files_are_kept(page_of) -> None:
    page = page_of(
        "---\npublishes: [made.html]\n---\n"
        "```python\nimport pathlib\nassert not list(pathlib.Path().iterdir())\n"
        "pathlib.Path('made.html').write_text('hello')\n```\n"
    )
    assert run(page).error == ""
    assert (page.path.parent / "figures" / "made.html").read_text() == "hello"


def test_a_page_that_does_not_write_what_it_publishes_fails(page_of) -> None:
    page = page_of("---\npublishes: [made.html]\n---\n```python\npass\n```\n")
    assert "'made.html'" in run(page).error


def test_a_page_names_the_libraries_that_are_missing(page_of) -> None:
    page = page_of("---\nrequires: [numpy, no_such_library]\n---\n```python\npass\n```\n")
    assert page.missing == ["no_such_library"]
