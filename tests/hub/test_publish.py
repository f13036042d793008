"""Publish and load over HTTP against a Hub on this machine."""

from __future__ import annotations

import importlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import PIL.Image
import pytest
import timm
import torch
from safetensors.torch import load_file

import fra_zoo
from fra_zoo.cli import main
from fra_zoo.errors import FraZooError
from fra_zoo.methods import load_method
from fra_zoo.models.bundled import BundledWeights
from tests.hub.conftest import classifier

NOW = {"headers": {"Retry-After": "0"}}
ELSEWHERE = """
import sys, torch
sys.modules["fra_zoo"] = None
import timm
from PIL import Image
from transformers import AutoImageProcessor, AutoModel, AutoModelForImageClassification, pipeline
repo, photo, expected = "acme/tuned", Image.open(sys.argv[1]), torch.load(sys.argv[2])
x = torch.load(sys.argv[3])
with torch.no_grad():
    torch.testing.assert_close(timm.create_model("hf-hub:" + repo, pretrained=True).eval()(x), expected, rtol=0, atol=0)
    model = AutoModelForImageClassification.from_pretrained(repo).eval()
    torch.testing.assert_close(model(x).logits, expected, rtol=0, atol=0)
    assert AutoModel.from_pretrained(repo).eval()(x).last_hidden_state.shape[0] == len(x)
    processor = AutoImageProcessor.from_pretrained(repo)
    logits = model(**processor(photo, return_tensors="pt")).logits[0]
    assert processor(photo, return_tensors="pt")["pixel_values"].shape == (1, 3, 48, 48)
names = [model.config.id2label[i] for i in range(8)]
assert names[3] == "sadness", names
answers = pipeline("image-classification", model=repo)(photo, top_k=8)
for answer in answers:
    p = logits.softmax(0)[names.index(answer["label"])].item()
    assert abs(answer["score"] - p) < 1e-5, (answer, p)
print("the same everywhere")
"""


def test_every_loader_gives_the_same(hub, tuned, tmp_path, no_cache):
    run, model = tuned
    x = torch.randn(2, 3, 48, 48)
    with torch.no_grad():
        expected = model(x)
    url = fra_zoo.publish(run, "acme/tuned")
    assert url.startswith(f"{hub.url}/acme/tuned/commit/")
    no_cache()
    with torch.no_grad():
        ours = fra_zoo.create_model("hf-hub:acme/tuned", pretrained=True).eval()
        torch.testing.assert_close(ours(x), expected, rtol=0, atol=0)
    assert not [e for e in hub.log if e["cdn"] and e["auth"]]
    import PIL.Image

    PIL.Image.effect_noise((60, 60), 80).convert("RGB").save(tmp_path / "photo.png")
    for name, value in (("expected", expected), ("x", x)):
        torch.save(value, tmp_path / f"{name}.pt")
    words = [tmp_path / name for name in ("photo.png", "expected.pt", "x.pt")]
    environment = os.environ | {"HF_HOME": str(tmp_path / "fresh")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ELSEWHERE, *map(str, words)],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.strip() == "the same everywhere", done.stderr[-3000:]


def test_the_repository_says_what_it_is_and_holds_no_pickle_and_no_path(hub, tuned):
    run, _ = tuned
    fra_zoo.publish(run, "acme/tuned")
    repository = hub.repos["models/acme/tuned"]
    files = repository["commits"][repository["branches"]["main"]]["files"]
    assert {"config.json", "model.safetensors", "README.md", "results.json", "training.json"} <= set(files)
    assert not [name for name in files if name.endswith((".bin", ".pt", ".pth", ".pkl"))]
    card = (Path(hub.root) / "blobs" / files["README.md"]["sha256"]).read_text()
    for part in (
        'fra_zoo.create_model("hf-hub:acme/tuned", pretrained=True)',
        'timm.create_model("hf-hub:acme/tuned", pretrained=True)',
        "AutoModelForImageClassification.from_pretrained",
        "license: other",
        "| sadness | 16 | 0.5625 |",
        "| contempt | 0 | no faces |",
        "`accelerate launch recipes/finetune.py --root PATH`",
        "3137 faces, 8 classes; epoch 2, chosen on valid",
        "model-index",
        "not a feeling",
    ):
        assert part in card, part
    for name in ("README.md", "training.json"):
        assert "/home/me" not in (Path(hub.root) / "blobs" / files[name]["sha256"]).read_text()


