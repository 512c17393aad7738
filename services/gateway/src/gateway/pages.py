"""Renders the citizens' pages."""

from pathlib import Path

import segno
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse

from gateway.texts import texts_of

_HERE = Path(__file__).parent
_environment = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
STYLE = (_HERE / "static" / "style.css").read_bytes()
SCRIPT = (_HERE / "static" / "wait.js").read_bytes()
# Nothing inline and nothing from elsewhere; forms may lead to relying parties only by a redirect of ours.
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; frame-src 'self';"
    " frame-ancestors {ancestors}; base-uri 'none'"
)
PAGE_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": _POLICY.format(ancestors="'none'"),
    "referrer-policy": "no-referrer",
}
FRAME_HEADERS = {
    **PAGE_HEADERS,
    "content-security-policy": _POLICY.format(ancestors="'self'"),
    "x-frame-options": "SAMEORIGIN",
}


def page(
    template: str, language: str, status: int = 200, headers: dict[str, str] | None = None, **values: object
) -> HTMLResponse:
    """Returns a page in a language; `values` are what its template names."""
    other = "en" if language == "ja" else "ja"
    content = _environment.get_template(template).render(
        lang=language, other=other, t=texts_of(language), values=values, **values
    )
    return HTMLResponse(content, status, {**PAGE_HEADERS, "content-language": language, **(headers or {})})


def error_page(reason: str, language: str, status: int) -> HTMLResponse:
    """Returns the page for something that cannot go on; `reason` is a key of the texts."""
    return page("error.html", language, status, reason=reason)


def qr_svg(content: str) -> str:
    """Returns a QR code as an SVG element, dark on light whatever the colour scheme."""
    code = segno.make(content, error="m", micro=False)
    return str(code.svg_inline(scale=1, border=3, dark="#10222b", light="#ffffff", omitsize=True))
