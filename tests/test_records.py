"""What a trajectory keeps of its records: as much as memory is meant for."""

from __future__ import annotations

from igfast import records
from igfast.records import _Kept


def test_the_oldest_are_forgotten_where_memory_ends(monkeypatch):
    monkeypatch.setattr(records, "MOST_BYTES", 10)
    kept: _Kept[str] = _Kept(len)
    for name in "abc":
        assert kept.put(("param", name), 4 * name) == 4 * name
    assert [kept.get(("param", name)) for name in "abc"] == [None, "bbbb", "cccc"]
    kept.put(("param", "d"), 20 * "d")  # one is kept however large it is
    assert [kept.get(("param", name)) for name in "bcd"] == [None, None, 20 * "d"]


def test_what_two_threads_made_at_once_is_counted_once(monkeypatch):
    monkeypatch.setattr(records, "MOST_BYTES", 10)
    kept: _Kept[str] = _Kept(len)
    for text in ("aaaa", "AAAA", "aaa", "aaaa"):
        kept.put(("param", "a"), text)
    kept.put(("param", "b"), "bbbb")
    assert kept.get(("param", "a")) == "aaaa"
    assert kept.get(("param", "b")) == "bbbb"
