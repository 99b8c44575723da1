"""Tests beside sources, and sources beside tests, by their names."""

import os

import pytest
from stateline.lsp_server.workspace.counterparts import MAX_COUNTERPARTS, counterparts
from stateline.lsp_server.workspace.lookup import Lookup
from stateline.lsp_server.workspace.walk import Index, walk

NOTHING = Index()
ROOT = os.path.abspath(os.path.join(os.sep, "work"))


def found(file, *there, index=NOTHING):
    paths = {os.path.join(ROOT, *name.split("/")) for name in there}
    lookup = Lookup([ROOT], paths.__contains__, with_tail=index.with_tail)
    target = os.path.join(ROOT, *file.split("/"))
    return [
        os.path.relpath(each, ROOT).replace(os.sep, "/") for each in counterparts(target, lookup)
    ]


@pytest.mark.parametrize(
    ("source", "test"),
    [
        ("a/foo.ts", "a/foo.test.ts"),
        ("a/foo.ts", "a/foo.spec.tsx"),
        ("a/foo.tsx", "a/__tests__/foo.test.js"),
        ("a/foo.js", "a/__tests__/foo.js"),
        ("a/foo.mjs", "a/foo.spec.mjs"),
        ("a/foo.bar.ts", "a/foo.bar.test.ts"),
        ("a/foo.py", "a/test_foo.py"),
        ("a/foo.py", "a/foo_test.py"),
    ],
)
def test_beside_and_in_the_folder_below(source, test):
    assert found(source, test) == [test]
    assert found(test, source) == [source]


@pytest.mark.parametrize(
    ("file", "there"),
    [
        ("a/foo.ts", "a/test_foo.ts"),
        ("a/foo.py", "a/foo.test.py"),
        ("a/foo.ts", "a/foo.test.py"),
        ("a/foo.rs", "a/foo_test.rs"),
        ("a/test_.py", "a/.py"),
        ("a/__tests__/foo.test.ts", "a/__tests__/bar.ts"),
    ],
)
def test_other_names_are_not_meant(file, there):
    assert found(file, there) == []


def test_only_so_many():
    beside = ["a/foo.test.ts", "a/foo.spec.tsx"]
    below = ["a/__tests__/foo.test.js", "a/__tests__/foo.spec.js", "a/__tests__/foo.js"]
    assert found("a/foo.ts", *beside, *below) == [*beside, *below][:MAX_COUNTERPARTS]


@pytest.fixture
def anywhere(tmp_path):
    """What goes with a file among these, as after a walk."""

    def look(file, *others):
        for name in (file, *others):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
        index = walk([tmp_path], (".py", ".ts"), lambda folder: True)
        lookup = Lookup([str(tmp_path)], os.path.isfile, with_tail=index.with_tail)
        paths = counterparts(str(tmp_path / file), lookup)
        return [os.path.relpath(each, tmp_path).replace(os.sep, "/") for each in paths]

    return look


@pytest.mark.parametrize(
    ("source", "test"),
    [("pkg/foo.py", "tests/test_foo.py"), ("src/deep/foo.ts", "test/deep/foo.test.ts")],
)
def test_in_a_folder_elsewhere(anywhere, source, test):
    assert anywhere(source, test) == [test]
    assert anywhere(test, source) == [source]


def test_the_tree_of_tests_is_like_that_of_the_sources(anywhere):
    tests = ["tests/one/test_foo.py", "tests/two/test_foo.py"]
    assert anywhere("pkg/two/foo.py", "pkg/one/foo.py", *tests) == tests[1:]
    assert anywhere("tests/one/test_foo.py") == ["pkg/one/foo.py"]


def test_a_test_of_another_source_is_left_to_that(anywhere):
    assert anywhere("a/index.ts", "b/index.ts", "b/test/index.test.ts") == []
