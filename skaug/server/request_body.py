"""The body of a request: read up to a limit, then parsed into columns."""

from __future__ import annotations

import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

#: A window of 512 rows of 21 columns takes about 0.3 MB.
MAX_BYTES = 32 * 2**20

_FORM = "The body must be a JSON object of columns, each an object of row numbers and values."


async def read_body(request: Request) -> bytes:
    """Read the body of a request.

    Raises
    ------
    HTTPException
        413 once more than `MAX_BYTES` have arrived.
    ClientDisconnect
        If the client leaves before the end.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise HTTPException(413, f"The body is larger than {MAX_BYTES // 2**20} MiB.")
    return bytes(body)


def parse_columns(body: bytes, content_type: str | None) -> dict[str, Any]:
    """Parse a body into columns: objects of values by row, or text, as the constraints are.

    Parameters
    ----------
    body : bytes
        JSON. NaN and Infinity, which JSON does not have, are read too.
    content_type : str or None
        The media type that the request declares, if any.

    Raises
    ------
    HTTPException
        422 if the body is anything else or is declared as anything but JSON.
    """
    try:
        columns = json.loads(body) if _is_json(content_type) else None
    except (ValueError, RecursionError):  # not JSON or not UTF-8; thousands of digits or brackets
        columns = None
    if not isinstance(columns, dict) or not all(map(_is_column, columns.values())):
        raise HTTPException(422, _FORM)
    return columns


def _is_json(content_type: str | None) -> bool:
    kind = (content_type or "application/json").partition(";")[0].strip().lower()
    return kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )


def _is_column(column: Any) -> bool:
    if isinstance(column, dict):
        return not any(isinstance(value, list | dict) for value in column.values())
    return isinstance(column, str)
