"""Why a server cannot be reached: what the connection says, and what is set wrongly in the environment."""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from huggingface_hub import constants, get_token
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import httpx

from fra_zoo.errors import redact


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what caused it, what caused that, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def reason(error: BaseException) -> str:
    """The name and first line of what lies at the bottom."""
    last = list(causes(error))[-1]
    return f"{type(last).__name__}: {first_line(last)}" if str(last) else type(last).__name__


def first_line(error: BaseException) -> str:
    """The first line of an error's text, 200 letters at most."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__


def is_network(cause: BaseException) -> bool:
    """Whether an error is of a connection, not of a file or an answer."""
    kinds = (httpx.TransportError, ConnectionError, TimeoutError, socket.gaierror, ssl.SSLError)
    return isinstance(cause, kinds) and not isinstance(cause, HfHubHTTPError)


def network_reason(chain: list[BaseException], url: str) -> tuple[str, str]:
    """Why a server cannot be reached, and what to do about it."""
    text = " ".join(str(cause) for cause in chain)
    last = next((cause for cause in reversed(chain) if is_network(cause)), chain[-1])
    bottom = f"{type(last).__name__}: {first_line(last)}" if str(last) else type(last).__name__
    if "CERTIFICATE_VERIFY_FAILED" in text:
        detail = re.search(r"verify failed: ([^(\]]+)", text)
        return (
            f"its certificate is not trusted{': ' + detail[1].strip() if detail else ''}",
            "where a company's proxy signs the traffic, name its certificates in SSL_CERT_FILE; else check the clock",
        )
    if any(isinstance(cause, ssl.SSLError) for cause in chain) or "[SSL" in text:
        return f"no TLS: {bottom}", "see whether it is http:// or https://, and what the proxy and SSL_CERT_FILE are"
    proxy = _proxy_of(url)
    if isinstance(chain[0], httpx.ProxyError) or (proxy and any(_is_refusal(cause) for cause in chain)):
        return f"{bottom}, by way of a proxy", f"check the proxy: {proxies()}"
    if any(isinstance(cause, (httpx.TimeoutException, TimeoutError)) for cause in chain):
        return f"no answer in time, {bottom}", "check the network" + (f" and the proxy: {proxies()}" if proxy else "")
    if any(isinstance(cause, socket.gaierror) for cause in chain):
        return f"no address is known for {urlsplit(url).hostname}", "check the name and the network"
    return bottom, "check the network"


def _is_refusal(cause: BaseException) -> bool:
    return isinstance(cause, (httpx.ConnectError, ConnectionRefusedError, socket.gaierror))


# What is set wrongly in the environment; no other try helps.


def setting_fault(cause: BaseException, url: str, named: str = "") -> str | None:
    """A proxy, token, certificate file or address that cannot be used, or None if the error is none of theirs.

    Args:
        url: what was asked for.
        named: the variable that the address came from.
    """
    if isinstance(cause, ImportError) and "socks" in str(cause).lower():
        return f"a SOCKS proxy needs the package socksio: pip install socksio, or unset {proxies()}"
    if isinstance(cause, (UnicodeError, httpx.LocalProtocolError)) and (fault := _token_fault()):
        return fault
    if isinstance(cause, OSError) and (fault := _certificate_fault(cause)):
        return fault
    odd = isinstance(cause, (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError))
    if not odd and not (isinstance(cause, ValueError) and "proxy" in str(cause).lower()):
        return None
    if fault := _proxy_fault():
        return fault
    if (parts := _address(url)) is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return f"{named + ' is ' if named else ''}'{url}', which is no address: write it as https://HOST"
    if isinstance(cause, httpx.InvalidURL) and (without := getproxies().get("no")):
        return f"NO_PROXY is '{without}', which cannot be used ({first_line(cause)}): write names with commas between"
    return f"{url} cannot be asked for ({first_line(cause)}): check the address"


def is_permanent(error: BaseException, url: str) -> bool:
    """Whether every other try, and every other file of that server, would fail alike."""
    return any(setting_fault(cause, url) for cause in causes(error))


def _address(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _token_fault() -> str | None:
    """A token with letters that no token has; the token itself is not shown."""
    try:
        token = get_token() or ""
    except (OSError, UnicodeError):
        return f"the token file {constants.HF_TOKEN_PATH} cannot be read: write it again with `hf auth login`"
    odd = sorted({letter for letter in token if not "!" <= letter <= "~"})
    if not odd:
        return None
    shown_letters = ", ".join(map(ascii, odd))
    return f"the token holds what no token has ({shown_letters}): copy it again to HF_TOKEN or with `hf auth login`"


def _certificate_fault(cause: BaseException) -> str | None:
    nameless = isinstance(cause, FileNotFoundError) and cause.filename is None and cause.errno == errno.ENOENT
    unread = isinstance(cause, ssl.SSLError) and ("PEM" in str(cause) or "NO_CERTIFICATE" in str(cause))
    if not (nameless or unread):
        return None
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if os.environ.get(name) and (unread or not os.path.exists(os.environ[name])):
            return f"{name} is {os.environ[name]}, which is no file of certificates: fix or unset it"
    return None


def _proxy_variables() -> dict[str, str]:
    """The variables that name a proxy, each with its value; passwords are left out."""
    names = [name for kind in ("http", "https", "all") for name in (f"{kind}_proxy", f"{kind.upper()}_PROXY")]
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def proxies() -> str:
    """The proxies that are set, for a message."""
    shown = (f"{name}={_without_login(value)}" for name, value in _proxy_variables().items())
    return " and ".join(shown) or "that of the system's settings"


def _without_login(proxy: str) -> str:
    """A proxy as it may be shown; it may be written without http:// before it."""
    return redact(proxy) if "://" in proxy else redact(f"http://{proxy}").removeprefix("http://")


def _proxy_of(url: str) -> str | None:
    """The proxy that an address is asked through, or None."""
    parts = _address(url)
    if parts is None or not parts.hostname:
        return None
    found = getproxies()
    proxy = found.get(parts.scheme) or found.get("all")
    return proxy if proxy and not proxy_bypass(parts.hostname) else None


def _proxy_fault() -> str | None:
    for name, value in _proxy_variables().items():
        parts = _address(value if "://" in value else f"http://{value}")
        known = parts is not None and parts.scheme in ("http", "https", "socks5", "socks5h") and parts.hostname
        if not known:
            socks = parts is not None and parts.scheme.startswith("socks")
            form = "socks5://HOST:PORT" if socks else "http://HOST:PORT"
            shown = _without_login(value)
            return f"the proxy in {name} is '{shown}', which cannot be used: write it as {form}, or unset it"
    return None
