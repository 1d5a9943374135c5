"""Browsers: what pages of some origins may send and read across origins; never a cookie, so never anybody's login."""

from collections.abc import Sequence
from typing import Any

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SENT = ("Authorization", "Content-Type", "If-Match", "If-None-Match", "Evenkeel-Organization", "Last-Event-ID")
READ = ("ETag", "Location", "Link", "Retry-After", "Content-Language", "X-Request-Id")
KEPT_SECONDS = 600  # by a browser, before it asks again whether it may


def of_browsers(origins: Sequence[str]) -> dict[str, Any]:
    """Return how the framework's layer for cross-origin requests lets in pages of some origins."""
    return {
        "allow_origins": list(origins),
        "allow_methods": METHODS,
        "allow_headers": SENT,
        "expose_headers": READ,
        "allow_credentials": False,
        "max_age": KEPT_SECONDS,
    }
