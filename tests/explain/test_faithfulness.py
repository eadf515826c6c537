"""Faithfulness: known answers on toy models, and removal that leaves no trace of what was removed."""

import numpy as np
import pytest

from garbage_core import figures
from garbage_core.data.photo_statistics import hex_to_rgb
from garbage_core.explain.faithfulness import (
    DRAWS,
    SHARES,
    Faithfulness,
    calls,
    faithfulness,
    grid_shape,
    hottest_first,
    overlap,
    random_removal,
    remove,
)

SIZE = (60, 80)  # 15 times 20 cells of 4 by 4 pixels
THING = np.s_[20:40, 40:64]  # 5 times 6 cells: a tenth of the photo


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


@pytest.fixture
def heat():
    heat = np.zeros(SIZE)
    heat[THING] = 1
    return heat


def share_left(photo, place=THING):
    """Returns a toy model: the class is as likely as the share of the thing's pixels that are still there."""
    return lambda photos: (photos == photo).all(axis=-1)[:, place[0], place[1]].mean(axis=(1, 2))


def test_a_map_of_what_counts_has_the_area_known_by_hand(photo, heat):
    result = faithfulness(share_left(photo), photo, heat)
    # Gone with the first tenth of the photo: 1, 1/2, 0, 0... at 0, 5, 10, 20... per cent.
    np.testing.assert_allclose(result.hottest, [1, 0.5, *[0] * 5], atol=0.01)
    assert result.area == pytest.approx(0.05 * 0.75 + 0.05 * 0.25, abs=0.001)
    assert result.start == 1
    assert result.verdict == "better"
    assert result.after(0.05) == pytest.approx((0.5, result.random[:, 1].mean()), abs=0.01)
    assert result.after(0.15)[0] == 0


def test_removing_at_random_takes_from_the_thing_what_it_takes_from_the_photo(photo):
    random = random_removal(share_left(photo), photo, draws=40)
    np.testing.assert_allclose(random.probabilities.mean(axis=0), 1 - np.array(SHARES), atol=0.03)
    assert random.probabilities[:, 4].std() > 0.02
    random_areas = faithfulness(share_left(photo), photo, np.zeros(SIZE), random).random_areas
    assert random_areas.mean() == pytest.approx(0.5, abs=0.02)


def test_the_opposite_of_a_good_map_is_worse_than_chance(photo, heat):
    result = faithfulness(share_left(photo), photo, 1 - heat)
    # All there until 60 per cent of the photo are gone, nothing at 100.
    assert result.area == pytest.approx(0.6 + 0.4 / 2, abs=0.001)
    assert result.difference == pytest.approx(-0.3, abs=0.05)
    assert result.verdict == "worse"


def test_a_map_that_says_nothing_is_no_better_than_chance(photo):
    maps = [np.zeros(SIZE), np.full(SIZE, 0.3), np.random.default_rng(1).random(SIZE)]
    random = random_removal(share_left(photo), photo)
    for heat in maps:
        result = faithfulness(share_left(photo), photo, heat, random)
        assert abs(result.difference) < 0.1
        assert result.verdict == "chance"


def test_a_model_that_does_not_look_at_the_photo_has_no_better_map(photo, heat):
    result = faithfulness(lambda photos: np.full(len(photos), 0.7), photo, heat)
    assert result.difference == pytest.approx(0)
    assert result.area == pytest.approx(0.7)
    assert result.verdict == "flat"


@pytest.mark.parametrize("gain", [0.005, -0.005])
def test_a_difference_too_small_to_matter_is_chance(gain):
    shares, random = np.array([0, 0.5, 1]), np.array([0.9, 0.5, 0.1])
    result = Faithfulness(shares, random - [0, 2 * gain, 0], np.stack([random, random]))
    assert result.difference == pytest.approx(gain)
    assert result.verdict == "chance"


