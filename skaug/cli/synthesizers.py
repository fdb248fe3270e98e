"""The synthesizers that an option names: ``rate:method=shift,local=0.3``."""

from __future__ import annotations

import argparse
import ast
import inspect
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from skaug.synthesis import (
    MixupSynthesizer,
    RateSynthesizer,
    SpectralSynthesizer,
    SurrogateSynthesizer,
    Synthesizer,
)

SYNTHESIZERS: dict[str, type[Synthesizer]] = {
    "surrogate": SurrogateSynthesizer,
    "rate": RateSynthesizer,
    "mixup": MixupSynthesizer,
    "spectral": SpectralSynthesizer,
}

# Parameters that have an option of their own.
_SET_ELSEWHERE = ("sampling_rate", "random_state")

# The parameter that --rate-channel sets, unless it is passed.
_RATE_CHANNELS = {"rate": "channels", "spectral": "rate_channels"}

# Parameters that are lists of columns.
_COLUMNS = ("channels", "rate_channels", "columns")


class Choice(NamedTuple):
    """A synthesizer as it was chosen.

    Attributes
    ----------
    text : str
        The value of the option.
    name : str
        A key of `SYNTHESIZERS`.
    values : dict of str to object
        Its parameters.
    """

    text: str
    name: str
    values: dict[str, Any]


def add_synthesizers(parser: Any) -> None:
    """Add the option that chooses synthesizers."""
    keys = "; ".join(f"{name}: {', '.join(_parameters(name)) or 'none'}" for name in SYNTHESIZERS)
    parser.add_argument(
        "--synthesizer",
        type=choice,
        action="append",
        default=[],
        metavar="NAME[:KEY=VALUE,...]",
        help=f"what makes synthetic windows; repeat to compare several on the same folds (default: "
        f"surrogate). Name all channels that carry the rhythm, rate:channels=A,B, if it is in more than "
        f"--rate-channel. Names and their keys: {keys}",
    )


def choice(text: str) -> Choice:
    """Parse a name and parameters; values are numbers, True, False, None or else text."""
    name, _, rest = text.partition(":")
    if name not in SYNTHESIZERS:
        raise argparse.ArgumentTypeError(
            f"{name!r} is not a synthesizer: use {' or '.join(SYNTHESIZERS)}"
        )
    values: dict[str, Any] = {}
    # A comma within a value is not followed by another key.
    for part in re.split(r",(?=\s*\w+\s*=)", rest) if rest else []:
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if key not in _parameters(name) or not equals:
            known = _parameters(name)
            raise argparse.ArgumentTypeError(
                f"{part.strip()!r} sets no parameter of {name}: "
                + (f"use KEY=VALUE with {' or '.join(known)}" if known else "it has none")
            )
        if key in values:
            raise argparse.ArgumentTypeError(f"{text!r} sets {key} twice: leave one out")
        values[key] = _columns(value) if key in _COLUMNS else _literal(value)
    return Choice(text.strip(), name, values)


def synthesizers_of(
    choices: Sequence[Choice], *, sampling_rate: float | None, rate_channel: str | None, seed: int
) -> dict[str, Synthesizer]:
    """Build the synthesizers, by the names that tell them apart; surrogates if none was chosen.

    Parameters
    ----------
    choices : sequence of Choice
        The values of the option.
    sampling_rate : float or None
        In Hz; None if it was not passed.
    rate_channel : str or None
        The channel that carries the rhythm, by default.
    seed : int
        The seed of each synthesizer.

    Raises
    ------
    ValueError
        If a synthesizer was chosen twice, or needs the sampling rate.
    """
    choices = choices or [choice("surrogate")]
    times = Counter(chosen.name for chosen in choices)
    built: dict[str, Synthesizer] = {}
    for text, name, values in choices:
        label = name if times[name] == 1 else text
        if label in built:
            raise ValueError(f"--synthesizer {text} was passed twice: leave one out.")
        parameters = inspect.signature(SYNTHESIZERS[name]).parameters
        known: dict[str, Any] = {"random_state": seed}
        if "sampling_rate" in parameters:
            if sampling_rate is None:
                raise ValueError(
                    f"--synthesizer {name} needs the sampling rate in Hz: pass --sampling-rate."
                )
            known["sampling_rate"] = sampling_rate
        if name in _RATE_CHANNELS and rate_channel is not None:
            known[_RATE_CHANNELS[name]] = [rate_channel]
        built[label] = SYNTHESIZERS[name](**(known | values))
    return built


def _parameters(name: str) -> list[str]:
    parameters = inspect.signature(SYNTHESIZERS[name]).parameters
    return [key for key in parameters if key not in _SET_ELSEWHERE]


def _literal(text: str) -> Any:
    """Return the number, truth value, None or list that a text spells; else the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _columns(text: str) -> list[str]:
    """Return names of columns that are separated by commas, or spelled as a Python list."""
    names = _literal(text) if text.startswith("[") else text
    if isinstance(names, str):
        names = text.strip("[]").split(",")
    return [str(name).strip() for name in names]
