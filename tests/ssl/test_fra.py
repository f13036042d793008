"""FRA: its presets' weights, and regions tied across the views."""

from __future__ import annotations

import pytest
import torch

from fra_zoo.errors import FraZooError
from fra_zoo.methods.fra import FRAOutput
from fra_zoo.views.transforms import mirrored
from tests.methods import batch_for, make


def seen(similarity):
    """What a network sees of four faces, of which the relation looks at the similarity alone."""
    none = torch.zeros(4, 2)
    return FRAOutput(none, none, torch.zeros(4, similarity.shape[1], 2), similarity, similarity.softmax(1))


def test_the_paper_s_preset_weighs_as_the_paper_writes():
    """-cos over both directions, half for the face and half for the regions, and 0.1 of each view's relation."""
    method = make("fra", preset="paper", local_hidden_dim=48)
    out = method(batch_for(method))
    minus_cosines = [(out[part] - 4.0) / 2.0 for part in ("loss_whole", "loss_regions")]  # from 2 - 2 cos, twice
    paper = 0.5 * minus_cosines[0] + 0.5 * minus_cosines[1] + 0.1 * 2.0 * out["loss_relation"]
    torch.testing.assert_close(out["loss"].detach(), 2.0 * paper + 4.0)


@pytest.mark.parametrize("preset", ["paper", "official"])
def test_published_forms_need_no_places(preset):
    method = make("fra", preset=preset, local_hidden_dim=48)
    batch = batch_for(method)
    del batch["transforms"]
    assert method(batch)["loss"].isfinite()


def test_tied_regions_without_places_are_one_line():
    method = make("fra")
    batch = batch_for(method)
    del batch["transforms"]
    with pytest.raises(FraZooError, match="tie_views=False"):
        method(batch)


def test_unknown_balance_names_the_nearest():
    with pytest.raises(FraZooError, match="did you mean 'face'"):
        make("fra", balance="faces")


@pytest.mark.parametrize("balance", ["face", "batch"])
def test_a_mirrored_view_is_read_mirrored(balance):
    """Where the second view is the first one's mirror image, tying them is comparing each view with itself."""
    here = torch.eye(2, 3).expand(4, -1, -1)
    there = mirrored(here, torch.ones(4, dtype=torch.bool))
    maps = torch.rand(4, 8, 5, 5) * 0.2
    views = [seen(maps), seen(maps.flip(3))]

    def relation(places, **options):
        method = make("fra", balance=balance, **options)
        return method._relation(views, views, {"transforms": places})

    own = relation([here, here], tie_views=False)
    torch.testing.assert_close(relation([here, there]), own)
    assert relation([here, here]) > own + 1e-3  # told nothing of the mirror, it compares other pixels


def test_pixels_that_the_other_view_does_not_show_are_left_out():
    """Views of the left and the right half of a face have nothing to say to each other."""
    left, right = torch.eye(2, 3).repeat(4, 1, 1), torch.eye(2, 3).repeat(4, 1, 1)
    left[:, 0, 0] = right[:, 0, 0] = 0.5
    left[:, 0, 2], right[:, 0, 2] = -0.51, 0.51
    views = [seen(torch.rand(4, 8, 5, 5)) for _ in range(2)]
    method = make("fra", mean_entropy_weight=0.0)
    assert method._relation(views, views, {"transforms": [left, right]}).item() == 0.0