def test_five_in_a_hundred_random_orders_count_as_better():
    """What the verdict promises: of useless maps 5 % pass for good ones, and 5 % for misleading ones."""
    rng = np.random.default_rng(0)
    shares, line, verdicts = np.array([0, 0.5, 1]), np.array([0.9, 0.5, 0.1]), []
    for middles in rng.normal(0.5, 0.1, size=(2000, 7)):
        curves = np.tile(line, (7, 1))
        curves[:, 1] = middles
        verdicts.append(Faithfulness(shares, curves[0], curves[1:]).verdict)
    assert verdicts.count("better") / 2000 == pytest.approx(0.05, abs=0.015)
    assert verdicts.count("worse") / 2000 == pytest.approx(0.05, abs=0.015)


def test_a_class_with_nothing_to_lose_gets_no_verdict(photo, heat):
    chance = share_left(photo)
    assert faithfulness(lambda photos: 0.05 * chance(photos), photo, heat).verdict == "little"


def test_the_yardstick_serves_every_map(photo, heat):
    random = random_removal(share_left(photo), photo)
    alone, shared = faithfulness(share_left(photo), photo, heat), faithfulness(share_left(photo), photo, heat, random)
    np.testing.assert_array_equal(alone.random, shared.random)
    assert alone.difference == shared.difference


def test_the_network_is_asked_as_often_as_promised_and_in_batches(photo, heat):
    sizes, told = [], []

    def probability(photos):
        assert photos.dtype == np.uint8
        sizes.append(len(photos))
        return np.ones(len(photos))

    faithfulness(probability, photo, heat, progress=told.append)
    assert sizes == told
    assert sum(sizes) == sum(calls())
    assert max(sizes) <= 8
    assert sum(calls()) <= 40


def test_the_table_holds_the_curves_and_the_band(photo, heat):
    table = faithfulness(share_left(photo), photo, heat).to_table()
    assert list(table.columns) == ["removed", "hottest", "random", "random_low", "random_high"]
    assert list(table["removed"]) == list(SHARES)
    assert (table["random_low"] <= table["random"]).all()
    assert (table["random"] <= table["random_high"]).all()
    assert (table.iloc[-1, 1:] == table["hottest"].iloc[-1]).all()  # nothing is left, in whatever order


def test_orders_are_the_same_every_time_and_differ_from_each_other(photo):
    one, two = (random_removal(share_left(photo), photo) for _ in range(2))
    np.testing.assert_array_equal(one.probabilities, two.probabilities)
    assert len(np.unique(one.probabilities, axis=0)) == DRAWS
    other = random_removal(share_left(photo), photo, seed=1)
    assert (other.probabilities != one.probabilities).any()


@pytest.mark.parametrize("shares", [(0, 0.5), (0.1, 1), (0, 0.5, 0.5, 1), (1,)])
def test_shares_go_from_nothing_to_everything(photo, shares):
    with pytest.raises(ValueError, match="rise from 0 to 1"):
        random_removal(share_left(photo), photo, shares=shares)


def test_sizes_must_agree(photo, heat):
    with pytest.raises(ValueError, match="heat map of"):
        faithfulness(share_left(photo), photo, heat[1:])


# Removing


def test_a_thing_on_a_plain_ground_vanishes():
    photo = np.full((*SIZE, 3), (200, 180, 160), dtype=np.uint8)
    photo[THING] = (20, 30, 250)
    heat = np.zeros(SIZE)
    heat[THING] = 1
    np.testing.assert_array_equal(remove(photo, hottest_first(heat)[:30]), np.full_like(photo, (200, 180, 160)))


def test_a_gradient_is_restored():
    photo = np.broadcast_to(np.linspace(20, 230, SIZE[1])[np.newaxis, :, np.newaxis], (*SIZE, 3)).round()
    photo = photo.astype(np.uint8)
    heat = np.zeros(SIZE)
    heat[THING] = 1
    np.testing.assert_allclose(remove(photo, hottest_first(heat)[:30]).astype(int), photo, atol=2)


def test_what_is_not_removed_stays_and_the_photo_is_not_changed(photo, heat):
    before = photo.copy()
    result = remove(photo, hottest_first(heat)[:30])
    np.testing.assert_array_equal(photo, before)
    changed = (result != photo).any(axis=-1)
    assert changed[THING].mean() > 0.98
    changed[THING] = False
    assert not changed.any()


