"""The form of a request's body, and the list of what is wrong with it.

The entries are those that FastAPI and pydantic give for a body declared as ``dict[str, dict[str | int,
float | int | str | None] | str]``: a null is of the form, and refused only later.
"""

from __future__ import annotations

import json
from typing import Any

FormError = dict[str, Any]

# How pydantic names the two kinds of column that it tried.
_ROWS = "dict[union[str,int],nullable[union[float,int,str]]]"
_TEXT = "str"

_DICTIONARY = ("dict_type", "Input should be a valid dictionary")
_STRING = ("string_type", "Input should be a valid string")
_CELLS = {
    "float": ("float_type", "Input should be a valid number"),
    "int": ("int_type", "Input should be a valid integer"),
    _TEXT: _STRING,
}

NOT_READABLE: FormError = {
    "type": "json_invalid",
    "loc": ["body", 0],
    "msg": "JSON decode error",
    "input": {},
    "ctx": {"error": "The body is not text, or is nested too deeply"},
}


def read_body(body: bytes, content_type: str | None) -> tuple[Any, list[FormError]]:
    """Read a body as JSON.

    Parameters
    ----------
    body : bytes
    content_type : str, or None
        A body that is declared as something else than JSON is not read.

    Returns
    -------
    value : object
        What the body says. NaN and Infinity are read too.
    errors : list of dict
        Empty, or why it cannot be read.
    """
    if not _is_json(content_type):
        return body.decode(errors="replace"), []
    if not body:
        return None, []
    try:
        return json.loads(body), []
    except json.JSONDecodeError as error:
        place: FormError = {"loc": ["body", error.pos], "ctx": {"error": error.msg}}
        return None, [NOT_READABLE | place]
    except (ValueError, RecursionError):  # no UTF-8, thousands of digits; thousands of brackets
        return None, [NOT_READABLE]


def form_errors(body: Any) -> list[FormError]:
    """Say what of a body is not of the form: columns, each a dictionary of rows or a string.

    Parameters
    ----------
    body : object
        As `read_body` gives it.

    Returns
    -------
    list of dict
        Each with ``type``, ``loc``, ``msg`` and ``input``, which echoes what was sent. Empty where
        the body is of the form.
    """
    if body is None:
        return [_error(("missing", "Field required"), [], None)]
    if not isinstance(body, dict):
        return [_error(_DICTIONARY, [], body)]
    errors: list[FormError] = []
    for name, column in body.items():
        if isinstance(column, str):
            continue
        if isinstance(column, dict):
            wrong = _cell_errors(name, column)
        else:
            wrong = [_error(_DICTIONARY, [name, _ROWS], column)]
        if wrong:
            errors += [*wrong, _error(_STRING, [name, _TEXT], column)]
    return errors


def _cell_errors(name: str, column: dict[str, Any]) -> list[FormError]:
    return [
        _error(expected, [name, _ROWS, row, kind], value)
        for row, value in column.items()
        if isinstance(value, list | dict)
        for kind, expected in _CELLS.items()
    ]


def _error(expected: tuple[str, str], place: list[str], value: Any) -> FormError:
    kind, message = expected
    return {"type": kind, "loc": ["body", *place], "msg": message, "input": value}


def _is_json(content_type: str | None) -> bool:
    if content_type is None:
        return True
    kind, _, subtype = content_type.partition(";")[0].strip().lower().partition("/")
    return kind == "application" and (subtype == "json" or subtype.endswith("+json"))
