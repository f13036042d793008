"""YuNet comes from the Hub once, finds real faces and their eyes; without a Hub `auto` is the cascade, and says so."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from huggingface_hub import HfApi

import fra_zoo
from fra_zoo.data.opening import open_rgb
from fra_zoo.errors import FraZooError
from fra_zoo.predict.detect import make_detector

pytest.importorskip("cv2", reason="OpenCV is not installed")


@pytest.fixture
def served(hub, real_data):
    """The test Hub with YuNet's file where users get theirs."""
    file = real_data / "yunet" / "yunet_n_320_320.onnx"
    if not file.is_file():
        pytest.skip("YuNet's file is not among the real data")
    hub.users["hf_opencv"] = {"name": "opencv", "orgs": [], "role": "write"}
    api, name = HfApi(token="hf_opencv"), "opencv/face_detection_yunet"
    api.create_repo(name)
    api.upload_file(path_or_fileobj=file, path_in_repo="face_detection_yunet_2023mar.onnx", repo_id=name)
    return hub


def test_yunet_finds_real_faces_and_their_eyes(served, real_data, caplog):
    rows = fra_zoo.create_dataset("lfw", "train", str(real_data / "lfw")).dataset
    photos = [np.asarray(open_rgb(rows[row]["image"])) for row in range(0, 2000, 100)]
    with caplog.at_level(logging.WARNING, "fra_zoo"):
        find = make_detector("auto")
    assert not caplog.records
    found = [find(pixels) for pixels in photos]
    assert sum(bool(faces) for faces in found) >= 19
    for faces in found:
        for face in faces[:1]:  # deep-funneled faces stand in the middle, with level eyes
            x, y, width, height = face.box
            assert x < 125 < x + width
            assert y < 125 < y + height
            (left_x, left_y), (right_x, right_y) = face.eyes
            assert x - 5 < left_x < right_x < x + width + 5
            assert abs(right_y - left_y) < 0.35 * (right_x - left_x)
    served.stop()
    assert [f.box for f in make_detector("yunet")(photos[0])] == [f.box for f in found[0]]  # from the cache


def test_without_a_hub_auto_is_the_cascade_and_says_so(hub, caplog):
    hub.stop()
    with pytest.raises(FraZooError):
        make_detector("yunet")
    with caplog.at_level(logging.WARNING, "fra_zoo"):
        find = make_detector("auto")
    assert find(np.zeros((60, 60, 3), np.uint8)) == []
    (record,) = [one for one in caplog.records if one.name == "fra_zoo.predict.detect"]
    assert "faces are found by haar" in record.getMessage()
    assert "\n" not in record.getMessage()
