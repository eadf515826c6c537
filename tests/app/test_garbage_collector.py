"""What stays loaded is out of the garbage collector's sight, and what was given up is freed all the same."""

import gc
import sys
import types
import weakref

import pytest

from garbage_app import garbage_collector as memory


@pytest.fixture
def collector(monkeypatch):
    """The garbage collector as it was before, once a test is over."""
    monkeypatch.setattr(memory, "_modules", 0)
    yield monkeypatch
    gc.unfreeze()


class Model:
    """Refers to itself, as networks do."""

    def __init__(self) -> None:
        self.layers = [self]


def load_a_module(monkeypatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, name, types.ModuleType(name))


def test_what_is_loaded_is_passed_over_until_more_is_loaded(collector):
    memory.settle()
    frozen = gc.get_freeze_count()
    assert frozen > 10_000
    more = [[] for _ in range(1000)]
    memory.settle()
    assert gc.get_freeze_count() <= frozen
    load_a_module(collector, "made_up_for_this_test")
    memory.settle()
    assert gc.get_freeze_count() >= frozen + len(more) // 2


def test_a_model_that_was_given_up_is_freed_when_the_next_is_loaded(collector):
    model = Model()
    known = weakref.ref(model)
    memory.settle()
    del model
    gc.collect()
    assert known() is not None  # passed over
    load_a_module(collector, "made_up_for_this_test")
    memory.settle()
    assert known() is None
