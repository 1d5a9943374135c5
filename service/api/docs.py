"""The contract as a page to read and to try; all of it comes from here, so it needs no other host."""

from pathlib import Path

import fastapi_offline
from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import FileResponse, Response

from service.api.errors import Problem

router = APIRouter(tags=["catalogues"], include_in_schema=False)

FOLDER = Path(fastapi_offline.__file__).parent / "static"
SCRIPT, STYLE, ICON = FILES = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png")
POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; script-src 'self' 'unsafe-inline'; "
    "style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
)


@router.get("/docs")
async def docs(request: Request) -> Response:
    """Return the page; its addresses are relative, so that it may stand behind any prefix."""
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=f"{request.app.title} {request.app.version}",
        swagger_js_url=f"docs/{SCRIPT}",
        swagger_css_url=f"docs/{STYLE}",
        swagger_favicon_url=f"docs/{ICON}",
    )
    page.headers["Content-Security-Policy"] = POLICY
    return page


@router.get("/docs/{file}")
async def docs_file(file: str) -> Response:
    """Return one of the files that the page loads; raises the 404 of any other."""
    if file not in FILES:
        raise Problem("not-found")
    return FileResponse(FOLDER / file, headers={"Cache-Control": "public, max-age=86400"})
