"""Passwords, signatures and tokens stand neither in messages nor in what a run leaves."""

from __future__ import annotations

import pytest
import yaml

from fra_zoo.config import parse, plain, published, read
from fra_zoo.errors import FraZooError, redact
from fra_zoo.io.paths import display_path, public, public_name
from fra_zoo.train.config import PretrainConfig

ADDRESSES = {
    "https://me:geheimnis@h.example/a.tar": "https://***@h.example/a.tar",
    "https://geheimnis@h.example:8080/a.tar": "https://***@h.example:8080/a.tar",
    "https://me:ge@heimnis@h.example/a": "https://***@h.example/a",
    "https://me:ge/heimnis@h.example/a": "https://***@h.example/a",
    "http://me:ge#heimnis@proxy:3128": "http://***@proxy:3128",
    "s3://KEY:geheimnis@bucket/faces/{00..12}.tar": "s3://***@bucket/faces/{00..12}.tar",
    "https://h/a.tar?X-Amz-Credential=a%2Fb&X-Amz-Signature=geheimnis": (
        "https://h/a.tar?X-Amz-Credential=***&X-Amz-Signature=***"
    ),
    "https://h/a.tar?sv=2024&sig=geheimnis%3D": "https://h/a.tar?sv=***&sig=***",
    "https://h/a.tar?geheimnis": "https://h/a.tar?***",
    "token hf_geheimnisgeheimnisgeheimnis is refused": "token hf_*** is refused",
}
HARMLESS = [
    "https://h.example:8080/a/b@c.tar",
    "https://huggingface.co/acme/faces",
    "hf-hub:acme/faces@v1",
    "local-dir:runs/a@b",
    "how? a=b",
    "photos/what?.jpg",
    "hf_transfer",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_opens_a_door_is_left_out(address):
    assert redact(address) == ADDRESSES[address]
    assert redact(f"shard {address!r} cannot be read") == f"shard {ADDRESSES[address]!r} cannot be read"
    assert "geheimnis" not in str(FraZooError(f"{address} cannot be read"))
    assert "geheimnis" not in display_path(address)
    assert "geheimnis" not in str(public({"parts": [{"root": address}], "json": f'{{"root": "{address}"}}'}))


@pytest.mark.parametrize("text", HARMLESS)
def test_other_texts_stay(text):
    assert redact(text) == text


def test_settings_hold_no_password():
    address = "https://me:geheimnis@h.example/{00..12}.tar?sig=geheimnis"
    words = ["--root", address, "--dataset", "joined", "--dataset_args", f'{{"parts": [{{"root": "{address}"}}]}}']
    words += ["--init", f"{address}/w.pth", "--streaming", "true", "--steps_per_epoch", "3"]
    config = parse(PretrainConfig, words)
    assert config.dataset.root == address
    for kept in (yaml.safe_dump(plain(config)), str(published(config)), read(PretrainConfig, words).command()):
        assert "geheimnis" not in kept
    assert "https://***@h.example/{00..12}.tar?sig=***" in yaml.safe_dump(plain(config), width=1000)


def test_the_name_that_others_see():
    for text, name in {
        "fra_resnet18.faces": "fra_resnet18.faces",
        "hf-hub:acme/faces@v1": "hf-hub:acme/faces@v1",
        "/home/me/weights.pth": "weights.pth",
        "weights/a.safetensors": "a.safetensors",
        "local-dir:runs/fra": "fra",
        "runs/fra/export/": "fra",
        r"C:\me\w.pth": "w.pth",
        "https://h/w.pth?sig=geheimnis": "w.pth",
        "~": "PATH",
    }.items():
        assert public_name(text) == name
