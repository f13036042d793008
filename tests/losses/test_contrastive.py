"""Contrastive losses and pixel errors against plain loops."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from fra_zoo.losses.contrastive import batch_info_nce, clip_loss, queue_info_nce
from fra_zoo.losses.pixels import hidden_error, normalise_patches, patchify


def softmax_loss(scores, own):
    return -math.log(math.exp(scores[own]) / sum(math.exp(s) for s in scores))


def test_queue_info_nce():
    q, k, queue = (F.normalize(torch.randn(n, 5), dim=1) for n in (4, 4, 7))
    total = 0.0
    for i in range(4):
        scores = [float(q[i] @ k[i]) / 0.2] + [float(q[i] @ queue[j]) / 0.2 for j in range(7)]
        total += softmax_loss(scores, 0)
    assert math.isclose(queue_info_nce(q, k, queue, 0.2).item(), total / 4, rel_tol=1e-5)


def test_batch_info_nce_scales_with_the_temperature_and_normalises():
    q, k = torch.randn(4, 5), torch.randn(4, 5, requires_grad=True)
    total = 0.0
    for i in range(4):
        total += softmax_loss([float(F.cosine_similarity(q[i], k[j].detach(), dim=0)) / 0.3 for j in range(4)], i)
    loss = batch_info_nce(q.requires_grad_(), k, 0.3)
    assert math.isclose(loss.item(), 2 * 0.3 * total / 4, rel_tol=1e-5)
    loss.backward()
    assert k.grad is None


def test_clip_loss_of_alike_texts_has_the_gradient_of_shared_targets():
    """Captions from labels repeat: the plain loss then pulls a face to all of its class, and is only larger."""
    image = torch.randn(4, 5, requires_grad=True)
    text = torch.randn(2, 5)[[0, 0, 1, 0]]
    scale = torch.tensor(3.0)
    (plain,) = torch.autograd.grad(clip_loss(image, text, scale), image)
    alike = torch.tensor([[1.0, 1, 0, 1], [1, 1, 0, 1], [0, 0, 1, 0], [1, 1, 0, 1]])
    shared = alike / alike.sum(1, keepdim=True)
    logits = scale * F.normalize(image, dim=1) @ F.normalize(text, dim=1).T
    loss = (F.cross_entropy(logits, shared) + F.cross_entropy(logits.T, shared)) / 2
    (expected,) = torch.autograd.grad(loss, image)
    torch.testing.assert_close(plain, expected)


def test_patches_are_rows_of_pixels_with_channels_last():
    images = torch.arange(2 * 3 * 4 * 6).view(2, 3, 4, 6).float()
    patches = patchify(images, 2, 3)
    assert patches.shape == (2, 4, 18)
    expected = [images[1, c, 2 + y, 3 + x].item() for y in range(2) for x in range(3) for c in range(3)]
    assert patches[1, 3].tolist() == expected
    normal = normalise_patches(patches)
    torch.testing.assert_close(normal.var(-1), torch.ones(2, 4))


def test_hidden_error_counts_the_hidden_alone():
    predicted, target = torch.zeros(1, 3, 2), torch.tensor([[[1.0, 1.0], [2.0, 2.0], [9.0, 9.0]]])
    assert hidden_error(predicted, target, torch.tensor([[1.0, 1.0, 0.0]])).item() == 2.5