def test_methods_come_back_with_their_heads(hub, pretrained, no_cache):
    run, method = pretrained
    fra_zoo.publish(run, "acme/fra")
    no_cache()
    loaded = fra_zoo.create_method("hf-hub:acme/fra")
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(loaded.regions(x), method.regions(x), rtol=0, atol=0)
    with pytest.raises(FraZooError, match="brings its backbone and options"):
        fra_zoo.create_method("hf-hub:acme/fra", "resnet18")


def test_publishing_again_sends_nothing_and_a_tag_pins(hub, tuned, tmp_path):
    run, model = tuned
    fra_zoo.publish(run, "acme/tuned", revision="v1")
    first = hub.repos["models/acme/tuned"]["branches"]["main"]
    fra_zoo.publish(run, "acme/tuned", revision="v1")
    assert hub.repos["models/acme/tuned"]["branches"]["main"] == first
    from fra_zoo.hub import export_model
    from fra_zoo.labels import FERPLUS
    from fra_zoo.views.spec import ViewSpec

    other = classifier(1)
    export_model(other, run / "export", view=ViewSpec(48), labels=FERPLUS)
    fra_zoo.publish(run, "acme/tuned")
    weight = "fc.weight"
    pinned = fra_zoo.create_model("hf-hub:acme/tuned@v1").state_dict()[weight]
    assert pinned.equal(model.state_dict()[weight])
    assert fra_zoo.create_model("hf-hub:acme/tuned").state_dict()[weight].equal(other.state_dict()[weight])
    assert fra_zoo.create_model(f"hf-hub:acme/tuned@{first}").state_dict()[weight].equal(pinned)


def test_the_zoos_names_come_from_the_organisation_that_is_set(hub, tuned, monkeypatch):
    from fra_zoo.hub import export_model

    torch.manual_seed(0)
    model = fra_zoo.create_model("fra_resnet18")
    from fra_zoo.views.spec import ViewSpec

    export_model(model, tuned[0] / "r18", view=ViewSpec(64))
    fra_zoo.publish(tuned[0] / "r18", "acme/fra_resnet18.mine")
    monkeypatch.setenv("FRA_ZOO_ORG", "acme")
    loaded = fra_zoo.create_model("fra_resnet18.mine", pretrained=True)
    assert loaded.conv1.weight.equal(model.conv1.weight)
    with pytest.raises(FraZooError, match=r"no repository acme/byol_resnet18 at "):
        fra_zoo.create_model("byol_resnet18", pretrained=True)


def test_what_the_hub_has_now_wins_over_what_is_embedded(hub, tmp_path, monkeypatch):
    from huggingface_hub import HfApi

    from fra_zoo.hub import export_model
    from fra_zoo.views.spec import ViewSpec

    (name, *_) = fra_zoo.list_models("fra_resnet18.*", pretrained=True)
    embedded = fra_zoo.create_model(name, pretrained=True).conv1.weight
    HfApi().create_repo(f"acme/{name}")
    monkeypatch.setenv("FRA_ZOO_ORG", "acme")
    for seed in (1, 2):  # the second is a newer revision of the same repository
        torch.manual_seed(seed)
        model = timm.create_model("resnet18", num_classes=0, output_stride=8)
        folder = export_model(model, tmp_path / str(seed), view=ViewSpec(40))
        HfApi().upload_folder(repo_id=f"acme/{name}", folder_path=folder)
        for create in (fra_zoo.create_model, timm.create_model):
            loaded = create(name, pretrained=True)
            assert loaded.conv1.weight.equal(model.conv1.weight)
            assert loaded(torch.zeros(1, 3, 40, 40)).shape == (1, 512)
            maps = loaded.forward_features(torch.zeros(1, 3, 40, 40))
            assert maps.shape[2:] == (5, 5)  # its stride, not the embedded one's
            assert loaded.pretrained_cfg["input_size"][-1] == 40
    monkeypatch.delenv("FRA_ZOO_ORG")
    for create in (fra_zoo.create_model, timm.create_model):
        assert create(name, pretrained=True).conv1.weight.equal(embedded)


