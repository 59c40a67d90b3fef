"""What is shared: found while it is used, and the last few things afterwards."""

import gc
import pickle

from onnxplain.graph import shared
from onnxplain.graph.shared import Shared


class Thing:
    """Something that weak references can point to."""


def test_what_is_used_is_found_however_much_there_is(monkeypatch):
    monkeypatch.setattr(shared, "MOST", 1)
    store, used = Shared(), [Thing() for _ in range(3)]
    for i, each in enumerate(used):
        store.put(i, each)
    assert [store.get(i) for i in range(3)] == used


def test_what_was_not_asked_for_longest_goes_first(monkeypatch):
    monkeypatch.setattr(shared, "MOST", 2)
    store = Shared()
    store.put("a", Thing())
    store.put("b", Thing())
    assert store.get("a") is not None
    store.put("c", Thing())
    gc.collect()
    assert [store.get(key) is None for key in "abc"] == [False, True, False]


def test_memory_is_bounded_but_for_the_last(monkeypatch):
    monkeypatch.setattr(shared, "MEMORY", 10)
    store = Shared()
    for key, size in (("a", 4), ("b", 6), ("c", 11)):
        store.put(key, Thing(), size)
        gc.collect()
        if key == "b":
            assert store.get("a") is not None
    assert [store.get(key) is None for key in "abc"] == [True, True, False]


def test_a_pickled_one_is_empty():
    store, thing = Shared(), Thing()
    store.put("a", thing)
    assert pickle.loads(pickle.dumps(store)).get("a") is None  # noqa: S301
