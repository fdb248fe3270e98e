"""Check the built site: `check_site.py docs/_build`; `--screenshots FOLDER` keeps what was looked at.

Every link within the site leads somewhere, nothing is loaded from elsewhere, and in headless Chromium four
pages show at two widths, in light and dark, without an error in the console, a request that leaves the
computer, or a horizontal scroll bar.
"""

from __future__ import annotations

import argparse
import base64
import fcntl
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

WIDTHS = (1280, 400)
SCHEMES = ("light", "dark")
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
STAYS = ("file:", "data:", "blob:", "about:", "http://127.0.0.1")  # requests that do not leave


def main() -> int:
    """Check a site, print what is wrong, and return 1 if something is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path)
    parser.add_argument("--screenshots", type=Path)
    parser.add_argument(
        "--pages", nargs="+", help="by default the start page and one of each kind", default=()
    )
    options = parser.parse_args()
    wrong = list(broken_links(options.site))
    pages = options.pages or one_page_of_each_kind(options.site)
    if BROWSER is not None:
        wrong += complaints(options.site, pages, options.screenshots)
    elif os.environ.get("SKAUG_REQUIRE_BROWSER"):
        wrong.append("Chromium is not installed.")
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"{len(wrong)} things are wrong with {options.site}; looked at {', '.join(pages)}")
    return 1 if wrong else 0


def one_page_of_each_kind(site: Path) -> list[str]:
    """Return the start page, a page of the guide, an example and a page of the API."""
    pages = ["index.html"]
    for pattern in (
        "guide/verdict.html",
        "gallery/plot_*.html",
        "api/generated/*compare_prot*.html",
    ):
        pages += [str(path.relative_to(site)) for path in sorted(site.glob(pattern))[:1]]
    return pages


# Links


class Links(HTMLParser):
    """The names that a page can be entered at, the addresses it links to, and those it loads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the names and addresses of an element."""
        of = {name: value for name, value in attrs if value is not None}
        self.names |= {of[key] for key in ("id", "name") if key in of}
        if "href" in of:
            (self.loads if tag == "link" else self.links).append(of["href"])
        if "src" in of:
            self.loads.append(of["src"])
        self.loads += [part.split()[0] for part in of.get("srcset", "").split(",") if part.strip()]


def broken_links(site: Path) -> Iterator[str]:
    """Yield the links of a site that lead nowhere, and what its pages load from elsewhere."""
    site = site.resolve()
    paths = [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]
    pages = {path: Links(path.read_text(encoding="utf-8")) for path in paths}
    for path, page in pages.items():
        where = path.relative_to(site)
        for address in page.loads:
            if urlsplit(address).netloc:
                yield f"{where} loads {address}"
        for address in dict.fromkeys(page.links + page.loads):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            name = unquote(parts.fragment)
            if not target.is_file():
                yield f"{where} links to {address}, which does not exist"
            elif name and target in pages and name not in pages[target].names:
                yield f"{where} links to {address}, but that page has no {name!r}"


# In a browser


class Browser:
    """A headless Chromium, controlled through a pair of pipes (Chrome DevTools Protocol)."""

    def __enter__(self) -> Self:
        """Start the browser."""
        if BROWSER is None:
            raise RuntimeError("There is no Chromium here: install it.")
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        commands, self.commands = pipe()
        self.replies, replies = pipe()

        def connect() -> None:  # Chromium reads file 3 and writes to file 4
            os.dup2(commands, 3)
            os.dup2(replies, 4)

        self.process = subprocess.Popen(
            [
                BROWSER,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--no-first-run",
                "--disable-background-networking",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                "--remote-debugging-pipe",
                f"--user-data-dir={self.profile.name}",
            ],
            preexec_fn=connect,
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(replies)
        self.numbers = itertools.count(1)
        self.received = b""
        self.events: list[dict[str, Any]] = []
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the browser."""
        self.process.terminate()
        self.process.wait()
        os.close(self.commands)
        os.close(self.replies)
        self.profile.cleanup()

    def message(self) -> dict[str, Any]:
        """Wait for the next message of the browser."""
        while b"\0" not in self.received:
            read = os.read(self.replies, 1 << 20)
            if not read:
                raise RuntimeError("Chromium ended.")
            self.received += read
        text, self.received = self.received.split(b"\0", 1)
        message: dict[str, Any] = json.loads(text)
        return message

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol, and collect the events that arrive before its reply."""
        number = next(self.numbers)
        command = {"id": number, "method": method, "params": params}
        if session:
            command["sessionId"] = session
        os.write(self.commands, json.dumps(command).encode() + b"\0")
        while True:
            message = self.message()
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                result: dict[str, Any] = message["result"]
                return result
            self.events.append(message)

    def open(self, address: str, width: int, scheme: str) -> str:
        """Open a page in a new tab, wait until it is loaded, and return the tab."""
        self.events.clear()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        tab: str = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable", tab)
        screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", tab, **screen)
        color = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", tab, features=[color])
        self.call("Page.navigate", tab, url=address)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.message())
        self.evaluate(tab, "new Promise(done => setTimeout(done, 500))")
        return tab

    def evaluate(self, tab: str, script: str) -> Any:
        """Return the value of a script in a tab."""
        ran = self.call(
            "Runtime.evaluate", tab, expression=script, awaitPromise=True, returnByValue=True
        )
        return ran["result"].get("value")


def pipe() -> tuple[int, int]:
    """Return both ends of a pipe, with numbers above those that a child process expects its own at."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]


def complaints(site: Path, pages: list[str], screenshots: Path | None = None) -> Iterator[str]:
    """Yield what a browser complains about, at each width, in light and dark."""
    with Browser() as browser:
        for page, width, scheme in itertools.product(pages, WIDTHS, SCHEMES):
            tab = browser.open((site / page).resolve().as_uri(), width, scheme)
            for complaint in complaints_of(browser, tab, width, scheme):
                yield f"{page} at {width} px, {scheme}: {complaint}"
            if screenshots is not None:
                screenshots.mkdir(parents=True, exist_ok=True)
                picture = browser.call("Page.captureScreenshot", tab, captureBeyondViewport=True)[
                    "data"
                ]
                name = f"{page.removesuffix('.html').replace('/', '_')}-{width}-{scheme}.png"
                (screenshots / name).write_bytes(base64.b64decode(picture))
            browser.call("Page.close", tab)


def complaints_of(browser: Browser, tab: str, width: int, scheme: str) -> Iterator[str]:
    """Yield what is wrong with the page in a tab."""
    needed = browser.evaluate(tab, "document.documentElement.scrollWidth")
    if needed > width:
        yield f"scrolls horizontally, as it is {needed} px wide"
    theme = browser.evaluate(tab, "document.documentElement.dataset.theme")
    if theme not in (None, scheme):
        yield f"is {theme}"
    for event in browser.events:
        params = event.get("params", {})
        match event.get("method"):
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                yield f"console: {[shown.get('value') for shown in params['args']]}"
            case "Runtime.exceptionThrown":
                yield f"exception: {params['exceptionDetails']}"
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                yield f"console: {params['entry']['text']}"
            case "Network.requestWillBeSent" if not params["request"]["url"].startswith(STAYS):
                yield f"requests {params['request']['url']}"


if __name__ == "__main__":
    sys.exit(main())
