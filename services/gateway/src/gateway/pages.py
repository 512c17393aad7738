"""Renders the citizens' pages, and says with each what its browser may do."""

import hashlib
from datetime import datetime, timedelta, timezone
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import segno
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse

from gateway.texts import texts_of

_HERE = Path(__file__).parent
STYLE = (_HERE / "static" / "style.css").read_bytes()
SCRIPT = (_HERE / "static" / "follow.js").read_bytes()
MARK = (_HERE / "static" / "mark.svg").read_bytes()
_JAPAN = timezone(timedelta(hours=9))
_QUIET_ZONE = 4
# Scoring all eight masks takes three quarters of the time; links are random, so one mask is as good as another.
_MASK = 3

_environment = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
# The address changes with the content, so that browsers may keep both for long.
_environment.globals["style"] = f"/static/style.css?v={hashlib.sha256(STYLE).hexdigest()[:12]}"
_environment.globals["mark"] = f"/static/mark.svg?v={hashlib.sha256(MARK).hexdigest()[:12]}"
_environment.globals["script"] = f"/static/follow.js?v={hashlib.sha256(SCRIPT).hexdigest()[:12]}"


def document(
    template: str, language: str, status: int = 200, *, forms: str = "'none'", frame: bool = False, **values: Any
) -> HTMLResponse:
    """Returns a page in a language; `values` are what its template names, `forms` where its forms may lead."""
    other = "en" if language == "ja" else "ja"
    content = _environment.get_template(template).render(lang=language, other=other, t=texts_of(language), **values)
    headers = {
        "cache-control": "no-store",
        "content-language": language,
        "content-security-policy": _policy(forms, frame=frame),
        "referrer-policy": "no-referrer",
    }
    if frame:
        headers["x-frame-options"] = "SAMEORIGIN"
    return HTMLResponse(content, status, headers)


def login_document(
    template: str, language: str, status: int = 200, *, redirect_uri: str, **values: Any
) -> HTMLResponse:
    """Returns a page of a login, whose forms may end at the relying party.

    Chromium applies form-action to every redirect that follows a form, also to those by which a relying party goes on from
    its redirect URI to another origin of its own, which nobody here knows. So schemes stand in it, and that of the redirect
    URI where it is another than https.
    """
    scheme = f"{urlsplit(redirect_uri).scheme}:"
    also = "" if scheme == "https:" else f" {scheme}"
    return document(template, language, status, forms=f"'self' https:{also}", **values)


def error_page(reason: str, language: str, status: int) -> HTMLResponse:
    """Returns the page for something that cannot go on; `reason` is a key of the texts."""
    return document("error.html", language, status, reason=reason)


def qr_frame(content: str, language: str, *, refresh: float, click: str | None) -> HTMLResponse:
    """Returns the frame with a QR code; it loads itself again after `refresh` seconds."""
    strokes, size = drawn(content)
    return document(
        "qr.html",
        language,
        frame=True,
        strokes=strokes,
        size=size,
        refresh=max(1, int(refresh)),
        click=click,
        # What the code says, in words for programs: in the sandbox only.
        link=content if click else None,
    )


def frame_note(reason: str, language: str, status: int, *, refresh: int | None) -> HTMLResponse:
    """Returns what stands in the frame in place of a QR code; with `refresh` it is asked for again after so many seconds."""
    return document("frame_note.html", language, status, frame=True, reason=reason, refresh=refresh)


def time_of_day(at: float) -> str:
    """Returns hours and minutes in Japan."""
    return datetime.fromtimestamp(at, _JAPAN).strftime("%H:%M")


def drawn(content: str) -> tuple[str, int]:
    """Returns a QR code as an SVG path, each run of dark modules a stroke of height 1, and its size with quiet zone."""
    matrix = segno.make(content, error="m", micro=False, boost_error=False, mask=_MASK).matrix
    strokes: list[str] = []
    for y, row in enumerate(matrix, _QUIET_ZONE):
        x = _QUIET_ZONE
        for dark, run in groupby(row):
            length = len(list(run))
            if dark:
                strokes.append(f"M{x} {y}.5h{length}")
            x += length
    return "".join(strokes), len(matrix) + 2 * _QUIET_ZONE


def _policy(forms: str, *, frame: bool) -> str:
    ancestors = "'self'" if frame else "'none'"
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; frame-src 'self'; "
        f"form-action {forms}; frame-ancestors {ancestors}; base-uri 'none'"
    )
