"""What kind of body a call takes in: JSON in UTF-8, not packed."""

from fastapi import Request

from service.api.errors import Problem

JSON_TYPES = ("application/json",)
PATCH_TYPES = ("application/merge-patch+json", "application/json")


def check_media_type(request: Request, types: tuple[str, ...]) -> None:
    """Raise the 415 of a body that is not what the route takes in."""
    found, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.lower().replace(" ", "").replace('"', "")
    plain = request.headers.get("content-encoding", "identity").lower() == "identity"
    if found.strip().lower() not in types or not plain or charset not in ("", "charset=utf-8"):
        headers = {"Accept-Patch": types[0]} if request.method == "PATCH" else {"Accept": types[0]}
        raise Problem("wrong-media-type", f"This call takes {types[0]} in UTF-8.", headers=headers)
