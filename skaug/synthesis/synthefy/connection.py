"""Where requests go, over which connections, and with which key."""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
import urllib.request

import httpx

from skaug.synthesis.synthefy.errors import AuthenticationError, ConnectionFailed

DEFAULT_URL = "https://prod.synthefy.com"
_CONNECT_SECONDS = 30.0
_PATH_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]*")


def stream_url(base_url: str, user_id: str, dataset_name: str, training_job_id: str) -> str:
    """Return the address of the stream endpoint.

    Raises
    ------
    ValueError
        If a part could lead to another address, or if the key would leave this machine without TLS.
    """
    parts = {"user_id": user_id, "dataset_name": dataset_name, "training_job_id": training_job_id}
    for name, part in parts.items():
        if not isinstance(part, str) or not _PATH_PART.fullmatch(part):
            raise ValueError(
                f"{name}={part!r} must begin with a letter or digit and contain only letters, digits and "
                "the characters . _ ~ - : copy it from the page of the model."
            )
    try:
        url = httpx.URL(base_url)
        host = url.host  # which may raise, too
    except (httpx.InvalidURL, TypeError, ValueError) as error:
        raise ValueError(f"base_url={base_url!r} is not an address: {error}.") from None
    if url.userinfo or not host or "?" in str(url) or "#" in str(url):
        raise ValueError(f"The base_url must be a plain address such as {DEFAULT_URL!r}.")
    if url.port is not None and not 0 < url.port < 65536:
        raise ValueError(f"base_url={base_url!r} must have a port between 1 and 65535.")
    if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url)):
        raise ValueError(
            f"base_url={base_url!r} must begin with https://, because the API key is sent along (http:// is "
            "for a service on this machine)."
        )
    return f"{str(url).rstrip('/')}/api/synthesis/{user_id}/{dataset_name}/{training_job_id}/stream"


def is_loopback(url: httpx.URL) -> bool:
    """Whether an address is on this machine."""
    try:
        return ipaddress.ip_address(url.host).is_loopback
    except ValueError:  # a name
        return url.host == "localhost"


def connect(url: str, max_concurrency: int, timeout: float) -> httpx.AsyncClient:
    """Return the pool of connections for requests to one address.

    Proxies are read from the environment, except for an address on this machine: there, the proxy would
    see the key unencrypted.

    Raises
    ------
    ConnectionFailed
        If certificates or proxies of the environment cannot be used.
    """
    # Shorter than the deadline of an exchange, for TCP and for TLS: where that deadline cancels a TLS
    # handshake, httpcore does not close the connection.
    longest = min(_CONNECT_SECONDS, timeout / 2)
    certificates = _certificates(url)
    try:
        return httpx.AsyncClient(
            timeout=httpx.Timeout(None, connect=longest),
            limits=httpx.Limits(max_connections=max_concurrency),
            trust_env=not is_loopback(httpx.URL(url)),
            verify=certificates,
            follow_redirects=False,
            event_hooks={"response": [_drop_location]},
        )
    except ImportError:
        remedy = 'install what it needs with pip install "httpx[socks]", or unset the variable'
    except (httpx.InvalidURL, ValueError):
        remedy = "correct or unset the variable"
    # Without the error of httpx, which shows the address of the proxy, and its password.
    raise ConnectionFailed(
        "The proxy in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY cannot be used: "
        f"{remedy}. Nothing was sent."
    )


async def _drop_location(response: httpx.Response) -> None:
    """Forget where a redirect leads: httpx parses it even if it is not followed, and may fail."""
    response.headers.pop("Location", None)


def uses_proxy(url: str) -> bool:
    """Whether requests to an address go through a proxy of the environment."""
    proxies = urllib.request.getproxies()
    return not is_loopback(httpx.URL(url)) and bool({"https", "all"} & proxies.keys())


def _certificates(url: str) -> ssl.SSLContext:
    if url.startswith("http:"):  # on this machine: no certificate is needed, nor read from disk
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return httpx.create_ssl_context()  # reads SSL_CERT_FILE even if proxies are not read
    except OSError as error:  # ssl.SSLError is one
        raise ConnectionFailed(
            f"Certificates cannot be read ({error.strerror or error}): correct or unset SSL_CERT_FILE and "
            "SSL_CERT_DIR. Nothing was sent."
        ) from None


def read_key(variable: str) -> str:
    """Read the API key from the environment: when a request is made, and never earlier.

    Parameters
    ----------
    variable : str
        Name of the environment variable.

    Returns
    -------
    str

    Raises
    ------
    AuthenticationError
        If it is not set, or contains characters that a header must not. The message never shows the key.
    """
    key = os.environ.get(variable, "").strip(" ")
    if not key:
        raise AuthenticationError(
            f"The environment variable {variable} does not hold an API key: set it, for instance with "
            f"`export {variable}=...` before Python is started."
        )
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        del key  # some tools show the variables of a traceback
        raise AuthenticationError(
            f"The API key in {variable} contains characters that no key has, such as a line break: copy it "
            "again. (It is not shown here.)"
        )
    return key
