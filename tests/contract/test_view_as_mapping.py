"""CPython's own tests of what a mapping is, as far as a mapping of text to JSON can."""

from __future__ import annotations

import unittest

import pytest

mapping_tests = pytest.importorskip(
    "test.mapping_tests", reason="some systems install Python without its own tests"
)


class MappingProtocol(mapping_tests.TestMappingProtocol):
    """``test.mapping_tests`` with text keys, without what only a dict has (copy, fromkeys)."""

    __test__ = False  # run by the parametrised test below, which has the repository
    repo = None
    test_copy = None
    test_fromkeys = None

    def type2test(self, **items):
        view = self.repo.session(self.repo.create_session().id)
        view.update(items)
        return view

    def _reference(self):
        return {"1": "2", "key1": "value1", "key2": [1, 2, 3]}

    def test_values(self):
        mapping_tests.BasicTestMappingProtocol.test_values(self)
        assert list(self._full_mapping({"1": 2}).values()) == [2]

    def test_items(self):
        mapping_tests.BasicTestMappingProtocol.test_items(self)
        assert list(self._full_mapping({"1": 2}).items()) == [("1", 2)]

    def test_clear(self):
        d = self._full_mapping({"1": 1, "2": 2, "3": 3})
        d.clear()
        assert d == {}
        with pytest.raises(TypeError):
            d.clear(None)

    def test_update(self):
        mapping_tests.BasicTestMappingProtocol.test_update(self)
        d = self._empty_mapping()
        d.update(x=100)
        d.update({"y": 20})
        d.update([("x", 1), ("y", 2)], z=3)
        assert d == {"x": 1, "y": 2, "z": 3}
        d.update(self._full_mapping({"x": 5, "w": 6}).items())
        d.update()
        assert d == {"w": 6, "x": 5, "y": 2, "z": 3}

    def test_setdefault(self):
        mapping_tests.BasicTestMappingProtocol.test_setdefault(self)
        d = self._empty_mapping()
        assert d.setdefault("key0") is None
        assert d.setdefault("key0", []) is None
        assert d.setdefault("key", []) == []
        assert d.setdefault("key", [1]) == []

    def test_popitem(self):
        mapping_tests.BasicTestMappingProtocol.test_popitem(self)
        a, b = self._empty_mapping(), self._empty_mapping()
        for i in range(8):
            a[repr(i)] = b[repr(i)] = i
        for _ in range(8):
            key, value = taken = a.popitem()
            assert value == int(key)
            assert taken == b.popitem()
        assert not a
        assert not b


@pytest.mark.parametrize("claim", unittest.TestLoader().getTestCaseNames(MappingProtocol))
def test_a_view_is_what_cpython_calls_a_mapping(repo, claim):
    case = MappingProtocol(claim)
    case.repo = repo

    case.debug()
