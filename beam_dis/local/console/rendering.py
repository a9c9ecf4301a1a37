"""Renders the templates of the console.

Rules:

1. Every value is escaped: no template marks a text as safe.
2. A missing value is an error, not an empty text.
"""

from __future__ import annotations

from datetime import datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.responses import HTMLResponse

from beam_dis.local.console.settings import ROOT
from beam_dis.local.console.visible import visible
from beam_dis.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
_PERIODS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def page(template: str, http_status: int = 200, **values: Any) -> HTMLResponse:
    """A page as an answer."""
    # half a surrogate in a key, which UTF-8 doesn't have, is shown by its number
    return HTMLResponse(render(template, **values).encode("utf-8", "backslashreplace"), http_status)


def render(template: str, **values: Any) -> str:
    """A template as text."""
    return _environment().get_template(template).render(values)


def error_page(status: int, message: str, code: str = "") -> HTMLResponse:
    """A page that says why something wasn't done."""
    return page("error.html", status, status=status, message=message, code=code)


def number(value: float) -> str:
    """``1234567`` → ``1,234,567``."""
    return f"{value:,.0f}"


def rate(value: float) -> str:
    """A number for each second, with as many digits as help."""
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def size(value: float) -> str:
    """``1536`` → ``1.5 KiB``."""
    for unit in _UNITS[:-1]:
        if abs(value) < 1024:
            return f"{value:,.0f} {unit}" if unit == "bytes" or value == int(value) else f"{value:,.1f} {unit}"
        value /= 1024
    return f"{value:,.1f} {_UNITS[-1]}"


def period(seconds: float) -> str:
    """``3725`` → ``1 h 2 min``: the two largest units."""
    left = int(seconds)
    parts: list[str] = []
    for length, name in _PERIODS:
        if left >= length and len(parts) < 2:
            parts.append(f"{left // length} {name}")
            left %= length
        elif parts:
            break
    return " ".join(parts) or "0 s"


def time_of(milliseconds: float) -> str:
    """Milliseconds since 1970 as ``2026-01-01 00:00:00.000``, in UTC."""
    try:
        time = datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds:.0f} ms since 1970"
    return f"{time:%Y-%m-%d %H:%M:%S}.{int(milliseconds) % 1000:03d}"


def query(**values: Any) -> str:
    """A query, without the values that are None or empty."""
    return "?" + urlencode({name: value for name, value in values.items() if value not in (None, "")})


@lru_cache(maxsize=1)
def _environment() -> Environment:
    """The templates. Jinja is imported by the first page, so that a server without visitors starts quickly."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("beam_dis.local.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(
        number=number, rate=rate, size=size, period=period, time=time_of, visible=lambda text: visible(str(text))
    )
    made.globals.update(root=ROOT, query=query, version=__version__, here="", notice=None)
    return made
