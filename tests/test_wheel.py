"""What a person has who installs the wheel on a machine without a network: weights by every door, in one line each."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

MEGABYTE = 10**6
PRETRAINED = "fra_zoo/models/pretrained/"
OFFLINE = """
import socket, sys, time

def connect(*args, **kwargs):
    raise AssertionError(f"the network was asked: {args}")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = connect
started = time.process_time()
import fra_zoo
spent = time.process_time() - started
assert fra_zoo.__file__.startswith(sys.prefix), fra_zoo.__file__
assert "torch" not in sys.modules
assert spent < 1, f"import fra_zoo takes {spent:.2f} s"

import numpy as np, timm, torch

names = fra_zoo.list_models(pretrained=True)
assert any(name.startswith("fra_resnet18.faces") for name in names), names
model = fra_zoo.create_model("fra_resnet18", pretrained=True).eval()
theirs = timm.create_model("fra_resnet18", pretrained=True).eval()
size = model.pretrained_cfg["input_size"][-1]
faces = torch.randn(2, 3, size, size)
with torch.no_grad():
    assert model(faces).shape == (2, 512)
    assert torch.equal(model(faces), theirs(faces))
    regions = fra_zoo.create_method("fra_resnet18").regions(faces)
assert regions.shape[:2] == (2, 8)
assert torch.allclose(regions.sum(1), torch.ones(()), atol=0.02)  # each place belongs to its regions
(prediction,) = fra_zoo.Predictor(detector="center")(np.zeros((80, 60, 3), np.uint8) + 99)
(face,) = prediction.faces
assert abs(sum(face.probabilities.values()) - 1) < 1e-4
assert "happiness" in face.probabilities
assert fra_zoo.create_model("fra_resnet18", pretrained=True, num_classes=7)(faces).shape == (2, 7)
print(*names)
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(repository, tmp_path_factory):
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(words, cwd=repository, check=True, capture_output=True)
    (file,) = folder.glob("*.whl")
    return file


def test_the_wheel_is_small_and_holds_every_set_of_weights_whole(wheel, repository):
    assert wheel.stat().st_size <= 100 * MEGABYTE
    with zipfile.ZipFile(wheel) as archive:
        weights = [one for one in archive.infolist() if one.filename.startswith(PRETRAINED)]
    assert sum(one.compress_size for one in weights) <= 95 * MEGABYTE
    packed = {one.filename: one.file_size for one in weights}
    files = [file for file in (repository / PRETRAINED).rglob("*") if file.is_file()]
    assert packed == {file.relative_to(repository).as_posix(): file.stat().st_size for file in files}


def test_a_fresh_environment_without_a_network_has_it_all(wheel, tmp_path):
    home = tmp_path / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    subprocess.run([*pip, "install", "--quiet", "--no-index", "--no-deps", str(wheel)], check=True)
    (site,) = (home / "lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")  # after the wheel's own
    (tmp_path / "home").mkdir()
    own = {"HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1", "PATH": os.environ["PATH"]}
    words = [str(python), "-I", "-W", "ignore", "-c", OFFLINE]
    done = subprocess.run(words, env=own, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    folders = {Path(name).name for name in (site / PRETRAINED).iterdir()}
    assert set(done.stdout.split()) == folders