def test_half_the_size_and_the_same_everywhere(tuned, tmp_path, capsys):
    run, model = tuned
    folder = tmp_path / "test_resnet.tuned"
    main(["publish", str(run), "--to", str(folder), "--half", "true"])
    assert "model.safetensors" in capsys.readouterr().out
    state = load_file(folder / "model.safetensors")
    own = model.state_dict()
    assert {value.dtype for value in state.values() if value.ndim > 1} == {torch.float16}
    assert all(value.equal(own[key]) for key, value in state.items() if value.ndim < 2)
    assert all(torch.equal(value, own[key].half()) for key, value in state.items() if value.ndim > 1)
    x = torch.randn(2, 3, 48, 48)
    ours = fra_zoo.create_model(f"local-dir:{folder}").eval()
    with torch.no_grad():
        torch.testing.assert_close(ours(x), model(x), rtol=0.02, atol=0.02)
        torch.save((x, ours(x)), tmp_path / "expected.pt")
    code = f"""
import sys, torch
sys.modules["fra_zoo"] = None
import timm
from transformers import AutoModelForImageClassification
x, expected = torch.load({str(tmp_path / "expected.pt")!r})
with torch.no_grad():
    theirs = timm.create_model("local-dir:{folder}", pretrained=True).eval()(x)
    torch.testing.assert_close(theirs, expected, rtol=0, atol=0)
    model = AutoModelForImageClassification.from_pretrained({str(folder)!r}).eval()
    torch.testing.assert_close(model(x).logits, expected, rtol=0, atol=0)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
    with pytest.raises(SystemExit):
        main(["publish", str(run), "--to", str(folder)])
    assert "is not empty" in capsys.readouterr().err


def test_a_published_folder_keeps_what_was_watched(pretrained, tmp_path):
    run, method = pretrained
    main(["publish", str(run), "--to", str(tmp_path / "first" / "test_resnet.e1")])
    main(["publish", str(tmp_path / "first" / "test_resnet.e1"), "--to", str(tmp_path / "test_resnet.e1"), "--half"])
    for folder in (tmp_path / "first" / "test_resnet.e1", tmp_path / "test_resnet.e1"):
        assert "probe accuracy, on held-out faces during pre-training: 0.3100" in (folder / "README.md").read_text()
    x = torch.randn(1, 3, 64, 64)
    again = load_method(tmp_path / "test_resnet.e1")
    torch.testing.assert_close(again.regions(x), method.regions(x), rtol=0, atol=0.05)


def test_some_heads_are_enough_for_regions_and_the_rest_is_said(pretrained, tmp_path, caplog, capsys):
    run, method = pretrained
    folder = tmp_path / "test_resnet.e1"
    main(["publish", str(run), "--to", str(folder), "--heads", "region_decoder,pixel_projector"])
    kept = {key.split(".")[0] for key in load_file(folder / "heads.safetensors")}
    assert kept == {"region_decoder", "pixel_projector"}
    left_out = sorted({*method.heads()} - kept)
    assert json.loads((folder / "heads.json").read_text())["left_out"] == left_out
    assert f"heads too, without {', '.join(left_out)}: method.regions(images)" in (folder / "README.md").read_text()
    with caplog.at_level("INFO", "fra_zoo"):
        again = load_method(folder)
    assert f"was published without its heads {', '.join(left_out)}" in caplog.text
    x = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(again.regions(x), method.regions(x), rtol=0, atol=0)
    for words, message in [
        ([str(run), "--heads", "projectr"], "has no head 'projectr'; did you mean 'projector'?"),
        ([str(folder), "--heads", "projector"], "has no head 'projector'"),
    ]:
        with pytest.raises(SystemExit):
            main(["publish", *words, "--to", str(tmp_path / "other")])
        assert message in capsys.readouterr().err
    main(["publish", str(folder), "--to", str(tmp_path / "smaller"), "--heads", "region_decoder"])
    assert "pixel_projector" in json.loads((tmp_path / "smaller" / "heads.json").read_text())["left_out"]


def test_what_comes_with_the_package_is_published_in_one_go(hub, tuned, tmp_path, monkeypatch, capsys):
    module = importlib.import_module("fra_zoo.hub.publish")  # `fra_zoo.hub.publish` itself is the function
    monkeypatch.setattr(module, "BUNDLED", {"test_resnet": {}})
    with pytest.raises(FraZooError, match="no weights come with the package"):
        module.publish_bundled("acme")
    folders = [tmp_path / name for name in ("test_resnet.tuned", "test_resnet.other")]
    for folder in folders:
        main(["publish", str(tuned[0]), "--to", str(folder)])
    monkeypatch.setattr(module, "BUNDLED", {"test_resnet": {one.name: BundledWeights(one) for one in folders}})
    main(["publish", "--all", "acme"])
    assert capsys.readouterr().out.count("published and compared bit for bit") == 2
    for folder in folders:
        loaded = fra_zoo.create_model(f"hf-hub:acme/{folder.name}").state_dict()
        assert all(value.equal(loaded[key]) for key, value in load_file(folder / "model.safetensors").items())


def test_dry_run_leaves_the_hub_alone(hub, tuned, capsys):
    folder = Path(fra_zoo.publish(tuned[0], "acme/tuned", dry_run=True))
    assert (folder / "README.md").is_file()
    assert hub.log == []
    main(["publish", str(tuned[0]), "--repo", "acme/tuned", "--dry-run"])
    assert "model.safetensors" in capsys.readouterr().out
    assert hub.log == []


def test_nothing_is_made_before_everything_is_checked(hub, tuned):
    run, _ = tuned
    weights = run / "export" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:500])
    with pytest.raises(FraZooError, match="is not a whole safetensors file"):
        fra_zoo.publish(run, "acme/tuned")
    with pytest.raises(FraZooError, match="is no export and no run folder"):
        fra_zoo.publish(run / "nothing", "acme/tuned")
    assert hub.log == []


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("hf_wrong", "refuses the token: log in with `hf auth login` or set HF_TOKEN"),
        ("hf_reader", "your token may not do this with acme/tuned"),
        ("hf_outsider", "your token may not do this with acme/tuned"),
        (None, "refuses the token"),
    ],
)
def test_tokens_that_may_not_write(hub, tuned, token, expected, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(FraZooError) as error:
        fra_zoo.publish(tuned[0], "acme/tuned")
    assert expected in str(error.value)
    assert "\n" not in str(error.value)
    assert token is None or token not in str(error.value)


def load(repo="acme/tuned"):
    return fra_zoo.create_model(f"hf-hub:{repo}", pretrained=True)


def test_private_and_gated_repositories(hub, tuned, monkeypatch, no_cache):
    fra_zoo.publish(tuned[0], "acme/tuned", private=True)
    no_cache()
    for token in ("hf_outsider", None):
        monkeypatch.setenv("HF_TOKEN", token) if token else monkeypatch.delenv("HF_TOKEN")
        with pytest.raises(FraZooError, match=r"no repository acme/tuned at .*, or it is private"):
            load()
    monkeypatch.setenv("HF_TOKEN", "hf_reader")
    load()
    no_cache()
    hub.repos["models/acme/tuned"] |= {"private": False, "gated": "manual"}
    monkeypatch.setenv("HF_TOKEN", "hf_outsider")
    with pytest.raises(FraZooError, match="acme/tuned is gated: ask for access at"):
        load()


def test_missing_repository_revision_and_file(hub, tuned, no_cache):
    with pytest.raises(FraZooError, match="no repository acme/none at"):
        load("acme/none")
    fra_zoo.publish(tuned[0], "acme/tuned")
    with pytest.raises(FraZooError, match="acme/tuned has no revision 'v9'"):
        load("acme/tuned@v9")
    no_cache()
    repository = hub.repos["models/acme/tuned"]
    del repository["commits"][repository["branches"]["main"]]["files"]["model.safetensors"]
    with pytest.raises(FraZooError, match="acme/tuned lacks a file"):
        load()
    with pytest.raises(FraZooError, match="is no repository name; give ORG/NAME"):
        load("acme/one/two")
    fra_zoo.publish(tuned[0], "acme/plain")
    with pytest.raises(FraZooError, match=r"has no heads.safetensors: it is no export of a self-supervised method"):
        load_method("hf-hub:acme/plain")


def test_the_hub_stumbles_twice_and_for_ever(hub, tuned, no_cache):
    hub.faults[:] = [{"method": "PUT", "path": "^/lfs/", "times": 2, "status": 503, **NOW}]
    fra_zoo.publish(tuned[0], "acme/tuned")
    before = hub.repos["models/acme/tuned"]["branches"]["main"]
    no_cache()
    hub.faults[:] = [{"path": ".", "times": 10**6, "status": 503, **NOW}]
    with pytest.raises(FraZooError, match=r"(answers with an error of its own \(503\)|cannot be reached)"):
        load()
    with pytest.raises(FraZooError, match=r"answers with an error of its own \(503\): wait and run the same again"):
        fra_zoo.publish(tuned[0], "acme/tuned")
    hub.faults[:] = []
    assert hub.repos["models/acme/tuned"]["branches"]["main"] == before
    load()


def test_an_upload_that_fails_for_ever_leaves_the_branch_and_is_repeated(hub, tuned):
    hub.faults[:] = [{"method": "PUT", "path": "^/lfs/", "times": 10**6, "status": 503, **NOW}]
    with pytest.raises(FraZooError, match=r"answers with an error of its own \(503\)"):
        fra_zoo.publish(tuned[0], "acme/tuned")
    repository = hub.repos["models/acme/tuned"]
    assert set(repository["commits"][repository["branches"]["main"]]["files"]) == {".gitattributes"}
    hub.faults[:] = []
    fra_zoo.publish(tuned[0], "acme/tuned")
    load()


def test_a_download_that_breaks_off_goes_on(hub, tuned, no_cache):
    fra_zoo.publish(tuned[0], "acme/tuned")
    no_cache()
    hub.faults[:] = [{"method": "GET", "path": "^/lfs/", "times": 2, "truncate": 70_000}]
    assert load().state_dict()["fc.weight"].equal(tuned[1].state_dict()["fc.weight"])


def test_a_damaged_file_leaves_the_cache_and_is_not_loaded(hub, tuned):
    from huggingface_hub import constants

    fra_zoo.publish(tuned[0], "acme/tuned")
    load()
    (file,) = Path(constants.HF_HUB_CACHE).glob("models--acme--tuned/snapshots/*/model.safetensors")
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.resolve().write_bytes(bytes(content))
    with pytest.raises(FraZooError, match=r"model.safetensors in the cache was damaged .* load it again"):
        load()
    load()


def test_offline_uses_the_cache_and_asks_nobody(hub, tuned, monkeypatch, no_cache):
    from huggingface_hub import constants

    fra_zoo.publish(tuned[0], "acme/tuned")
    load()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    asked = len(hub.log)
    load()
    assert len(hub.log) == asked
    no_cache()
    with pytest.raises(FraZooError, match="HF_HUB_OFFLINE is set and acme/tuned is not in the cache"):
        load()


def test_no_network_is_one_line(tuned, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    with pytest.raises(FraZooError, match=r"cannot be reached for acme/tuned .*: check the network, then run the same"):
        fra_zoo.publish(tuned[0], "acme/tuned")


def test_a_full_disk_is_one_line(hub, tuned, monkeypatch, no_cache):
    import errno

    fra_zoo.publish(tuned[0], "acme/tuned")
    no_cache()

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("fra_zoo.io.remote.hf_hub_download", full)
    with pytest.raises(FraZooError, match=r"the disk is full \(.*\): free some space, or set HF_HOME"):
        load()


def test_a_wrong_architecture_is_one_line(hub, tuned, no_cache):
    import json

    run, _ = tuned
    config = run / "export" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"architecture": "test_vit"}))
    with pytest.raises(FraZooError, match="the export does not load in timm"):
        fra_zoo.publish(run, "acme/tuned")
    assert hub.log == []


SERVER = Path(__file__).with_name("hub_server.py")


def start_server(root, port, faults="[]"):
    users = '{"hf_alice": ["alice", ["acme"], "write"]}'
    process = subprocess.Popen(
        [sys.executable, str(SERVER), str(root), str(port), users, faults], stdout=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    return process


def kill_when(process, ready, killed):
    """A thread that kills it once that is so, and notes whether it came."""

    def wait():
        deadline = time.monotonic() + 60
        while not ready() and time.monotonic() < deadline:
            time.sleep(0.002)
        killed.append(time.monotonic() < deadline)
        os.kill(process.pid, signal.SIGKILL)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


@pytest.mark.slow
def test_a_server_killed_in_mid_upload_and_in_mid_download(tuned, tmp_path, hub_port, monkeypatch):
    from huggingface_hub import constants
    from huggingface_hub.utils import close_session

    run, model = tuned
    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "server"
    slow = '[{"method": "PUT", "path": "^/lfs/", "times": 1000, "sleep": 0.5}]'
    process = start_server(root, hub_port, slow)
    killed = []
    killer = kill_when(process, lambda: list((root / "blobs").glob("*.tmp")), killed)
    with pytest.raises(FraZooError, match="cannot be reached for acme/tuned"):
        fra_zoo.publish(run, "acme/tuned")
    killer.join()
    process.wait()
    process.stdout.close()
    process = start_server(root, hub_port)
    close_session()
    fra_zoo.publish(run, "acme/tuned")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    slow = '[{"method": "GET", "path": "^/lfs/", "times": 1000, "truncate": 70000}]'
    process = start_server(root, hub_port, slow)
    killer = kill_when(process, lambda: list((tmp_path / "cache").rglob("*.incomplete")), killed)
    with pytest.raises(FraZooError, match="cannot be reached for acme/tuned"):
        load()
    killer.join()
    process.wait()
    process.stdout.close()
    assert killed == [True, True]
    assert not list((tmp_path / "cache").glob("models--acme--tuned/snapshots/*/model.safetensors"))
    process = start_server(root, hub_port)
    try:
        assert load().state_dict()["fc.weight"].equal(model.state_dict()["fc.weight"])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_exports_of_ours_are_read_as_they_were(tuned):
    run, model = tuned
    state = load_file(run / "export" / "model.safetensors")
    assert all(state[name].equal(value) for name, value in model.state_dict().items())


@pytest.mark.parametrize("gated", [False, "manual"])
def test_a_dataset_streams_with_the_token_that_its_storage_may_not_see(hub, tmp_path, monkeypatch, gated):
    from datasets import Dataset, Features, Image
    from huggingface_hub import HfApi

    from fra_zoo.data import create_dataset
    from fra_zoo.data.stream.streaming import ShardLoader

    png = io.BytesIO()
    PIL.Image.new("RGB", (9, 9)).save(png, "png")
    rows = {"image": [{"bytes": png.getvalue(), "path": None}] * 2}
    for split in ("train", "test"):
        (tmp_path / "faces" / split).mkdir(parents=True)
        Dataset.from_dict(rows, features=Features({"image": Image()})).to_parquet(tmp_path / f"faces/{split}/0.parquet")
    api = HfApi()
    api.create_repo("acme/faces", repo_type="dataset", private=True)
    api.upload_folder(repo_id="acme/faces", repo_type="dataset", folder_path=tmp_path / "faces")
    data = create_dataset("hub", "train", "acme/faces", streaming=True)
    assert [file.rpartition("/resolve/main/")[2] for file in data.dataset.files] == ["train/0.parquet"]
    assert len(next(ShardLoader(data, 8, 2, 1).epoch(0))["image"]) == 2
    hub.repos["datasets/acme/faces"]["private"] = not gated
    hub.repos["datasets/acme/faces"]["gated"] = gated
    monkeypatch.setenv("HF_TOKEN", "hf_outsider")
    with pytest.raises(FraZooError, match="acme/faces is gated: ask for access" if gated else "it is private and your"):
        next(ShardLoader(data, 8, 2, 1).epoch(0))


@pytest.mark.parametrize("file", ["config.json", "results.json", "run.json", "training.json"])
def test_broken_files_of_a_run_are_named(tuned, file):
    run, _ = tuned
    place = run / "export" / file if file == "config.json" else run / file
    for content, expected in (("version https://git-lfs.github.com/spec/v1\n", "git lfs pull"), ("{", "copy it again")):
        place.write_text(content)
        with pytest.raises(FraZooError, match=f"{file} .*{expected}"):
            fra_zoo.publish(run, "acme/x", dry_run=True)


def test_metrics_that_a_kill_cut_are_read_as_far_as_they_go(pretrained):
    from fra_zoo.hub.run_facts import read_facts

    run, _ = pretrained
    with open(run / "metrics.jsonl", "a") as file:
        file.write('{"step": 2, "probe_accu')
    assert read_facts(run, run / "export").monitored == {"probe_accuracy": 0.31}
