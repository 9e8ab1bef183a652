"""A headless Chromium that looks at one file after the other."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SKIPPED = 77
_LOAD_S = 60
_OPTIONS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-dev-shm-usage",
    "--hide-scrollbars",
]  # fmt: skip
# Program or module, and Debian's package of it.
_NEEDED = {"chromium": "chromium", "chromedriver": "chromium-driver"}


def skip_without_browser() -> None:
    """End the test as skipped where there is no browser, saying what to install."""
    missing = [package for program, package in _NEEDED.items() if not shutil.which(program)]
    try:
        import selenium  # noqa: F401 # pylint: disable=import-outside-toplevel,unused-import
    except ImportError:
        missing.append("python3-selenium")
    if missing:
        print(f"skipped: not installed: apt-get install {' '.join(missing)}")
        sys.exit(SKIPPED)


class Browser:
    """The browser; its profile is in `room`, and it is asked for nothing but files."""

    def __init__(self, room: Path) -> None:
        # pylint: disable=import-outside-toplevel # the test is skipped without it
        from selenium import webdriver
        from selenium.webdriver.chrome.options import Options
        from selenium.webdriver.chrome.service import Service

        options: Any = Options()
        options.binary_location = shutil.which("chromium")
        for option in [*_OPTIONS, f"--user-data-dir={room}"]:
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = Service(shutil.which("chromedriver") or "", env={**os.environ, "HOME": str(room)})
        self._driver: Any = webdriver.Chrome(service=service, options=options)
        self._driver.set_page_load_timeout(_LOAD_S)
        self._driver.set_script_timeout(_LOAD_S)

    def close(self) -> None:
        """End it and its driver."""
        self._driver.quit()

    def prefer(self, scheme: str, media: str = "screen") -> None:
        """Be the browser of a reader who likes it light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._cdp("Emulation.setEmulatedMedia", {"media": media, "features": features})

    def show(self, page: Path, width: int) -> None:
        """Load a page in a window so wide."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self._cdp("Emulation.setDeviceMetricsOverride", size)
        self.complaints()
        self._driver.get(page.as_uri())

    def complaints(self) -> list[str]:
        """What the browser said on its console since it was asked last."""
        return [entry["message"] for entry in self._driver.get_log("browser")]

    def ask(self, script: str) -> Any:
        """The value of a script in the page."""
        return self._driver.execute_script(script)

    def _cdp(self, command: str, words: Mapping[str, Any]) -> None:
        self._driver.execute_cdp_cmd(command, dict(words))
