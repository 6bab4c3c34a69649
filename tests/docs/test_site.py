"""The site in a real browser: it is whole, needs nothing from elsewhere, and does what its buttons say."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urldefrag, urljoin

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.docs.blocks import ROOT
from tests.docs.site import build, served

SCREENSHOTS = ROOT / "build/screenshots"
#: Far more than a browser takes to start, to show a page, or to make the search's index, in milliseconds.
PATIENCE = 240_000.0
expect.set_options(timeout=PATIENCE)
DESKTOP, PHONE = (1280, 900), (390, 844)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = build(folder)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with served(site) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return Debian's Chromium; what Playwright would download is not asked for."""
    if not shutil.which("chromium"):
        got = subprocess.run([ROOT / "hack/debian", "install", "chromium"], capture_output=True, text=True, check=False)
        assert got.returncode == 0, got.stderr
    with sync_playwright() as playwright:
        # Tests may run as root, where Chromium has no sandbox.
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"], timeout=PATIENCE)
        yield browser
        browser.close()


def new_page(browser: Browser, size: tuple[int, int], scheme: Literal["light", "dark"] = "light") -> Page:
    """Open a window that waits as long as a machine needs that has other work too."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    page.set_default_timeout(PATIENCE)
    return page


class Visitor:
    """A browser's window, what it asked for, what it complained of, and what did not fit into it."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.asked_elsewhere: list[str] = []
        self.complaints: list[str] = []
        self.too_wide: list[str] = []
        page.on("request", self._request)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, path: str) -> Page:
        self.page.goto(urljoin(self.address, path))
        if self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            self.too_wide.append(path)
        return self.page

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.asked_elsewhere.append(request.url)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


@pytest.fixture
def visitor(browser: Browser, address: str) -> Iterator[Visitor]:
    page = new_page(browser, DESKTOP)
    yield Visitor(page, address)
    page.close()


@pytest.fixture(scope="module")
def walk(browser: Browser, address: str, site: Path) -> Visitor:
    """Look at each page once, on a phone."""
    page = new_page(browser, PHONE)
    visitor = Visitor(page, address)
    for file in sorted(site.rglob("*.html")):
        visitor.open(str(file.relative_to(site)))
    page.close()
    return visitor


class Anchors(HTMLParser):
    """The links of a page, and the places in it that others may link to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.ids: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids |= {value for name in ("id", "name") if (value := given.get(name))}
        self.links |= {value for name in ("href", "src") if (value := given.get(name))}


def broken_links(site: Path) -> Iterator[str]:
    """Find links within the site that lead to no file, or to no place in it."""
    pages = {file: Anchors(file.read_text()) for file in site.rglob("*.html")}
    # The page for what is not found is served anywhere, so its links are absolute.
    for page, anchors in pages.items():
        for link in anchors.links:
            target, place = urldefrag(urljoin(f"http://site/{page.relative_to(site)}", link))
            if not target.startswith("http://site/"):
                continue
            file = site / unquote(target.removeprefix("http://site/"))
            file = file / "index.html" if file.is_dir() else file
            if not file.exists() or (place and file in pages and unquote(place) not in pages[file].ids):
                yield f"{page.relative_to(site)}: {link}"


def test_every_link_and_anchor_leads_somewhere(site: Path) -> None:
    assert sorted(broken_links(site)) == []


def test_broken_link_and_anchor_are_found(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/index.html").write_text('<p id="here"><a href="../b/">x</a><a href="#there">x</a><a href="#here">')
    assert sorted(broken_links(tmp_path)) == ["a/index.html: #there", "a/index.html: ../b/"]


def test_page_that_is_in_no_menu_fails_the_build(tmp_path: Path) -> None:
    config = {"INHERIT": str(ROOT / "mkdocs.yml"), "nav": ["README.md"], "watch": [], "docs_dir": str(ROOT / "docs")}
    (tmp_path / "mkdocs.yml").write_text(json.dumps(config | {"hooks": [str(ROOT / "hack/site/hooks.py")]}))
    built = build(tmp_path / "site", tmp_path / "mkdocs.yml")
    assert built.returncode
    assert "docs/reference/endings.md" in built.stderr


def test_no_page_needs_anything_from_elsewhere_or_complains(walk: Visitor) -> None:
    assert walk.asked_elsewhere == []
    assert walk.complaints == []


def test_no_page_is_wider_than_a_phone(walk: Visitor) -> None:
    assert walk.too_wide == []


def test_search_finds_a_reason(visitor: Visitor) -> None:
    page = visitor.open("")
    # Typed, key by key: the search hears of no text that is put in at once when its index is there already.
    page.get_by_role("textbox", name="Search").press_sequentially("MaxDuration")
    expect(page.locator(".md-search-result__link[href*='reasons/']").first).to_be_visible()


def test_dark_mode_is_switched_on_and_stays(visitor: Visitor) -> None:
    page = visitor.open("")
    light = background(page)
    page.locator("label[for='__palette_1']:visible").click()
    expect(page.locator("body")).to_have_attribute("data-md-color-scheme", "slate")
    assert background(page) != light
    visitor.open("tutorial/")
    expect(page.locator("body")).to_have_attribute("data-md-color-scheme", "slate")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_diagram_stands_out_from_the_page(
    browser: Browser, address: str, scheme: Literal["light", "dark"], size: tuple[int, int]
) -> None:
    page = new_page(browser, size, scheme)
    for path in ("", "tutorial/", "concepts/ending/", "reference/reasons/"):
        page.goto(address + path)
        name = f"{path.strip('/').replace('/', '-') or 'home'}-{scheme}-{size[0]}.png"
        page.screenshot(path=SCREENSHOTS / name)
    page.goto(address + "concepts/ending/")
    text = page.locator(".diagram text").first
    assert text.evaluate("node => getComputedStyle(node).fill") != background(page)
    page.close()


def background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))
