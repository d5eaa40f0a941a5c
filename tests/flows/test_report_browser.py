"""Reports in a browser; skipped where no Chromium with its driver is installed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.report.write import report_runs
from tests.unit.report.test_page import HOSTILE

pytest.importorskip("selenium")
from selenium.webdriver import ActionChains, Chrome, ChromeOptions  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402

_NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, _NAMES)), None)
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    BROWSER is None or DRIVER is None, reason="no Chromium with chromedriver"
)
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
)

# Contrast of each text with what is behind it, by the formula of WCAG 2.
CONTRAST = """
const parse = (c) => {
  const [r, g, b, a] = c.match(/[\\d.]+/g).map(Number);
  return [r, g, b, a === undefined ? 1 : a];
};
const over = (top, below) =>
  [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
const light = (c) => {
  const [r, g, b] = c.slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (node) => {
  const chain = [];
  for (let e = node; e; e = e.parentElement) chain.unshift(e);
  const own = (e) => parse(getComputedStyle(e).backgroundColor);
  return chain.reduce((color, e) => over(own(e), color), [255, 255, 255]);
};
const low = [];
for (const e of document.body.querySelectorAll("*")) {
  const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  const hidden = ["SCRIPT", "STYLE"].includes(e.tagName) || !e.getClientRects().length;
  if (!own || hidden) continue;
  const style = getComputedStyle(e);
  const ink = e instanceof SVGElement ? style.fill : style.color;
  const [a, b] = [light(parse(ink)), light(behind(e))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const large = parseFloat(style.fontSize) >= 24;
  if (ratio < (large ? 3 : 4.5)) low.push([ratio, e.tagName, e.textContent]);
}
return low;
"""
# Pictures without a text for those who do not see them.
SILENT = """
const named = (e) => e.getAttribute("alt") || e.getAttribute("aria-label")
  || e.querySelector("title");
return [...document.querySelectorAll("img, svg, .plot, [role=img]")]
  .filter((e) => !e.parentElement.closest("svg") && !named(e)).map((e) => e.outerHTML);
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Addresses of the page of a run, and of a page that compares two runs."""
    folder = tmp_path_factory.mktemp("reports")
    rng = np.random.default_rng(0)
    x, y = rng.random((90, 6, 6)).astype("float32"), rng.integers(0, 3, 90)
    for seed in range(2):
        lamina.utils.set_random_seed(seed)
        stack = [lamina.Input((6, 6)), layers.Flatten(), layers.Dense(3, "softmax")]
        model = lamina.Sequential(stack)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        path = folder / f"{seed}.html"
        names = [HOSTILE, "second", "third class with a long name"]
        report = lamina.callbacks.Report(path, class_names=names)
        model.fit(
            x, y, epochs=3, validation_split=0.3, seed=seed, verbose=0, report=report
        )
    report_runs([folder / "0.html", folder / "1.html"], folder / "both.html")
    found = {"run": folder / "0.html", "comparison": folder / "both.html"}
    return {name: path.as_uri() for name, path in found.items()}


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = str(BROWSER)
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
    )
    driver = Chrome(options=options, service=Service(str(DRIVER)))
    yield driver
    driver.quit()


def show(browser: Chrome, page: str, width: int = 900, theme: str = "light") -> None:
    """Open a page in a theme and with a width."""
    features = [{"name": "prefers-color-scheme", "value": theme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(page)
    # A click must not come while the page still scrolls.
    browser.execute_script("document.documentElement.style.scrollBehavior = 'auto'")


def requests_of(browser: Chrome) -> list[str]:
    logs: Any = browser.get_log("performance")
    messages = [json.loads(entry["message"])["message"] for entry in logs]
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["run", "comparison"])
def test_page_is_legible_and_asks_for_nothing(browser, pages, name, theme):
    browser.get_log("performance")
    show(browser, pages[name], theme=theme)
    assert browser.execute_script(CONTRAST) == []
    assert browser.execute_script(SILENT) == []
    assert browser.get_log("browser") == []
    others = [u for u in requests_of(browser) if not u.startswith("data:")]
    assert others == [pages[name]]
    script = "return getComputedStyle(document.body).backgroundColor"
    background = browser.execute_script(script)
    assert (
        background == {"light": "rgb(253, 253, 252)", "dark": "rgb(22, 24, 27)"}[theme]
    )


@pytest.mark.parametrize("name", ["run", "comparison"])
def test_page_fits_a_phone(browser, pages, name):
    show(browser, pages[name], width=360)
    script = "const e = document.documentElement; return [e.scrollWidth, e.clientWidth]"
    content, window = browser.execute_script(script)
    assert content == window <= 360
    assert len(browser.find_elements(By.CSS_SELECTOR, ".plot canvas")) >= 2


def test_pointer_shows_the_values_of_an_epoch(browser, pages):
    show(browser, pages["run"])
    plot = browser.find_element(By.CSS_SELECTOR, "#plot-0 .u-over")
    value = browser.find_element(By.CSS_SELECTOR, "#plot-0 .u-value")
    assert value.text == "–"
    ActionChains(browser).move_to_element(plot).perform()
    assert value.text == "2"
    # The pointers of all plots move together.
    other = browser.find_element(By.CSS_SELECTOR, "#plot-1 .u-value")
    assert other.text == "2"


def test_controls_change_the_plots(browser, pages):
    show(browser, pages["run"])

    def picture() -> str:
        script = "return document.querySelector('#plot-0 canvas').toDataURL()"
        return browser.execute_script(script)

    plain = picture()
    box = browser.find_element(By.ID, "log-scale")
    box.click()
    assert picture() != plain
    box.click()
    assert picture() == plain
    plot = browser.find_element(By.CSS_SELECTOR, "#plot-0 .u-over")
    chain = ActionChains(browser).move_to_element(plot).click_and_hold()
    chain.move_by_offset(150, 0).release().perform()
    assert picture() != plain
    browser.find_element(By.ID, "reset-zoom").click()
    assert picture() == plain
    assert browser.get_log("browser") == []


def test_page_prints_without_controls(browser, pages):
    show(browser, pages["run"])
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    for name in ("nav", ".controls"):
        assert not browser.find_element(By.CSS_SELECTOR, name).is_displayed()
    printed = browser.execute_cdp_cmd("Page.printToPDF", {})
    assert len(printed["data"]) > 10_000
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
