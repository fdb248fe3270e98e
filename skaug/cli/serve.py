"""``skaug serve``: a synthesis service on this machine."""

from __future__ import annotations

import argparse
import os
from typing import Any


def add_to(commands: Any) -> None:
    """Add the command to the others."""
    parser = commands.add_parser(
        "serve",
        help="run a local synthesis service",
        description="Answer the stream endpoint of the Synthefy service on this machine, with surrogates "
        "in place of a model, one window at a time.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("--window-size", type=int, default=512, metavar="ROWS", help="default: 512")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one (default: 8000)")
    parser.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
    parser.add_argument(
        "--feature", action="append", metavar="COLUMN", help="repeat for more (default: BVP, ECG)"
    )
    parser.add_argument(
        "--delay",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="that a window takes (default: 0)",
    )
    parser.add_argument(
        "--key-env", metavar="NAME", help="the environment variable that holds the key to ask for"
    )


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    key = None
    if options.key_env is not None:
        key = os.environ.get(options.key_env)
        if not key:
            raise ValueError(f"The environment variable {options.key_env!r} holds no key: set it.")
    import_server().serve(
        options.window_size,
        port=options.port,
        host=options.host,
        features=options.feature or ("BVP", "ECG"),
        delay=options.delay,
        api_key=key,
    )


def import_server() -> Any:
    """Give the module of the server, or raise a ValueError that names the extra."""
    try:
        from skaug import server
    except ImportError as error:  # the extra is not installed
        raise ValueError(str(error)) from error
    return server
