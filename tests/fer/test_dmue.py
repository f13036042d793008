"""DMUE against the numbers of its published code, and against plain loops."""

from __future__ import annotations

import copy

import pytest
import timm
import torch
import torch.nn.functional as F

from fra_zoo.data import create_dataset
from fra_zoo.data.loading import FaceLoader, Faces
from fra_zoo.data.sampling import class_batches_order
from fra_zoo.errors import FraZooError
from fra_zoo.fer import create_objective
from fra_zoo.fer.objectives.dmue import ramps
from fra_zoo.layers.norm import gather_batch_norms
from fra_zoo.losses.label_distribution import latent_distribution_loss, sharpen, with_class, without_class
from fra_zoo.losses.similarity import class_similarity, similarity_preserving_loss
from fra_zoo.views.random import sample_keys

FAMILIES = {"resnet18": {}, "convnext_atto": {}, "efficientnet_b0": {}, "vit_tiny_patch16_224": {"img_size": 64}}


def make(name="test_resnet", classes=4, **options):
    model = timm.create_model(name, num_classes=classes, **FAMILIES.get(name, {}))
    return create_objective("dmue", model, image_size=64, **options)


def batch(classes=4, each=3):
    label = torch.arange(classes).repeat(each)
    return {"views": [torch.randn(len(label), 3, 64, 64)], "label": label}


def test_latent_distributions_and_their_loss_are_golden():
    logits = torch.tensor([[2.0, 0, -1], [0.5, 1, 0], [-1, 0, 3], [1, 1, 1]])
    label = torch.tensor([0, 1, 2, 0])
    mined = {0: [[1.0, 0], [0, 0]], 1: [[2.0, -1]], 2: [[0.0, 1]]}
    soft = torch.zeros(4, 3)
    for k, rows in mined.items():
        soft[label == k] = with_class(sharpen(torch.tensor(rows), 1.2), k)
    expected = [[0, 0.697059, 0.302941], [0.924142, 0, 0.075858], [0.302941, 0.697059, 0], [0, 0.5, 0.5]]
    torch.testing.assert_close(soft, torch.tensor(expected), atol=1e-6, rtol=0)
    assert latent_distribution_loss(logits, soft, label).item() == pytest.approx(0.11341286, abs=1e-7)


def test_similarity_preserving_is_golden():
    first = similarity_preserving_loss(
        torch.tensor([[1.0, 2], [0, 1], [3, -1]]), torch.tensor([[1.0, 0], [1, 1], [0, 2]])
    )
    second = similarity_preserving_loss(torch.eye(2), torch.tensor([[2.0, 0], [1, 1]]))
    assert first.item() == pytest.approx(0.21840093, abs=1e-7)
    assert second.item() == pytest.approx(0.19923301, abs=1e-7)


@pytest.mark.parametrize(("classes", "whole", "inference"), [(8, 78_360_274, 11_181_632), (7, 69_958_834, 11_181_120)])
def test_parameter_counts_of_the_published_resnet18(classes, whole, inference):
    task = make("resnet18", classes)
    assert sum(p.numel() for p in task.parameters()) == whole
    target = [task.model, task.neck, task.heads_of_branches[classes]]
    assert sum(p.numel() for module in target for p in module.parameters()) == inference


def test_ramps_of_the_published_code_and_of_the_paper():
    up = [ramps(epoch, 6, 5.0)[0] for epoch in range(7)]
    assert up == pytest.approx([0.006738, 0.031048, 0.108368, 0.286505, 0.573753, 0.870325, 1], abs=1e-6)
    down = [ramps(epoch, 6)[1] for epoch in range(7, 13)]
    assert down == pytest.approx([0.979799, 0.939413, 0.894839, 0.852144, 0.813336, 0.778801], abs=1e-6)
    assert ramps(0, 6)[0] == pytest.approx(0.367879, abs=1e-6)
    assert ramps(3, 6)[1] == 1.0


def test_class_similarity_against_a_loop_and_without_range():
    x, label = torch.randn(9, 5), torch.arange(9) % 3
    found = class_similarity(x, x, label, 3, eps=0.0)
    for i in range(9):
        row = torch.stack([
            torch.stack([F.cosine_similarity(x[i], x[j], dim=0) for j in range(9) if label[j] == c]).mean()
            for c in range(3)
        ])  # fmt: skip
        torch.testing.assert_close(found[i], (row - row.min()) / (row.max() - row.min()))
    same = torch.ones(4, 5)
    assert class_similarity(same, same, torch.arange(4) % 2, 2).isfinite().all()


