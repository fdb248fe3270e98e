"""The synthesizers that an option names: ``rate:method=shift,local=0.3``."""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from skaug._checks import is_finite_number
from skaug.cli.imported import imported, is_place
from skaug.synthesis import (
    ChoiceSynthesizer,
    Drift,
    FrequencyMask,
    Jitter,
    MagnitudeWarp,
    Mask,
    MixupSynthesizer,
    Permute,
    RateSynthesizer,
    Rotate,
    Scale,
    SpectralSynthesizer,
    SurrogateSynthesizer,
    Synthesizer,
    TimeShift,
    TimeWarp,
    Transform,
    TransformSynthesizer,
)

SYNTHESIZERS: dict[str, type[Synthesizer]] = {
    "surrogate": SurrogateSynthesizer,
    "rate": RateSynthesizer,
    "mixup": MixupSynthesizer,
    "spectral": SpectralSynthesizer,
    "transform": TransformSynthesizer,
}

#: The transforms of ``transform:jitter=0.1,scale``. A value sets the first parameter.
TRANSFORMS: dict[str, type[Transform]] = {
    "jitter": Jitter,
    "scale": Scale,
    "drift": Drift,
    "magnitude_warp": MagnitudeWarp,
    "time_warp": TimeWarp,
    "time_shift": TimeShift,
    "permute": Permute,
    "mask": Mask,
    "rotate": Rotate,
    "frequency_mask": FrequencyMask,
}

_INDENT = " " * 18
_MEANINGS = {
    "surrogate": "phase-randomized windows, which keep their spectrum and label",
    "rate": "windows with another rate, and the label to match. Name all channels that carry the rhythm, "
    "rate:channels=A,B, if it is not in --rate-channel only",
    "mixup": "mixtures of windows with similar labels, or of the same class",
    "spectral": "windows drawn from a model of spectra, given the label",
    "transform": "real windows, changed by transforms in the order in which they are named, each with "
    "probability p: transform:jitter=0.1,scale=0.1,drift,p=0.5",
    "rate+surrogate": "one of several for each window, drawn at random",
    "MODULE:OBJECT": "your own, from a module in the current folder: a synthesizer, or a class or a "
    "function without arguments that makes one",
}

# Parameters that have an option of their own, or are spelled otherwise.
_SET_ELSEWHERE = ("sampling_rate", "random_state", "transforms")

# The parameter that --rate-channel sets, unless it is passed.
_RATE_CHANNELS = {"rate": "channels", "spectral": "rate_channels"}

# Keys with a list of columns.
_COLUMNS = ("channels", "rate_channels", "columns", "rotate")

_PLUS = re.compile(rf"\+(?=\s*(?:{'|'.join(SYNTHESIZERS)})\s*(?:[:+]|$))")

# A comma within a value is followed neither by another key nor by the name of a transform.
_COMMA = re.compile(rf",(?=\s*(?:\w+\s*=|(?:{'|'.join(TRANSFORMS)})\s*(?:,|$)))")


class Choice(NamedTuple):
    """A synthesizer as it was chosen.

    Attributes
    ----------
    text : str
        The value of the option.
    name : str
        A key of `SYNTHESIZERS`, several with ``+`` between them, or ``module:object``.
    values : dict of str to object
        Its parameters.
    parts : tuple of Choice
        The synthesizers that ``+`` joins.
    """

    text: str
    name: str
    values: dict[str, Any]
    parts: tuple[Choice, ...] = ()


def listed() -> str:
    """Return one paragraph per synthesizer: its name, its meaning and its keys."""
    return "\n".join(_paragraphs())


def _paragraphs() -> Iterator[str]:
    for name, what in _MEANINGS.items():
        yield _filled(what, f"  {name:<16}")
        if keys := ", ".join(keys_of(name) if name in SYNTHESIZERS else ()):
            yield _filled(f"keys: {keys}", _INDENT)


def _filled(text: str, start: str) -> str:
    return textwrap.fill(
        text, 76, initial_indent=start, subsequent_indent=_INDENT, break_on_hyphens=False
    )


def choice(text: str) -> Choice:
    """Parse names and parameters; values are numbers, True, False, None or else text."""
    text = text.strip()
    if is_place(text) and text.partition(":")[0] not in SYNTHESIZERS:
        return Choice(text, text, {})
    parts = tuple(_parsed(part.strip()) for part in _PLUS.split(text))
    if len(parts) == 1:
        return parts[0]
    twice = [part for part, n in Counter(part.text for part in parts).items() if n > 1]
    if twice:
        raise argparse.ArgumentTypeError(f"{text!r} names {twice[0]} twice: leave one out")
    return Choice(text, "+".join(part.name for part in parts), {}, parts)


