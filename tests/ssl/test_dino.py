"""What is DINO's own: small views, a centred and sharp teacher, prototypes that rest at first."""

from __future__ import annotations

import pytest
import timm
import torch

from fra_zoo.layers.vit import take_any_size
from fra_zoo.losses.distillation import cross_view_entropy
from tests.methods import batch_for, make


@pytest.mark.parametrize("views", [2, 5])
def test_the_loss_is_the_mean_over_pairs_of_other_views(views):
    student = [torch.randn(3, 7, dtype=torch.float64) for _ in range(views)]
    teacher = [torch.randn(3, 7, dtype=torch.float64).softmax(1) for _ in range(2)]
    terms = []
    for t in range(2):
        for v in range(views):
            if v == t:
                continue
            for face in range(3):
                p = (student[v][face] / 0.1).exp() / (student[v][face] / 0.1).exp().sum()
                terms.append(-sum(teacher[t][face][k] * p[k].log() for k in range(7)))
    expected = sum(terms) / len(terms)
    torch.testing.assert_close(cross_view_entropy(student, teacher, 0.1), expected)


def test_the_student_alone_sees_small_parts():
    method = make("dino", local_crops=3)
    assert [view.size for view in method.views] == [64, 64, 32, 32, 32]
    assert [view.size for view in make("dino", local_crops=0).views] == [64, 64]
    shapes = {"online": [], "target": []}
    for name, seen in shapes.items():
        getattr(method, name).register_forward_pre_hook(lambda _, x, seen=seen: seen.append(tuple(x[0].shape)))
    method(batch_for(method))
    assert shapes == {"online": [(8, 3, 64, 64), (12, 3, 32, 32)], "target": [(8, 3, 64, 64)]}


def test_the_centre_follows_the_teachers_mean():
    method = make("dino", center_momentum=0.75)
    batch = batch_for(method)
    with torch.no_grad():
        ((_, answers),) = method.target_outputs([torch.cat(batch["views"][:2])])
    method.center.fill_(1.0)
    method(batch)
    torch.testing.assert_close(method.center, 0.75 + 0.25 * answers.mean(0))
    before = method.center.clone()
    method.eval()(batch)
    assert method.center.equal(before)


def test_a_centred_teacher_has_no_favourite():
    """Answers that are all alike are even once the centre has come to them: no prototype takes all."""
    method = make("dino")
    answers = torch.randn(1, 32).expand(8, 32)
    for _ in range(200):
        method._move_center(answers)
    torch.testing.assert_close(((answers - method.center) / 0.04).softmax(1), torch.full((8, 32), 1 / 32))


def test_the_teachers_temperature_rises_in_its_warm_up():
    method = make("dino", teacher_start=0.04, teacher_temperature=0.07, teacher_warmup=0.5)
    found = []
    for step in (0, 5, 10, 19):
        method.before_step(step, 10, 20)
        found.append(float(method.now))
    assert found == pytest.approx([0.04, 0.055, 0.07, 0.07])


def test_prototypes_rest_in_the_first_epoch():
    method = make("dino", freeze_epochs=1.0)
    weight = method.online.head.prototypes.weight
    for step, rests in ((0, True), (9, True), (10, False)):
        method(batch_for(method))["loss"].backward()
        method.after_backward(step, 10, 100)
        assert (weight.grad is None) is rests
        method.zero_grad()


def test_a_vit_of_one_size_takes_small_parts_as_timms_own_way_does():
    torch.manual_seed(0)
    ours = timm.create_model("test_vit", img_size=64, num_classes=0).eval()
    theirs = timm.create_model("test_vit", img_size=64, num_classes=0, dynamic_img_size=True).eval()
    theirs.load_state_dict(ours.state_dict())
    whole, part = torch.randn(2, 3, 64, 64), torch.randn(2, 3, 32, 32)
    expected = ours(whole)
    take_any_size(ours)
    torch.testing.assert_close(ours(whole), expected)
    torch.testing.assert_close(ours(part), theirs(part))
