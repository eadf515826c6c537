"""The registry of metrics: an entry is seen everywhere."""

import dataclasses

import numpy as np
import pytest

from garbage_core.cli.compare import comparison_text
from garbage_core.cli.evaluate import evaluation_text
from garbage_core.evaluation.card import card_text
from garbage_core.evaluation.comparison import compare
from garbage_core.evaluation.evaluation import evaluate
from garbage_core.evaluation.metrics import CLASS_METRICS, METRICS, Metric, lookup
from tests.fixtures.runs import fake_run


@pytest.fixture
def added(monkeypatch) -> Metric:
    """The mean probability of the true class, as a metric."""

    def compute(sample):
        return sample.probabilities[np.arange(len(sample.labels)), sample.labels] @ sample.weights / len(sample.labels)

    metric = Metric("true_probability", "Probability of the truth", "What it gives the true class.", compute=compute)
    monkeypatch.setitem(METRICS, metric.name, metric)
    return metric


def test_a_metric_that_is_added_is_seen_everywhere(added, tmp_path, monkeypatch):
    run, other = fake_run(tmp_path, "transfer"), fake_run(tmp_path, "scratch")
    evaluation = evaluate(run.predictions, run.classes, resamples=50)
    value, low, high = evaluation.metric(added.name)
    assert low <= value <= high
    assert 0 < value < 1
    assert f"| {added.title} | {100 * value:.1f} % (" in card_text(run)
    accepted = {"threshold": 0.9, "accepted": {"accepted": 0}, "name": run.name, "protocol": "official"}
    assert f"\n{added.lower} " in evaluation_text(evaluation.to_dict() | accepted)
    comparison = compare(run.predictions, other.predictions, run.classes, resamples=50)
    others = evaluate(other.predictions, run.classes, resamples=0).metric(added.name)[0]
    assert comparison.metric(added.name)[0] == pytest.approx(others - value)
    assert f"\n{added.lower} " in comparison_text(comparison.to_dict())


def test_a_metric_of_classes_that_is_added_is_seen_everywhere(monkeypatch, tmp_path):
    added = dataclasses.replace(CLASS_METRICS["recall"], name="sensitivity", title="Sensitivity")
    monkeypatch.setitem(CLASS_METRICS, added.name, added)
    run = fake_run(tmp_path, "transfer")
    evaluation = evaluate(run.predictions, run.classes, resamples=0)
    assert evaluation.per_class["sensitivity"].equals(evaluation.per_class["recall"].rename("sensitivity"))
    assert "| class | precision | recall | F1 | sensitivity | photos |" in card_text(run)
    accepted = {"threshold": 0.9, "accepted": {"accepted": 0}, "name": run.name, "protocol": "official"}
    assert "sensitivity" in evaluation_text(evaluation.to_dict() | accepted)


def test_names_for_people():
    assert lookup("roc_auc").lower == "ROC-AUC"
    assert lookup("f1").lower == "F1"
    assert lookup("macro_f1").lower == "macro-F1"
    assert lookup("seconds").title == "Seconds per epoch"
    assert not lookup("loss").is_share
    assert lookup("val_top_2").title == "Val top 2"
    assert all(metric.meaning for metric in (*METRICS.values(), *CLASS_METRICS.values()))
