"""What may go wrong between a window that is asked for and a window that is on disk."""

from __future__ import annotations

from typing import Any


class SynthefyError(Exception):
    """Base of the errors of the synthesis service. All of them can be pickled.

    Parameters
    ----------
    message : str
        What went wrong, and what to do.
    status : int, optional
        The HTTP status that the service answered with.
    request_id : str, optional
        The ``X-Request-ID`` of the request, which the service logs.
    subject : object, optional
        Whose window it was.
    first_row : int, optional
        At which row of that subject the window begins.
    attempts : int, default=0
        Requests sent for this window.
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
            whose = "" if self.subject is None else f" of subject {str(self.subject)!r}"
            parts.append(f"the window{whose} at row {self.first_row}")
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
    """The key is missing, malformed or not accepted."""


class RequestRejected(SynthefyError):
    """The service does not accept the request; sending it again would not help."""


class RateLimited(SynthefyError):
    """The service asks to wait longer than is waited, or went on asking."""


class ServerError(SynthefyError):
    """The service failed, also on further attempts. Nearly all bad input is answered so."""


class ConnectionFailed(SynthefyError):
    """No connection was made, so that nothing can have been computed or billed."""


class OutcomeUnknown(SynthefyError):
    """The request was sent and no whole answer came: the window may have been computed and billed.

    Parameters
    ----------
    message : str
        What went wrong, and what to do.
    windows_at_risk : int, default=1
        How many windows may have been billed without a result.
    **fields
        As of `SynthefyError`.
    """

    def __init__(self, message: str, *, windows_at_risk: int = 1, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.windows_at_risk = windows_at_risk

    def __str__(self) -> str:
        return f"{super().__str__()} Windows that may have been billed: {self.windows_at_risk}."


class BadResponse(SynthefyError):
    """The service answered, but not with a window."""


class BudgetExceeded(SynthefyError):
    """The next request would pass ``max_new_windows``. What was paid before is stored."""
