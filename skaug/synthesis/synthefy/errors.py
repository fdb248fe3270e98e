"""Errors of the synthesis service."""

from __future__ import annotations

from typing import Any


class SynthefyError(Exception):
    """Base class of the errors of the synthesis service. All of them can be pickled.

    Parameters
    ----------
    message : str
        What went wrong, and what to do.
    status : int, optional
        The HTTP status of the answer.
    request_id : str, optional
        The ``X-Request-ID`` of the request, which the service logs.
    subject : object, optional
        The subject of the window.
    first_row : int, optional
        The first row of the window, counted among the rows of its subject.
    attempts : int, default=0
        Number of requests sent for the window.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        request_id: str | None = None,
        subject: Any = None,
        first_row: int | None = None,
        attempts: int = 0,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.request_id = request_id
        self.subject = subject
        self.first_row = first_row
        self.attempts = attempts

    def __str__(self) -> str:
        parts = []
        if self.first_row is not None:
            of_subject = "" if self.subject is None else f" of subject {str(self.subject)!r}"
            parts.append(f"the window{of_subject} at row {self.first_row}")
        if self.status is not None:
            parts.append(f"status {self.status}")
        if self.request_id is not None:
            parts.append(f"request {self.request_id}")
        if self.attempts > 1:
            parts.append(f"{self.attempts} attempts")
        return self.message + (f" ({', '.join(parts)})" if parts else "")

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.__dict__.copy())


def _restore(kind: type[SynthefyError], fields: dict[str, Any]) -> SynthefyError:
    error = kind(fields["message"])
    error.__dict__.update(fields)
    return error


class AuthenticationError(SynthefyError):
    """The API key is missing, malformed or rejected."""


class RequestRejected(SynthefyError):
    """The service rejected the request; sending it again would not help."""


class RateLimited(SynthefyError):
    """The service limited requests: it demanded too long a wait, or still refused the last attempt."""


class ServerError(SynthefyError):
    """The service failed in every attempt. It answers nearly all bad input this way."""


class ConnectionFailed(SynthefyError):
    """No connection was made: nothing can have been computed or billed."""


class OutcomeUnknown(SynthefyError):
    """The request was sent, but the answer is incomplete: the window may have been computed and billed.

    Parameters
    ----------
    message : str
        What went wrong, and what to do.
    windows_at_risk : int, default=1
        Number of windows that may have been billed without a result.
    **fields
        As in `SynthefyError`.
    """

    def __init__(self, message: str, *, windows_at_risk: int = 1, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.windows_at_risk = windows_at_risk

    def __str__(self) -> str:
        return f"{super().__str__()} Windows that may have been billed: {self.windows_at_risk}."


class BadResponse(SynthefyError):
    """The answer is not a window."""


class BudgetExceeded(SynthefyError):
    """The next request would exceed ``max_new_windows``. Windows paid for before are stored."""
