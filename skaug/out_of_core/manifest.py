"""The manifest of a folder of shards: what was cut, and which shard holds which subject."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from skaug._checks import is_whole_number

MANIFEST = "manifest.json"

#: The format of shards and of their manifest.
FORMAT = 3

_SHARD = re.compile(r"shard-(\d{6,})\.parquet")


def shard_name(i: int) -> str:
    """Return the name of the shard of the file with this number."""
    return f"shard-{i:06d}.parquet"


def shard_number(name: str) -> int | None:
    """Return the number of the file that a shard was made from; None if this is not the name of a shard."""
    match = _SHARD.fullmatch(name)
    return int(match[1]) if match and shard_name(int(match[1])) == name else None


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """Read the manifest of the shards in a folder.

    Parameters
    ----------
    folder : str or Path
        The folder that was passed to `write_shards`.

    Returns
    -------
    dict
        As `write_shards` does.

    Raises
    ------
    OSError
        If the shards were not finished.
    ValueError
        If the manifest is damaged, or of another version of skaug.
    """
    path = Path(folder) / MANIFEST
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {str(folder)!r}: check the path.")
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no {str(path)!r}: the shards are not finished. Run skaug windows again: it "
            "continues where it stopped."
        )
    try:
        manifest = json.loads(path.read_bytes())
        made_with = manifest["format"]
        if made_with == FORMAT:
            _check(manifest)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"The manifest {str(path)!r} is damaged: run skaug windows again, which keeps the shards that "
            "are whole and rewrites the manifest."
        ) from error
    if made_with != FORMAT:
        raise ValueError(
            f"The shards in {str(folder)!r} are of format {made_with!r}, but this version of skaug reads "
            f"format {FORMAT}: cut the table again, into another folder."
        )
    return manifest


def _check(manifest: dict[str, Any]) -> None:
    """Raise unless a manifest has the entries that are read, and names shards only."""
    parameters = manifest["parameters"]
    for name in ("subject", "target", "target_agg"):
        parameters[name]
    features = parameters["features"]
    is_usable = (
        isinstance(features, list)
        and all(isinstance(name, str) for name in features)
        and is_whole_number(parameters["window_size"])
        and parameters["window_size"] > 0
        and is_whole_number(manifest["windows"])
    )
    shards = [shard["file"] for shard in manifest["shards"]]
    for shard in manifest["shards"]:
        shard["source"], shard["rows"], shard["windows"], shard["sha256"]
    for held in manifest["subjects"]:
        held["subject"], held["rows"], held["windows"]
    named = {held["file"] for held in manifest["subjects"]}
    if not is_usable or None in map(shard_number, shards) or not named <= set(shards):
        raise ValueError("an entry is of another kind")
