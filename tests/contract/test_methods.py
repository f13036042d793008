"""What every registered method must do, without naming one."""

from __future__ import annotations

import copy

import pytest
import torch
from safetensors.torch import load_file, save_file

from fra_zoo.errors import FraZooError
from fra_zoo.layers.ema import momentum_at
from fra_zoo.methods import list_methods
from tests.forked import run_forked
from tests.methods import FAMILIES, batch_for, complete, families, make

METHODS = list_methods()


@pytest.fixture(params=METHODS)
def method(request):
    return make(request.param)


def test_loss_is_finite_and_features_are_detached(method):
    out = method(batch_for(method))
    assert out["loss"].dim() == 0
    assert out["loss"].isfinite()
    assert out["features"].shape == (4, method.embed(batch_for(method)["views"][0]).shape[1])
    assert not out["features"].requires_grad


def test_gradients_reach_what_trains_and_nothing_else(method):
    method(batch_for(method))["loss"].backward()
    for name, parameter in method.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
        else:
            assert parameter.grad is None, name
    assert any(p.grad.abs().sum() > 0 for p in method.backbone.parameters())


def test_target_moves_by_its_average_alone(method):
    if not hasattr(method, "target"):
        pytest.skip("no target network")
    with torch.no_grad():
        for parameter in method.online.parameters():
            parameter.add_(torch.randn_like(parameter))
    before = copy.deepcopy(method.target)
    method(batch_for(method))["loss"].backward()
    for old, new in zip(before.parameters(), method.target.parameters(), strict=True):
        torch.testing.assert_close(old, new, rtol=0, atol=0)
    method.after_step(3, 10)
    m = momentum_at(3, 10, method.config.ema_momentum, method.config.ema_schedule)
    rows = zip(before.parameters(), method.online.parameters(), method.target.parameters(), strict=True)
    for old, online, new in rows:
        torch.testing.assert_close(new, m * old + (1 - m) * online)


def test_target_buffers_are_its_own(method):
    if not hasattr(method, "target"):
        pytest.skip("no target network")
    buffers = {name: value.clone() for name, value in method.target.named_buffers()}
    method.after_step(0, 10)
    for name, value in method.target.named_buffers():
        torch.testing.assert_close(value, buffers[name], rtol=0, atol=0)


def test_state_round_trips(method, tmp_path):
    other = make(next(name for name in METHODS if type(make(name)) is type(method)))
    save_file(method.state_dict(), tmp_path / "model.safetensors")  # refuses a weight that has two names
    other.load_state_dict(load_file(tmp_path / "model.safetensors"))
    batch = batch_for(method)
    torch.testing.assert_close(method.eval()(batch)["loss"], other.eval()(batch)["loss"])


def test_bf16_is_near_fp32(method):
    batch = batch_for(method, 16)
    exact = copy.deepcopy(method)(batch)["loss"]
    with torch.autocast("cpu", torch.bfloat16):
        rounded = method(batch)["loss"]
    assert rounded.item() == pytest.approx(exact.item(), rel=0.05)


COMPILE = """
import copy, torch
from tests.methods import batch_for, make
torch.manual_seed(0)
method = make({name!r})
batch = batch_for(method)
expected = copy.deepcopy(method)(batch)["loss"]
found = torch.compile(method, fullgraph=True, backend="aot_eager")(batch)["loss"]
found.backward()
torch.testing.assert_close(found, expected)
if hasattr(method.config, "dropout"):
    torch.compile(make({name!r}, dropout=0.1), fullgraph=True, backend="aot_eager")(batch)["loss"].backward()
"""


@pytest.mark.parametrize("name", METHODS)
def test_compiles_to_one_graph(name, tmp_path):
    """In a process of its own, without the run-time checks of shapes, which no compiler can trace."""
    script = tmp_path / "compile.py"
    script.write_text(COMPILE.format(name=name))
    done = run_forked(script, [])
    assert done.returncode == 0, done.stderr[-2000:]


def test_every_head_is_named_for_export(method):
    """Trainable parameters are in the backbone or in a head, so nothing that was learned is lost."""
    kept = {id(p) for module in (method.backbone, *method.heads().values()) for p in module.parameters()}
    assert {id(p) for p in method.parameters() if p.requires_grad} <= kept


def test_unknown_option_names_the_nearest(method):
    name = next(n for n in METHODS if type(make(n)) is type(method))
    with pytest.raises(FraZooError, match="did you mean 'crop_min'"):
        make(name, crop_mim=0.9)


@pytest.mark.parametrize("name", METHODS)
def test_collapse_shows_on_a_constant_dataset(name):
    """With one image alone there is nothing to tell apart: the monitor's deviation of features must fall to zero."""
    method = make(name)
    batch = batch_for(method)
    one = [view[:1].expand(4, -1, -1, -1).clone() for view in batch["views"]]
    constant = complete(method, one, torch.zeros(4, dtype=torch.long))

    def spread(features):
        return torch.nn.functional.normalize(features, dim=1).std(0).mean().item()

    assert spread(method(constant)["features"]) < 1e-4 < spread(method(batch)["features"])


@pytest.mark.parametrize("name", METHODS)
def test_learns(name):
    """The loss on a batch falls, with queues and the like kept as they are: filling, they make it harder."""
    method = make(name)
    buffers = {name: value.clone() for name, value in method.named_buffers()}
    optimizer = torch.optim.AdamW(method.param_groups(1e-4), lr=2e-3)
    batch = batch_for(method, 8)
    first = method(batch)["loss"].item()
    for step in range(8):
        loss = method(batch)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        method.after_step(step, 8)
        method.load_state_dict(buffers, strict=False)
    assert method(batch)["loss"].item() < first


@pytest.mark.parametrize("name", METHODS)
def test_takes_backbones_of_other_families_or_names_them(name):
    """A backbone that does not suit is refused by its name (see `families`); the others train."""
    taken = families(name)
    assert "test_vit" in taken
    assert len(taken) in (1, len(FAMILIES))
    for backbone in taken:
        method = make(name, backbone)
        method(batch_for(method))["loss"].backward()
        lacking = [n for n, p in method.named_parameters() if p.requires_grad and p.grad is None]
        assert not lacking, backbone


@pytest.mark.parametrize("name", METHODS)
def test_a_given_backbone_keeps_its_weights(name):
    backbone = copy.deepcopy(make(name).backbone)
    before = copy.deepcopy(backbone.state_dict())
    method = make(name, backbone)
    assert all(value.equal(before[key]) for key, value in method.backbone.state_dict().items())


@pytest.mark.parametrize("name", METHODS)
def test_what_the_host_draws_belongs_to_the_sample(name):
    """Draws follow the keys, wherever in the batch a sample stands."""
    method = make(name)
    batch = {"text": ["a face"] * 6}
    whole = method.prepare(batch, torch.arange(6))
    part = method.prepare({"text": ["a face"] * 2}, torch.tensor([4, 1]))
    for key, value in whole.items():
        torch.testing.assert_close(part[key], value[[4, 1]])
