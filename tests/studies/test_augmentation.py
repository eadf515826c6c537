"""The study of single transformations: a head that saw changed photos knows them, and costs nothing otherwise."""

import numpy as np
import pytest
from PIL import Image

from garbage_core.data.dataset import load_dataset
from garbage_core.errors import GarbageError
from garbage_core.studies.tables import AS_THEY_ARE, CHANGED, read_augmentation
from garbage_core.utils.files import write_csv
from tests.fixtures.photos import encode, write_folder


def setup_module():
    global augmentation_study, FeatureMaker, FeatureRecipe
    import garbage_core.studies.augmentation as augmentation_study
    from garbage_core.studies.features import FeatureMaker, FeatureRecipe


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Stripes that are told apart by their direction alone, which a rotation changes and a shift of colors does not."""
    folder, rng = tmp_path_factory.mktemp("stripes"), np.random.default_rng(0)
    wave = np.where(np.arange(48) // 4 % 2, 200, 60)
    files = {}
    for name, picture in (("across", np.tile(wave[:32, None], (1, 48))), ("down", np.tile(wave, (32, 1)))):
        for i in range(30):
            noisy = picture[..., None] + rng.normal(0, 30, (32, 48, 3))
            files[f"{name}/{name}{i}.png"] = encode(Image.fromarray(noisy.clip(0, 255).astype("uint8")), "PNG")
    dataset = load_dataset(write_folder(folder / "photos", files))
    recipe = FeatureRecipe(weights=None, height=32, width=48, filters=4, blocks=(1, 1, 1, 1))
    maker = FeatureMaker(dataset, recipe, folder / "cache")
    names = ("rotation", "color_shift")
    made = augmentation_study.augmentation_table(dataset, maker, names, resamples=200)
    again = augmentation_study.augmentation_table(dataset, maker, names, resamples=200)
    assert made.equals(again)  # from the stored features
    return read_augmentation(write_csv(made, folder / "augmentation.csv", "%.5f"))


def test_every_transformation_is_measured_on_photos_as_they_are_and_changed(table):
    rows = table[table["metric"] == "accuracy"]
    assert set(map(tuple, rows[["transformation", "tested_on"]].to_numpy())) == {
        (name, on) for name in ("rotation", "color_shift") for on in (AS_THEY_ARE, CHANGED)
    }
    assert rows["photos"].nunique() == 1
    assert (rows["difference"].between(rows["difference_low"], rows["difference_high"])).all()


def test_photos_as_they_are_are_told_apart_and_turned_ones_less_well(table):
    rows = table[table["metric"] == "accuracy"].set_index(["transformation", "tested_on"])
    without = rows["value"] - rows["difference"]
    assert without["rotation", AS_THEY_ARE] == without["color_shift", AS_THEY_ARE] > 0.9
    assert without["rotation", CHANGED] < without["rotation", AS_THEY_ARE]
    assert without["color_shift", CHANGED] > without["rotation", CHANGED]


def test_mixing_is_no_transformation_of_one_photo():
    assert "rotation" in augmentation_study.ALONE
    assert not {"mixup", "cutmix"} & set(augmentation_study.ALONE)


def test_a_missing_table_names_the_command(tmp_path):
    with pytest.raises(GarbageError, match="study augmentation"):
        read_augmentation(tmp_path / "augmentation.csv")
