"""A person in front of the Prefect UI: a headless browser that is already installed, clicking and typing."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Error, Locator, Page, TimeoutError, sync_playwright  # noqa: A004 - its own

ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
PATIENCE_MILLISECONDS = 90_000
LONG_MILLISECONDS = 240_000
"""Until a run has begun, or ended."""
ATTEMPTS = 5
ENDED = re.compile("^(Completed|Failed|Crashed|Cancelled)$")


def chromium() -> str:
    """Where the browser lies; a test that needs it is skipped where there is none."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium is installed here (Debian: apt-get install chromium)")
    return found


class Person:
    """What somebody does in the UI, whose pages begin at `url`; what they saw last is kept as a picture in `folder`."""

    def __init__(self, page: Page, url: str, folder: Path) -> None:
        self.page, self._url, self._folder = page, url, folder

    def opens(self, entry: str) -> None:
        """From the navigation at the left."""
        if not self.page.url.startswith(self._url):
            self.page.goto(self._url)
        self.page.get_by_role("link", name=entry, exact=True).first.click()

    def looks(self, name: str) -> None:
        self.page.screenshot(path=self._folder / f"{name}.png")

    def makes_block(self, kind: str, name: str, fields: Mapping[str, str]) -> None:
        """By the name of its kind on the card, and the labels of its fields."""
        page = self.page
        self.opens("Blocks")
        page.locator("a[href$='/blocks/catalog']").first.click()
        card = page.locator("[data-slot=card]").filter(has=page.get_by_text(kind, exact=True))
        card.get_by_role("link", name="Create").click()
        self._types({"Name": name, **fields})
        self.looks(f"block-{name}")
        self._presses("Save", page.get_by_text("Paste this snippet"))
        self.looks(f"saved-{name}")

    def _types(self, fields: Mapping[str, str]) -> None:
        """Until all of it stands there: a page that draws itself anew forgets what was typed while it did."""
        boxes = {
            label: self.page.get_by_label(label, exact=True).or_(
                self.page.get_by_label(f"{label} (Optional)", exact=True)
            )
            for label in fields
        }
        for _ in range(ATTEMPTS):
            for label, value in fields.items():
                boxes[label].fill(value)
            self.page.wait_for_load_state("networkidle")
            if all(boxes[label].input_value() == value for label, value in fields.items()):
                return
        pytest.fail(f"The form does not keep what is typed into it: {', '.join(fields)}.")

    def _presses(self, button: str, outcome: Locator) -> None:
        """Until something comes of it: a page that draws itself anew misses what is pressed while it does."""
        for _ in range(ATTEMPTS):
            self.page.get_by_role("button", name=button, exact=True).click()
            with suppress(TimeoutError):
                outcome.first.wait_for(timeout=PATIENCE_MILLISECONDS / ATTEMPTS)
                return
        pytest.fail(f"Nothing comes of pressing {button}.")

    def runs(
        self, deployment: str, tabs: Sequence[str], blocks: Mapping[str, str], choices: Mapping[str, str],
        fields: Mapping[str, str],
    ) -> None:  # fmt: skip
        """With saved blocks, each by its kind's tab and its name, in the order of the form; then what stands
        below these tabs, picked from lists by their labels, and what is typed.
        """
        page = self.page
        self.opens("Deployments")
        page.get_by_role("link", name=deployment, exact=True).first.click()
        page.get_by_role("button", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Custom run").click()
        for tab, name in blocks.items():
            page.get_by_role("tab", name=tab, exact=True).first.click()
            page.get_by_role("button", name="Select a block").filter(has_text="Select a block").first.click()
            page.get_by_role("option", name=name, exact=True).click()
        for tab in tabs:
            page.get_by_role("tab", name=tab, exact=True).first.click()
        for label, value in choices.items():
            self._field(label).locator("fieldset button").first.click()
            page.get_by_role("option", name=value, exact=True).click()
            page.get_by_role("option", name=value, exact=True).wait_for(state="hidden")
        self.looks("run-form")
        self._types(fields)
        self._presses("Submit", page.get_by_text("View run"))
        page.get_by_text("View run").first.click()
        page.get_by_role("tab", name="Job Variables").wait_for()

    def _field(self, label: str) -> Locator:
        """A field of a form with all that belongs to it: lists have no label that a browser knows of."""
        named = self.page.locator("label").filter(has_text=re.compile(rf"^{re.escape(label)}( \(Optional\))?$")).first
        return named.locator("xpath=ancestor::div[contains(@class,'group')][1]")

    def sees_artifact(self, key: str) -> None:
        """On the page of the run that is looked at; that of one that has ended is loaded again, as people do."""
        for _ in range(ATTEMPTS):
            self.page.get_by_role("tab", name="Artifacts").click(timeout=LONG_MILLISECONDS)  # there once the run began
            with suppress(TimeoutError):
                self.page.get_by_text(key, exact=True).first.wait_for(timeout=LONG_MILLISECONDS / 10)
                self.looks(key)
                return
            self.page.reload()
        pytest.fail(f"The page of the run shows no artifact {key}.")

    def downloads(self, artifact: str) -> tuple[Path, str]:
        """What the link in an artifact of the run leads to, and all that the artifact says."""
        page = self.page
        page.get_by_text(artifact, exact=True).first.click()  # leads to all of this name, each by the start of its id
        page.get_by_role("link", name=re.compile("^[0-9a-f]{8}$")).first.click()
        link = page.get_by_role("link", name="download", exact=True).first
        address, said = link.get_attribute("href") or "", page.content()
        self.looks("summary")
        with page.expect_download() as found, suppress(Error):  # a page that turns out to be a file is no page
            page.goto(address)
        return Path(found.value.path()), said

    def waits_for_the_end(self) -> str:
        """What the run that is looked at came to, which its page shows by itself."""
        ended = self.page.get_by_text(ENDED).first
        ended.wait_for(timeout=LONG_MILLISECONDS)
        return ended.inner_text()


@contextmanager
def person(url: str, folder: Path) -> Iterator[Person]:
    """Meanwhile no coroutine runs in this thread but the browser's: Prefect is to be asked before or afterwards."""
    executable = chromium()
    pictures = Path(os.environ.get("OUTHAUL_TEST_SCREENSHOTS") or folder / "screenshots")
    pictures.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 1400})
            page.set_default_timeout(PATIENCE_MILLISECONDS)
            one = Person(page, url, pictures)
            try:
                yield one
            except BaseException:
                one.looks("last")
                raise
        finally:
            browser.close()