def test_removing_nothing_and_everything(photo):
    rows, columns = grid_shape(*SIZE)
    np.testing.assert_array_equal(remove(photo, np.arange(0)), photo)
    gray = remove(photo, np.arange(rows * columns))
    np.testing.assert_allclose(gray, np.broadcast_to(photo.mean(axis=(0, 1)), photo.shape), atol=0.6)


@pytest.mark.parametrize("size", [(240, 320), (320, 240), (96, 128), (64, 128), (50, 31), (9, 14), (1, 3)])
def test_photos_of_any_size(size):
    rows, columns = grid_shape(*size)
    assert min(rows, columns) == min(15, *size)
    heat = np.random.default_rng(0).random(size)
    order = hottest_first(heat)
    assert sorted(order) == list(range(rows * columns))
    photo = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    for share in (0.3, 0.9):
        assert remove(photo, order[: round(share * len(order))]).shape == photo.shape


def test_the_hottest_cells_come_first():
    heat = np.zeros(SIZE)
    heat[8:12, 40:44], heat[56:60, 76:80], heat[0:4, 0:4] = 0.9, 0.5, 0.1
    assert list(hottest_first(heat)[:3]) == [2 * 20 + 10, 14 * 20 + 19, 0]


# Comparing maps


def test_overlap_of_maps(heat):
    assert overlap(heat, heat, 0.1) == 1
    assert overlap(heat, np.roll(heat, 12, axis=1), 0.1) == pytest.approx(0.5)
    assert overlap(heat, np.roll(heat, 30, axis=0), 0.1) == 0
    one, two = np.random.default_rng(0).random((2, 200, 200))
    assert overlap(one, two, 0.2) == pytest.approx(0.2, abs=0.02)


def test_areas_are_the_trapezoidal_ones():
    result = Faithfulness(np.array([0, 0.5, 1]), np.array([0.8, 0.2, 0]), np.array([[0.8, 0.6, 0], [0.8, 0.4, 0]]))
    assert result.area == pytest.approx(0.25 + 0.05)
    np.testing.assert_allclose(result.random_areas, [0.5, 0.4])
    assert result.difference == pytest.approx(0.15)
    assert result.after(0.25) == pytest.approx((0.5, 0.65))


# Figures


def test_the_figure_shows_the_curves_of_the_table(photo, heat):
    result = faithfulness(share_left(photo), photo, heat)
    chart = figures.removal_curve(result.to_table(), "glass", len(result.random))
    high, low, random, hottest = chart.data
    np.testing.assert_allclose(hottest.y, 100 * result.hottest, atol=6e-4)
    np.testing.assert_allclose(random.y, 100 * result.random.mean(axis=0), atol=6e-4)  # figures are rounded
    least, most = 100 * result.random.min(axis=0), 100 * result.random.max(axis=0)
    np.testing.assert_allclose([low.y, high.y], [least, most], atol=6e-4)
    assert low.fill == "tonexty"
    assert random.name == f"random order, mean of {DRAWS}"
    assert (random.line.dash, hottest.line.dash) == ("dash", "solid")
    alt = figures.alt_text(chart).replace("\u00a0", " ")
    assert "Probability of glass" in alt
    assert "100.0 % at first, 0.0 % without the hottest fifth" in alt


def test_the_scale_shows_the_colors_of_the_maps():
    chart = figures.heat_scale()
    (first, violet), *_, (last, yellow) = chart.data[0].colorscale
    assert (first, hex_to_rgb([violet]).tolist()) == (0, [[68, 1, 84]])
    assert (last, hex_to_rgb([yellow]).tolist()) == (1, [[253, 231, 37]])
    assert [note.text.split()[0] for note in chart.layout.annotations] == ["nothing", "speaks"]
    for figure in (chart, figures.removal_curve(_table(), "glass", 4)):
        assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
        assert figure.layout.width is None
        figure.to_json()


def _table():
    shares = np.array([0, 0.5, 1])
    return Faithfulness(shares, np.array([0.8, 0.2, 0]), np.array([[0.8, 0.6, 0]])).to_table()
