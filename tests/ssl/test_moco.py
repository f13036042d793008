"""What is MoCo's own: the queue, the shuffled norms, and the choices that depend on the backbone."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from fra_zoo.errors import FraZooError
from fra_zoo.layers.norm import gather_batch_norms
from fra_zoo.layers.positions import sincos_positions
from tests.methods import batch_for, make


def test_the_queue_takes_the_keys_in_turn_and_wraps_around():
    method = make("moco_v2", queue=10)
    for first in (0, 4, 8):
        batch = batch_for(method)
        before = method.queue.clone()
        method(batch)
        rows = [(first + i) % 10 for i in range(4)]
        others = [row for row in range(10) if row not in rows]
        assert method.queue[others].equal(before[others])
        assert not method.queue[rows].isclose(before[rows]).all(1).any()
        assert int(method.place) == (first + 4) % 10
    torch.testing.assert_close(method.queue.norm(dim=1), torch.ones(10))


def test_the_queue_rests_in_evaluation():
    method = make("moco_v2").eval()
    before = method.queue.clone()
    method(batch_for(method))
    assert method.queue.equal(before)


def test_a_queue_smaller_than_the_batch_is_refused():
    method = make("moco_v2", queue=3)
    batch = batch_for(method)
    with pytest.raises(FraZooError, match="queue 3 is smaller than the batch of 4"):
        method(batch)


def test_keys_come_back_to_their_queries():
    """Without batch norms the shuffle must change nothing."""
    method = make("moco_v2", "test_vit")
    batch = batch_for(method, 8)
    keys = method._keys(batch["views"][1], batch["shuffle"], 2)
    (plain,) = method.target_outputs(batch["views"][1:])
    torch.testing.assert_close(keys, plain[1])


def test_queries_and_keys_see_norms_of_other_groups():
    method = make("moco_v2", norm_groups=2)
    assert method._groups() == 2
    batch = batch_for(method, 8)
    order = batch["shuffle"].argsort()
    keys = method._keys(batch["views"][1], batch["shuffle"], 2)
    expected = torch.empty_like(keys)
    for part in order.chunk(2):
        expected[part] = method.target(batch["views"][1][part])[1]
    torch.testing.assert_close(keys, expected)
    assert gather_batch_norms(method)._groups() == 1
    assert make("moco_v2", "test_vit")._groups() == 1


def test_v2_starts_at_the_loss_of_its_own_definition():
    method = make("moco_v2", "test_vit")
    batch = batch_for(method)
    queue = method.queue.clone()
    _, q = method.online(batch["views"][0])
    _, k = method.target(batch["views"][1])
    scores = torch.cat([(q * k).sum(1, keepdim=True), q @ queue.T], 1) / 0.2
    torch.testing.assert_close(method(batch)["loss"], F.cross_entropy(scores, torch.zeros(4, dtype=torch.long)))


def test_v3_follows_the_backbone():
    resnet, vit = make("moco_v3"), make("moco_v3", "test_vit")
    assert (resnet.optim.optimizer, vit.optim.optimizer) == ("lars", "adamw")
    assert (resnet.config.temperature, vit.config.temperature) == (1.0, 0.2)
    crops = [method.views[0].operations[0].scale[0] for method in (resnet, vit)]
    assert crops == [0.2, 0.08]
    assert make("moco_v3", "test_vit", temperature=0.5, crop_min=0.3).config.temperature == 0.5
    assert len(vit.online.projector) > len(resnet.online.projector)
    patches = vit.backbone.patch_embed.proj.weight
    assert not patches.requires_grad
    assert not vit.backbone.pos_embed.requires_grad
    torch.testing.assert_close(vit.backbone.pos_embed[0], sincos_positions(4, 4, 64, 1))
    assert make("moco_v3", "test_vit", freeze_patches=False).backbone.patch_embed.proj.weight.requires_grad
    bound = (6 / (64 + 64)) ** 0.5
    largest = vit.backbone.blocks[0].attn.qkv.weight.abs().max()
    assert 0.95 * bound < largest <= bound


def test_v3_decays_all_parameters_of_a_vit_and_the_matrices_of_a_resnet():
    decayed, plain = make("moco_v3", "test_vit").param_groups(0.1)
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.1, 0.0)
    assert plain["params"] == []
    assert {p.ndim for p in decayed["params"]} == {1, 2, 3}  # norms and biases, matrices, the class token
    decayed, plain = make("moco_v3").param_groups(1e-6)
    assert {p.ndim for p in plain["params"]} == {1}
    assert {p.ndim for p in decayed["params"]} == {2, 4}
