import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.shop.cluster.errors import InvalidError
from lab.shop.cluster.patches import JsonPatchOperation, json_patch, merge_patch, strategic_merge
from lab.shop.cluster.quantity import quantity

KEYS = st.sampled_from(["a", "b", "c"])
SCALARS = st.integers(0, 3) | st.booleans() | st.sampled_from(["x", "y"])
DOCUMENTS = st.recursive(
    st.dictionaries(KEYS, SCALARS, max_size=3),
    lambda inner: st.dictionaries(KEYS, inner | SCALARS | st.lists(SCALARS, max_size=2), max_size=3),
    max_leaves=8,
)


def operations(*entries: dict) -> list[JsonPatchOperation]:
    """A parsed JSON patch."""
    return [JsonPatchOperation.model_validate(entry) for entry in entries]


@given(document=DOCUMENTS, patch=DOCUMENTS)
def test_a_merge_patch_is_idempotent_and_wins(document: dict, patch: dict):
    """Applied twice it is as applied once, and afterwards it has nothing left to say."""
    once = merge_patch(document, patch)
    assert merge_patch(once, patch) == once
    assert merge_patch(document, {}) == document


@given(document=DOCUMENTS, patch=DOCUMENTS)
def test_without_lists_of_named_things_the_two_merges_agree(document: dict, patch: dict):
    """A strategic merge differs from a merge patch only where it knows a merge key."""
    assert strategic_merge(document, patch) == merge_patch(document, patch)


@given(document=DOCUMENTS, value=SCALARS)
def test_what_a_json_patch_adds_it_can_take_away(document: dict, value: object):
    """add, test, remove: back where it began; the document given is left alone."""
    copy = repr(document)
    path = "/new~1key"
    steps = [{"op": "add", "path": path, "value": value}, {"op": "test", "path": path, "value": value}]
    assert json_patch(document, operations(*steps, {"op": "remove", "path": path})) == document
    assert repr(document) == copy


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"op": "replace", "path": "/list/1", "value": 9}, {"list": [1, 9, 3], "map": {"a": 1}}),
        ({"op": "add", "path": "/list/-", "value": 4}, {"list": [1, 2, 3, 4], "map": {"a": 1}}),
        ({"op": "add", "path": "/list/0", "value": 0}, {"list": [0, 1, 2, 3], "map": {"a": 1}}),
        ({"op": "move", "from": "/map/a", "path": "/b"}, {"list": [1, 2, 3], "map": {}, "b": 1}),
        ({"op": "copy", "from": "/map/a", "path": "/b"}, {"list": [1, 2, 3], "map": {"a": 1}, "b": 1}),
        ({"op": "remove", "path": "/list/0"}, {"list": [2, 3], "map": {"a": 1}}),
        ({"op": "replace", "path": "", "value": {"x": 1}}, {"x": 1}),
    ],
)
def test_json_patch_operations(entry: dict, expected: dict):
    """Each operation of RFC 6902."""
    assert json_patch({"list": [1, 2, 3], "map": {"a": 1}}, operations(entry)) == expected


@pytest.mark.parametrize(
    "entry",
    [
        {"op": "remove", "path": "/absent"},
        {"op": "replace", "path": "/list/7", "value": 1},
        {"op": "test", "path": "/map/a", "value": 2},
        {"op": "add", "path": "/list/x", "value": 1},
        {"op": "bless", "path": "/map"},
    ],
)
def test_json_patches_that_do_not_apply(entry: dict):
    """A path that is not there, a failed test, an unknown operation."""
    with pytest.raises(InvalidError):
        json_patch({"list": [1], "map": {"a": 1}}, operations(entry))


CONTAINERS = {"containers": [{"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}]}


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ({"containers": [{"name": "b", "image": "b:2"}]}, [CONTAINERS["containers"][0], {"name": "b", "image": "b:2"}]),
        ({"containers": [{"name": "b", "$patch": "delete"}]}, [CONTAINERS["containers"][0]]),
        ({"containers": [{"$patch": "replace"}, {"name": "c"}]}, [{"name": "c"}]),
        ({"containers": [{"name": "c"}]}, [*CONTAINERS["containers"], {"name": "c"}]),
        (
            {"containers": [{"name": "a", "env": [{"name": "X", "value": "2"}, {"name": "Y", "value": "3"}]}]},
            [
                {"name": "a", "image": "a:1", "env": [{"name": "X", "value": "2"}, {"name": "Y", "value": "3"}]},
                {"name": "b"},
            ],
        ),
        ({"containers": [{"name": "a", "env": None}]}, [{"name": "a", "image": "a:1"}, {"name": "b"}]),
    ],
)
def test_strategic_merge_of_named_things(patch: dict, expected: list):
    """Entries merge by their key; directives replace and delete."""
    assert strategic_merge(CONTAINERS, patch)["containers"] == expected


def test_strategic_merge_directives():
    """`$retainKeys` drops the other keys, `$patch: replace` the old mapping, `$setElementOrder` nothing."""
    strategy = {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}
    patch = {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}
    assert strategic_merge(strategy, patch) == {"strategy": {"type": "Recreate"}}
    assert strategic_merge({"m": {"a": 1, "b": 2}}, {"m": {"$patch": "replace", "c": 3}}) == {"m": {"c": 3}}
    assert strategic_merge({"l": ["a", "b"]}, {"$deleteFromPrimitiveList/l": ["a"], "$setElementOrder/l": ["b"]}) == {
        "l": ["b"]
    }


@pytest.mark.parametrize(
    ("text", "value"), [("250m", 0.25), ("2", 2), (1, 1), ("256Mi", 2**28), ("1Gi", 2**30), ("1k", 1000), ("0.5", 0.5)]
)
def test_quantities(text: str, value: float):
    """Milli, decimal and binary suffixes."""
    assert quantity(text) == value


@pytest.mark.parametrize("text", ["", "lots", "1Xi", "m"])
def test_what_is_no_quantity(text: str):
    """Is refused."""
    with pytest.raises(ValueError, match=r"."):
        quantity(text)
