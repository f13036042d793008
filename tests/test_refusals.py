"""What the Hub, the network and the cache refuse: one line with the true cause."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest
from huggingface_hub import constants
from huggingface_hub.errors import LocalEntryNotFoundError
from huggingface_hub.utils import httpx

import fra_zoo
from fra_zoo.data import create_dataset
from fra_zoo.errors import FraZooError
from fra_zoo.io.hub_errors import explain, explain_url, hub_errors


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def wrapped(error):
    """As huggingface_hub wraps what goes wrong."""
    outer = LocalEntryNotFoundError("check your connection")
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/cache/x"), "cache cannot be written or read: /cache/x"),
        (OSError(errno.EROFS, "Read-only file system", "/cache/x"), "Read-only file system.*set HF_HOME"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk is full"),
        (wrapped(httpx.ConnectTimeout("timed out")), "no answer in time.*check the network"),
        (wrapped(ConnectionRefusedError(111, "Connection refused")), "Connection refused.*check the network"),
        (wrapped(socket.gaierror(-2, "Name or service not known")), "no address is known for 127.0.0.1"),
        (wrapped(httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed (_ssl)")),
         "certificate is not trusted: self-signed.*SSL_CERT_FILE"),
        (wrapped(ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")), "no TLS.*http:// or https://"),
        (wrapped(httpx.ProxyError("407 Proxy Authentication Required")), "407.*check the proxy"),
        (ImportError("Using SOCKS proxy, but the 'socksio' package is not installed."), "pip install socksio"),
    ],
)  # fmt: skip
def test_the_true_cause(error, expected):
    with pytest.raises(FraZooError, match=expected) as caught, hub_errors("acme/x"):
        raise error
    assert "\n" not in str(caught.value)
    if "cache" in expected or "disk" in expected:
        assert "network" not in str(caught.value)


def test_errors_of_our_own_come_through():
    with pytest.raises(ImportError, match="no module"), hub_errors("acme/x"):
        raise ImportError("no module named x")
    assert explain(KeyError("x"), "acme/x") is None


@pytest.mark.parametrize(
    ("name", "value", "error", "expected"),
    [
        (
            "HTTP_PROXY",
            "http://me:secret@h:port",
            httpx.InvalidURL("Invalid port"),
            r"HTTP_PROXY is 'http://\*\*\*@h:port'",
        ),
        ("all_proxy", "socks4://h:1", ValueError("Unknown scheme for proxy URL"), "all_proxy is .*socks5://HOST:PORT"),
        ("HF_TOKEN", "hf_\u00e4", UnicodeEncodeError("ascii", "x", 0, 1, "no"), r"token holds .*'\\xe4'.*HF_TOKEN"),
        ("HF_TOKEN", "hf_a\x07b", httpx.LocalProtocolError("Illegal header value"), "token holds"),
        ("SSL_CERT_FILE", "/nope.pem", FileNotFoundError(errno.ENOENT, "No such file"), "SSL_CERT_FILE is /nope.pem"),
        ("NO_PROXY", "[::1", httpx.InvalidURL("Invalid port"), r"NO_PROXY is '\[::1'"),
    ],
)
def test_what_is_set_wrongly_is_named_and_never_shown_whole(monkeypatch, name, value, error, expected):
    monkeypatch.setenv(name, value)
    with pytest.raises(FraZooError, match=expected) as caught, hub_errors("acme/x", kind="dataset"):
        raise error
    assert "secret" not in str(caught.value)
    assert "hf_" not in str(caught.value)
    assert "network" not in explain_url(error, "https://host/0.tar")


@pytest.mark.parametrize("streaming", [False, True])
def test_datasets_of_the_hub_are_refused_in_the_same_words(monkeypatch, streaming):
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between the tries
    with pytest.raises(FraZooError, match="'my faces' is no repository name"):
        create_dataset("hub", "train", "my faces", streaming=streaming)
    with pytest.raises(FraZooError, match=f"the Hub at {constants.ENDPOINT} cannot be reached for acme/faces"):
        create_dataset("hub", "train", "acme/faces", streaming=streaming)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("acme/x", "write 'hf-hub:acme/x'"),
        ("https://huggingface.co/acme/x/tree/main", "write 'hf-hub:acme/x'"),
        ("hf_hub:acme/x", "write 'hf-hub:acme/x'"),
        ("resnet-51", "did you mean 'resnet51"),
        ("FRA_ResNet51", "did you mean 'fra_resnet50'"),
        ("s3:bucket", "hf-hub:ORG/NAME, local-dir:FOLDER"),
        ("runs/model.safetensors", "checkpoint_path=FILE"),
        ("", "name them all"),
        ("q" * 3000, "name them all"),
    ],
)
def test_unknown_models_are_one_short_line(name, expected):
    with pytest.raises(FraZooError, match=expected) as caught:
        fra_zoo.create_model(name)
    assert len(str(caught.value)) < 300


def test_a_folder_that_is_no_name(tmp_path):
    with pytest.raises(FraZooError, match=f"write 'local-dir:{tmp_path}'"):
        fra_zoo.create_model(str(tmp_path))
