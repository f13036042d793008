"""Serving the page to this machine alone: no statistics, no tunnel, nothing fetched from elsewhere, nothing kept."""

from __future__ import annotations

import ipaddress
import os
import signal
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from fra_zoo.demo.extra import gradio as gr
from fra_zoo.errors import FraZooError

POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; object-src 'none'; base-uri 'self'"
_FONT, _MONO = ("system-ui", "sans-serif"), ("ui-monospace", "monospace")  # of the machine itself
_Message = MutableMapping[str, Any]
_Send = Callable[[_Message], Awaitable[None]]


class OnlyHere:
    """Tells the browser with each answer that the page may load from here alone (Content-Security-Policy)."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: _Message, receive: Any, send: _Send) -> None:
        async def send_with_policy(message: _Message) -> None:
            if message["type"] == "http.response.start":
                own = [(b"content-security-policy", POLICY.encode()), (b"referrer-policy", b"no-referrer")]
                message["headers"] = [*message.get("headers", ()), *own]
            await send(message)

        await self.app(scope, receive, send_with_policy if scope["type"] == "http" else send)


@contextmanager
def passing_files() -> Iterator[None]:
    """A folder for what is uploaded, which is gone at the end; the page is built and served within."""
    before = os.environ.get("GRADIO_TEMP_DIR")
    with tempfile.TemporaryDirectory(prefix="fra_zoo-demo-", ignore_cleanup_errors=True) as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        try:
            yield
        finally:
            os.environ.pop("GRADIO_TEMP_DIR")
            if before is not None:
                os.environ["GRADIO_TEMP_DIR"] = before


def serve(page: gr.Blocks, host: str | None = "127.0.0.1", port: int | None = None) -> str:
    """Begin to serve the page, and give its address; see `wait` and `page.close`.

    Args:
        page: see `fra_zoo.demo.page.build_page`.
        host: the address to listen on; None leaves it to Gradio's variables of the environment, as in a Space.
        port: None is a free one from 7860.

    Raises:
        FraZooError: if nothing can listen there.
    """
    doors = [Middleware(OnlyHere)]
    if host is not None and is_loopback(host):  # a page of elsewhere cannot come in under a name of its own
        doors.append(Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"]))
    try:
        _, address, _ = page.launch(
            server_name=host,
            server_port=port,
            share=False,
            quiet=True,
            prevent_thread_lock=True,
            show_error=True,
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            enable_monitoring=False,
            run_history=False,
            inline=False,
            footer_links=[],
            max_file_size="1gb",
            state_session_capacity=20,
            app_kwargs={"middleware": doors},
            theme=gr.themes.Default(font=_FONT, font_mono=_MONO),
        )
    except OSError as error:
        raise FraZooError(
            f"cannot listen on {host}, port {port or 'from 7860'} ({error}); give another --port"
        ) from error
    return address


def wait(page: gr.Blocks) -> None:
    """Serve until Ctrl-C, the end of the terminal, or another request to end; then close the page."""
    asked = threading.Event()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # Windows lacks the last
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: asked.set())
    asked.wait()
    page.close(verbose=False)


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