def test_labels_without_a_class():
    assert without_class(torch.tensor([0, 1, 3]), 2).tolist() == [0, 1, 2]
    assert with_class(torch.tensor([[0.2, 0.8]]), 1).tolist() == [[pytest.approx(0.2), 0, pytest.approx(0.8)]]


def test_every_part_learns_in_the_papers_mode_and_not_in_the_published_one():
    for mode, learns in (("paper", True), ("official", False)):
        task = make(mode=mode)
        chosen = {id(p) for group in task.param_groups(1e-4) for p in group["params"]}
        assert (id(task.neck.weight) in chosen) == learns
        assert all((id(p) in chosen) == learns for p in task.uncertainty.parameters())
        assert not task.neck.bias.requires_grad
        task(batch())["loss"].backward()
        for parameter in (*task.model.parameters(), *task.auxiliary.parameters(), *task.heads_of_branches.parameters()):
            assert parameter.grad is not None
            assert parameter.grad.isfinite().all()


def test_the_published_code_leaves_training_mode_after_200_steps():
    official, paper = make(mode="official"), make()
    for task in (official, paper):
        task.train()
        task.before_step(199, 500, 1000)
        assert task.training
        task.before_step(200, 500, 1000)
    assert not official.training
    assert paper.training


def test_ramps_follow_the_steps_and_the_rates_the_milestones():
    task = make(ramp=0.5)
    task.before_step(25, 10, 100)
    assert task.ramp.tolist() == pytest.approx(ramps(2.5, 5.0))
    heads = task.param_groups(1e-4)[1]["milestones"]
    assert heads[0] == (pytest.approx(4 / 36), 10.0)


def test_a_run_of_one_epoch_ramps_too():
    task = make(ramp=0.5)
    found = []
    for step in (0, 50, 100, 150, 199):
        task.before_step(step, 200, 200)
        found.append(task.ramp.tolist())
    up, down = zip(*found, strict=True)
    assert up == pytest.approx([0.367879, 0.778801, 1, 1, 1], abs=1e-6)
    assert down == pytest.approx([1, 1, 1, 0.894839, 0.780755], abs=1e-6)


def test_the_published_ramp_stands_still_within_each_of_36_epochs():
    task = make(mode="official")
    for step, epoch in ((0, 0), (9, 0), (10, 1), (59, 5), (60, 6), (119, 11)):
        task.before_step(step, 10, 360)
        assert task.ramp.tolist() == pytest.approx(ramps(epoch, 6, 5.0), abs=1e-6)
    task.before_step(25, 10, 100)  # a shorter run goes through the same milestones
    assert task.ramp.tolist() == pytest.approx(ramps(9, 6, 5.0), abs=1e-6)


def neck_inputs(task, one):
    """What goes into the neck in a step, in order."""
    seen = []
    hook = task.neck.register_forward_hook(lambda module, args, out: seen.append(args[0].detach().clone()))
    task(one)
    hook.remove()
    return seen


@pytest.mark.parametrize("mode", ["paper", "official"])
def test_the_branches_of_a_face_share_its_dropout_mask_but_in_the_published_code(mode):
    task, one = make("vit_tiny_patch16_224", mode=mode), batch()  # its features are never 0 of themselves
    whole, label = neck_inputs(task, one), one["label"]
    dropped = [(x == 0) for x in whole if (x == 0).any()]
    target, auxiliary = dropped[0], dropped[1:]
    assert len(auxiliary) == 4
    assert [len(rows) for rows in auxiliary] == [9] * 4
    assert 0.45 < target.float().mean() < 0.55
    assert len(target.unique(dim=0)) == len(label)
    for k, rows in enumerate(auxiliary):
        assert rows.equal(target[label != k]) == (mode == "paper")
    assert not (neck_inputs(task, one)[0] == 0).equal(target)
    assert not any((x == 0).any() for x in neck_inputs(task.eval(), one))


def test_branches_that_are_copies_are_alike_under_dropout():
    """The similarity loss of equal branches is noise alone: of the masks in the published code; here hardly any."""
    found = {}
    for mode in ("paper", "official"):
        torch.manual_seed(0)
        task = make("vit_tiny_patch16_224", mode=mode, sp_source="features")
        found[mode] = task(batch(each=9))["loss_similarity"].item()
    assert found["paper"] < 0.05 * found["official"]


@pytest.mark.parametrize("joined", [False, True])
def test_the_necks_statistics_are_those_of_the_targets_features_alone(joined):
    task = gather_batch_norms(make()) if joined else make()
    width = len(task.neck.weight)
    means, variances = torch.zeros(width), torch.ones(width)
    for _ in range(2):
        one = batch()
        with torch.no_grad():
            features = copy.deepcopy(task).embed(one["views"][0])
        means = 0.9 * means + 0.1 * features.mean(0)
        variances = 0.9 * variances + 0.1 * features.var(0)
        task(one)
        torch.testing.assert_close(task.neck.running_mean, means)
        torch.testing.assert_close(task.neck.running_var, variances)
    assert task.neck.num_batches_tracked == 2
    task.eval()(batch())
    torch.testing.assert_close(task.neck.running_mean, means)