def synthesizers_of(
    choices: Sequence[Choice], *, sampling_rate: float | None, rate_channel: str | None, seed: int
) -> dict[str, Synthesizer]:
    """Build the synthesizers, by unique names; surrogates if none was chosen.

    Parameters
    ----------
    choices : sequence of Choice
        The values of the option.
    sampling_rate : float or None
        In Hz; None if it was not passed.
    rate_channel : str or None
        The channel that carries the rhythm, by default.
    seed : int
        The seed of each synthesizer, except those that are imported.

    Raises
    ------
    ValueError
        If a synthesizer was chosen twice, needs the sampling rate, or cannot be imported.
    """
    choices = choices or [choice("surrogate")]
    times = Counter(chosen.name for chosen in choices)
    built: dict[str, Synthesizer] = {}
    for chosen in choices:
        label = chosen.name if times[chosen.name] == 1 else chosen.text
        if label in built:
            raise ValueError(f"--synthesizer {chosen.text} was passed twice: leave one out.")
        built[label] = _built(
            chosen, sampling_rate=sampling_rate, rate_channel=rate_channel, seed=seed
        )
    return built


def _parsed(text: str) -> Choice:
    """Parse one name with its parameters."""
    name, _, rest = (piece.strip() for piece in text.partition(":"))
    if name not in SYNTHESIZERS:
        wrong = next(one for one in map(str.strip, name.split("+")) if one not in SYNTHESIZERS)
        raise argparse.ArgumentTypeError(
            f"{wrong!r} is not a synthesizer: use {' or '.join(SYNTHESIZERS)}, or MODULE:OBJECT for your own"
        )
    values: dict[str, Any] = {}
    for part in _COMMA.split(rest) if rest else []:
        key, equals, value = (piece.strip() for piece in part.partition("="))
        is_bare = name == "transform" and key in TRANSFORMS and not equals
        if key not in keys_of(name) or not (equals or is_bare):
            known = keys_of(name)
            raise argparse.ArgumentTypeError(
                f"{part.strip()!r} sets no parameter of {name}: "
                + (f"use KEY=VALUE with {' or '.join(known)}" if known else "it has none")
            )
        if key in values:
            raise argparse.ArgumentTypeError(f"{text!r} sets {key} twice: leave one out")
        values[key] = () if is_bare else _columns(value) if key in _COLUMNS else _literal(value)
    if name == "transform":
        values = _transforms(values)
    return Choice(text, name, values)


def _transforms(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a `TransformSynthesizer`."""
    transforms = []
    for key, value in values.items():
        if key not in TRANSFORMS:
            continue
        if key not in _COLUMNS and value != () and not is_finite_number(value):
            raise argparse.ArgumentTypeError(f"'{key}={value}' of transform must be a number")
        transforms.append(TRANSFORMS[key](*([] if value == () else [value])))
    if not transforms:
        raise argparse.ArgumentTypeError(
            f"transform needs at least one of {', '.join(TRANSFORMS)}, such as transform:jitter=0.1,scale"
        )
    others = {key: value for key, value in values.items() if key not in TRANSFORMS}
    return {"transforms": transforms} | others


def _built(
    chosen: Choice, *, sampling_rate: float | None, rate_channel: str | None, seed: int
) -> Synthesizer:
    """Build one synthesizer."""
    name, known = chosen.name, dict[str, Any](random_state=seed)
    if chosen.parts:
        times = Counter(part.name for part in chosen.parts)
        members = [
            (
                part.name if times[part.name] == 1 else f"{part.name} {nth}",
                _built(part, sampling_rate=sampling_rate, rate_channel=rate_channel, seed=seed),
            )
            for nth, part in enumerate(chosen.parts, 1)
        ]
        return ChoiceSynthesizer(members, **known)
    if name not in SYNTHESIZERS:
        return imported(name)
    if "sampling_rate" in inspect.signature(SYNTHESIZERS[name]).parameters:
        if sampling_rate is None:
            raise ValueError(
                f"--synthesizer {name} needs the sampling rate in Hz: pass --sampling-rate."
            )
        known["sampling_rate"] = sampling_rate
    if name in _RATE_CHANNELS and rate_channel is not None:
        known[_RATE_CHANNELS[name]] = [rate_channel]
    return SYNTHESIZERS[name](**(known | chosen.values))


def keys_of(name: str) -> list[str]:
    """Return the keys that the option accepts for a synthesizer."""
    own = [
        key for key in inspect.signature(SYNTHESIZERS[name]).parameters if key not in _SET_ELSEWHERE
    ]
    return [*TRANSFORMS, *own] if name == "transform" else own


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
