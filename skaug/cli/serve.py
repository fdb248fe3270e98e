"""``skaug serve``: a synthesis service on this machine."""

from __future__ import annotations

import argparse
import os
from typing import Any

from skaug.cli.option_types import number, whole_number

SUMMARY = "run a synthesis service on this machine"
DESCRIPTION = (
    "Answer requests for synthetic windows on this machine as the stream endpoint of the Synthefy service "
    "does, with phase-randomized surrogates in place of a model, one window at a time. For trying out and "
    "testing programs that use the service."
)
USAGE = "%(prog)s [options]"
EXAMPLES = """\
# For windows of the channels BVP and ECG, at http://127.0.0.1:8000
skaug serve
# For other channels, and with a key that requests must have
skaug serve --feature ACC_x --feature ACC_y --window-size 256 --key-env MY_KEY
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "--window-size",
        type=whole_number(3),
        default=512,
        metavar="ROWS",
        help="rows per window (default: 512)",
    )
    parser.add_argument(
        "--feature",
        action="append",
        metavar="COLUMN",
        help="a channel to synthesize; repeat for more (default: BVP, ECG)",
    )
    parser.add_argument(
        "--port",
        type=whole_number(0, 65535),
        default=8000,
        help="port to listen on; 0 is any free one (default: 8000)",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default: 127.0.0.1, which only this machine reaches)",
    )
    parser.add_argument(
        "--delay",
        type=number(least=0),
        default=0.0,
        metavar="SECONDS",
        help="seconds that a window takes (default: 0)",
    )
    parser.add_argument(
        "--key-env",
        metavar="NAME",
        help="environment variable with the API key that requests must have (default: no key)",
    )


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    key = None
    if options.key_env is not None:
        key = os.environ.get(options.key_env)
        if not key:
            raise ValueError(
                f"The environment variable {options.key_env!r} of --key-env is not set: set it to the key."
            )
    import_server().serve(
        options.window_size,
        port=options.port,
        host=options.host,
        features=options.feature or ("BVP", "ECG"),
        delay=options.delay,
        api_key=key,
    )


def import_server() -> Any:
    """Import the module of the server, or raise a ValueError that names the extra."""
    try:
        from skaug import server
    except ImportError as error:  # the extra is not installed
        raise ValueError(str(error)) from error
    return server
