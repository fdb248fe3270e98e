"""The requests for synthetic windows of some conditions: their bodies and their keys in the store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import numpy as np

from skaug.synthesis.synthefy.store import WindowStore
from skaug.synthesis.synthefy.wire import Encoder
from skaug.windows.container import Windows

# Encoding windows by the block costs far less than one by one.
_BLOCK_ROWS = 1 << 15
_KEPT_BYTES = 64 * 2**20


class Requests:
    """One request per condition.

    Conditions with equal bodies, as when only subject and activity of windows are sent, are
    further draws of one request: their synthetic windows must not be copies of each other.

    Parameters
    ----------
    conditions : Windows of shape (n_windows, window_size, n_features)
        Real windows with the numbers of their draws.
    encoder : Encoder
        Makes the bodies.
    url : str
        The address that they are sent to.

    Attributes
    ----------
    conditions : Windows
        The conditions.
    keys : list of str
        The key of each request. A condition that occurs twice with the same draw has the same key.

    Raises
    ------
    ValueError
        If the service would fail on one of the bodies.
    """

    def __init__(self, conditions: Windows, encoder: Encoder, url: str) -> None:
        self.conditions = conditions
        self._encoder = encoder
        self._bodies: dict[int, bytes] = {}
        self.keys = list(self._make_keys(url))

    def body(self, position: int) -> bytes:
        """Return the body of the request for the condition at a position."""
        if position not in self._bodies:
            n_block = max(1, _BLOCK_ROWS // self.conditions.window_size)
            block = self.conditions[position : position + n_block]
            self._bodies = dict(enumerate(self._encoder.encode(block), position))
        return self._bodies[position]

    def _make_keys(self, url: str) -> Iterator[str]:
        provenance = self.conditions.provenance
        # The features are part of the key, because they are what is read out of the answer.
        address = f"{url}#{json.dumps(self.conditions.feature_names)}"
        draws = np.maximum(provenance.draw, 0)
        origins = np.stack([provenance.codes, provenance.first_row, draws], axis=1).tolist()
        numbering = _Draws()
        for which, block in self.conditions.blocks(_BLOCK_ROWS):
            for position, body in enumerate(self._encoder.encode(block), which.start):
                if (position + 1) * len(body) <= _KEPT_BYTES:  # the others are encoded again
                    self._bodies[position] = body
                digest = hashlib.sha256(body).digest()
                yield WindowStore.key(address, body, numbering.of(digest, tuple(origins[position])))


class _Draws:
    """Numbers of draws, such that no two windows have the same number of one request."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[bytes, tuple[int, ...]], int] = {}
        self._next: dict[tuple[bytes, int], int] = {}

    def of(self, digest: bytes, origin: tuple[int, ...]) -> int:
        """Return the first number, from the draw of a window on, that no other window has."""
        if (digest, origin) not in self._numbers:
            draw, passed = origin[-1], []
            while (digest, draw) in self._next:
                passed.append((digest, draw))
                draw = self._next[digest, draw]
            # The numbers in between are taken: the next search need not look at each of them again.
            self._next.update(dict.fromkeys([*passed, (digest, draw)], draw + 1))
            self._numbers[digest, origin] = draw
        return self._numbers[digest, origin]
