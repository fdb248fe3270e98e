"""What the command line prints: errors that name its options, and text without control characters."""

from __future__ import annotations

import re
import sys

#: The parameters of the library that an error may name, and the options that set them.
_OPTIONS = {
    "features": "--feature",
    "target": "--target",
    "subject": "--subject",
    "boundaries": "--boundary",
    "time": "--time",
    "max_gap": "--max-gap",
    "window_size": "--window-size",
    "stride": "--stride",
    "missing": "--missing",
    "last": "--last",
    "purity": "--purity",
    "alignment": "--alignment",
    "target_agg": "--target-agg",
    "dtype": "--dtype",
    "low": "--low",
    "high": "--high",
    "sampling_rate": "--sampling-rate",
    "channel": "--rate-channel",
    "rate_channel": "--rate-channel",
    "ratio": "--ratio",
    "n_synthetic": "--n-synthetic",
    "random_state": "--seed",
    "n_repeats": "--repeats",
    "rope": "--rope",
    "scoring": "--metric",
    "strata": "--strata",
    "synthesizers": "--synthesizer",
    "n_jobs": "--jobs",
    "n_subjects": "--subjects",
    "minutes": "--minutes",
    "host": "--host",
    "port": "--port",
}
#: The parameters that ``--synthesizer`` sets. They keep their names there.
KEYS = (
    "alpha",
    "bandwidth",
    "channels",
    "check",
    "columns",
    "labels",
    "local",
    "margin",
    "max_factor",
    "method",
    "n_components",
    "p",
    "rate_channels",
    "unit",
)
#: The transforms of ``--synthesizer transform``, in the words of an error.
TRANSFORMS = (
    "Jitter",
    "Scale",
    "Drift",
    "MagnitudeWarp",
    "TimeWarp",
    "TimeShift",
    "Permute",
    "Mask",
    "Rotate",
    "FrequencyMask",
)
_VALUE = r"(?:'[^']*'|\[[^]]*\]|\([^)]*\)|[^\s,;:)]*[^\s,;:.)])"
_TOKENS = re.compile(
    r"\b(?P<tstr>train_on='synthetic')"
    # A parameter with its value: missing='drop', features=[...], window_size=0.
    rf"|\b(?P<name>{'|'.join(_OPTIONS)})=(?P<value>{_VALUE})"
    rf"|\b(?P<key>{'|'.join(KEYS)})={_VALUE}"
    # A parameter of a transform: sigma=0 of Jitter.
    rf"|\b(?P<part>\w+={_VALUE}) of (?P<transform>{'|'.join(TRANSFORMS)})\b"
    # A key of a synthesizer where the key is meant.
    r"|\b(?P<naming>(?:rate_)?channels)(?= names ')"
    r"|\b(?P<within>(?:(?:for|in|of|to) (?:(?:rate_)?channels|columns|transforms)|and unit)(?=[.,;]|$))"
    # A parameter whose name is not an English word.
    rf"|\b(?P<bare>{'|'.join(name for name in _OPTIONS if '_' in name)})\b"
    # A parameter whose name is one, where the parameter is meant.
    r"|\b(?P<before>for|from|in|pass) (?P<word>features|target|subject|boundaries|time|strata)(?=[.;:]|$)"
    # A remedy that only Python has.
    r"|(?P<python>, or a timedelta)"
    # The user's own names and values, which are left as they are.
    r"|(?<!\w)'[^']*'"
)


def plain_line(error: BaseException | str) -> str:
    """Return an error or a warning in one line that names options in place of parameters."""
    text = str(error) or type(error).__name__
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        text = f"{str(error.filename)!r}: {error.strerror}."
    return printable(_TOKENS.sub(_in_options, one_line(text)))


def one_line(text: object) -> str:
    """Return a text in one line."""
    return " ".join(str(text).split())


def printable(text: str) -> str:
    """Escape what could steer a terminal, such as an escape sequence in the name of a column."""
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text
    )


def say(text: str = "") -> None:
    """Print a text; control characters and what the output cannot encode are escaped."""
    print(_encodable(printable(text), sys.stdout.encoding), flush=True)


_ASCII = str.maketrans({"\N{MINUS SIGN}": "-", "\N{PLUS-MINUS SIGN}": "+/-"})


def _encodable(text: str, encoding: str | None) -> str:
    # Redirected output has the encoding of the locale, which on Windows has no minus sign.
    encoding = encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)
    return text


def _in_options(token: re.Match[str]) -> str:
    if token["tstr"]:
        return "--protocol TSTR"
    if token["python"]:
        return ""
    if token["name"]:
        value = token["value"]
        value = "COLUMN" if value.startswith("[") else value.strip("'").removeprefix("numpy.")
        return f"{_OPTIONS[token['name']]} {value}"
    if token["key"]:
        return f"{token[0]} of --synthesizer"
    if token["transform"]:
        name = re.sub(r"\B([A-Z])", r"_\1", token["transform"]).lower()
        return f"{token['part']} of --synthesizer transform:{name}"
    if token["naming"] or token["within"]:
        return f"{token[0]} of --synthesizer"
    if token["bare"]:
        return _OPTIONS[token["bare"]]
    if token["word"]:
        return f"{token['before']} {_OPTIONS[token['word']]}"
    return token[0]
