"""Debian's Chromium through Playwright, which trusts the certificate of one sandbox and nothing else that is untrusted."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

EXECUTABLE = "/usr/bin/chromium"
PICTURES = Path(__file__).resolve().parents[2] / ".sandbox" / "pictures"
_SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_PATIENCE_MS = 30_000
DESKTOP = {"width": 1280, "height": 900}
MOBILE = {"width": 390, "height": 844}


@contextmanager
def chromium(certificate: Path) -> Iterator[Browser]:
    """Starts Chromium; of all certificates without a known authority it takes those with this certificate's key."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pin = base64.b64encode(hashlib.sha256(spki).digest()).decode()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=EXECUTABLE, args=[*_SWITCHES, f"--ignore-certificate-errors-spki-list={pin}"]
        )
        yield browser
        browser.close()


@contextmanager
def person(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """A browser of one person: its own cookies, Japanese, and no error of a page goes unnoticed."""
    context = browser.new_context(**{"locale": "ja-JP", "viewport": DESKTOP, **options})
    context.set_default_timeout(_PATIENCE_MS)
    faults: list[str] = []
    context.on("weberror", lambda fault: faults.append(str(fault.error)))
    context.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    yield context
    context.close()
    # A refused request is the page's own business; what the pages' policy blocks, or a script that fails, is ours.
    assert [fault for fault in faults if "Failed to load resource" not in fault] == []


def picture(page: Page, name: str) -> None:
    """Takes a picture of the whole page, to be looked at by people."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


def in_scheme(page: Page, scheme: str, take: Callable[[], None]) -> None:
    """Does something while the page is shown light or dark."""
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    take()
    page.emulate_media(color_scheme="light")
