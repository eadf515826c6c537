"""Step 5 with a pair that differs in its start alone, and with the study of ever more photos."""

import pytest

from garbage_app.comparison.matched import is_matched, photos_worth
from garbage_core.runs.run import load_run
from garbage_core.studies.data_size import data_size_table
from garbage_core.studies.tables import read_data_size
from garbage_core.utils.files import write_csv, write_json
from tests.app.test_pages import open_page, pair, place, two_runs, words
from tests.fixtures.runs import OFFICIAL_COUNTS, STARTING_WEIGHTS, fake_run

__all__ = ["pair", "place", "two_runs"]  # fixtures


def matched_run(folder, like, name="transfer-matched", accuracy=0.88, counts=None, **config):
    """A run of the recipe of another, from a file of weights."""
    start = {"source": STARTING_WEIGHTS, "sha256": "cd" * 32, "loaded": ["conv1_conv"], "random": ["predictions"]}
    run = fake_run(folder, name, accuracy, counts=counts, seed=5, starting_weights=start)
    write_json(run.info | {"config": like.info["config"] | {"name": name} | config}, run.path / "run.json")
    return load_run(name, folder)


@pytest.fixture
def matched(two_runs):
    models = two_runs / "models"
    return matched_run(models / "studies" / "matched", load_run("scratch", models))


def test_the_matched_pair_is_compared_first_and_the_best_recipes_stand_beside_it(two_runs, matched):
    app = open_page("comparison")
    assert app.selectbox(key="a").value == "scratch"
    assert app.selectbox(key="b").value == "transfer-matched"
    text = words(app)
    assert "With the best recipe of each:" in text
    assert "differ in their starting weights alone" in text


def test_two_recipes_are_no_matched_pair(two_runs, matched, tmp_path):
    scratch = load_run("scratch", two_runs / "models")
    assert is_matched(scratch, matched)
    assert not is_matched(scratch, load_run("transfer", two_runs / "models"))
    assert not is_matched(scratch, matched_run(tmp_path, scratch, dropout=0.5))


def test_the_page_says_how_many_photos_pretraining_is_worth(two_runs, matched):
    scratch = load_run("scratch", two_runs / "models")
    counts = OFFICIAL_COUNTS | {"train": 30}
    few = [
        fake_run(two_runs / "few", "scratch-10", 0.5, counts=counts),
        matched_run(two_runs / "few", scratch, "transfer-matched-10", 0.9, counts),
    ]
    for run in few:
        config = run.info["config"] | {"train_share": 0.1}
        write_json(run.info | {"config": config}, run.path / "run.json")
    runs = [load_run(run.name, two_runs / "few") for run in few]
    table = data_size_table([runs[0], runs[1], scratch, matched], resamples=20)
    path = write_csv(table, two_runs / "models" / "studies" / "data_size.csv", "%.5f")
    text = words(open_page("comparison"))
    assert "How many photos is pretraining worth?" in text
    said = photos_worth(read_data_size(path), "accuracy")
    assert said.replace("*", "").replace("\u00a0", " ") in text.replace("*", "")
    assert "180 photos from ImageNet do what 1,768 do from random weights" in said