def test_every_branch_moves_the_necks_statistics_in_the_published_code():
    task = make(mode="official")
    task(batch())
    assert task.neck.num_batches_tracked == 9  # the target, four branches, and each again for the faces of its class


NOISY = [
    ("test_resnet", {"drop_rate": 0.1}),
    ("test_resnet", {"drop_path_rate": 0.1}),
    ("test_resnet", {"drop_block_rate": 0.1}),
    ("test_convnext", {"drop_rate": 0.1}),
    ("test_convnext", {"drop_path_rate": 0.1}),
    ("test_efficientnet", {"drop_rate": 0.1}),
    ("test_efficientnet", {"drop_path_rate": 0.1}),
    ("test_vit", {"drop_rate": 0.1}),
    ("test_vit", {"proj_drop_rate": 0.1}),
    ("test_vit", {"attn_drop_rate": 0.1}),
    ("test_vit", {"drop_path_rate": 0.1}),
]


@pytest.mark.parametrize(("name", "noise"), NOISY)
def test_noise_of_the_models_own_is_refused_where_branches_are_compared(name, noise):
    def model():
        return timm.create_model(name, num_classes=4, **noise)

    with pytest.raises(FraZooError, match="drop_rate or drop_path_rate draws for each branch apart") as caught:
        create_objective("dmue", model(), image_size=64)
    assert "\n" not in str(caught.value)
    create_objective("dmue", model(), image_size=64, similarity_weight=0.0)
    create_objective("dmue", model(), image_size=64, mode="official")


@pytest.mark.parametrize("name", FAMILIES)
def test_the_exported_classifier_is_the_target_branch(name):
    task = make(name)
    task(batch())["loss"].backward()
    torch.nn.init.normal_(task.heads_of_branches[-1].weight)
    task.eval()
    x = torch.randn(3, 3, 64, 64)
    with torch.no_grad():
        plain = task.classifier()
        torch.testing.assert_close(plain(x).softmax(1), task.probabilities(x), atol=1e-5, rtol=1e-4)
    fresh = timm.create_model(name, num_classes=4, **FAMILIES[name])
    assert plain.state_dict().keys() == fresh.state_dict().keys()
    assert (
        len({p.data_ptr() for p in task.auxiliary.parameters()} & {p.data_ptr() for p in task.model.parameters()}) == 0
    )


def test_bad_choices():
    with pytest.raises(FraZooError, match="mode 'offical' is unknown; did you mean 'official'"):
        make(mode="offical")
    with pytest.raises(FraZooError, match=r"'swin_tiny_patch4_window7_224' .* has no last stage that can be cloned"):
        create_objective("dmue", timm.create_model("swin_tiny_patch4_window7_224", num_classes=3), image_size=224)
    with pytest.raises(FraZooError, match="unknown option 'temprature'; did you mean 'temperature'"):
        make(temprature=2)
    with pytest.raises(FraZooError, match="linear is for the other objectives"):
        make(linear=True)


def test_class_batches_hold_two_of_every_class_in_every_process():
    faces = Faces(create_dataset("synthetic-faces", "train", count=400, size=16).labelled(), 16)
    classes = faces.columns["label"].unique()
    for rank in range(2):
        loader = FaceLoader(faces, 20, rank=rank, world=2, sampling="class_batches")
        batches = list(loader.epoch(0))
        assert len(batches) == len(faces) // 40
        for one in batches:
            counts = torch.bincount(one["label"], minlength=8)[classes]
            assert counts.min() >= 2
            assert counts.max() - counts.min() <= 1
            assert len(one["key"].unique()) == 20
    with pytest.raises(
        FraZooError, match="no room for two faces of each of 8 classes; take a batch_size of at least 16"
    ):
        FaceLoader(faces, 12, sampling="class_batches")


def test_class_batches_use_every_face_of_a_class_before_any_comes_again():
    label = torch.cat([torch.zeros(50), torch.ones(6)]).long()
    order = class_batches_order(label, sample_keys(0, 0, torch.arange(56)), 4, 12)
    rare = order[label[order] == 1]
    for start in range(0, 24, 6):
        assert sorted(rare[start : start + 6].tolist()) == list(range(50, 56))
    assert len(order[label[order] == 0].unique()) == 24
