"""What tsconfig.json, jsconfig.json and package.json say of a project's modules."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stateline.lsp_server.workspace.lookup import Lookup
from stateline.lsp_server.workspace.script_project import (
    MAX_EXTENDED,
    Paths,
    package_folders,
    paths_for,
)

ROOT = os.path.abspath(os.path.join(os.sep, "work"))


def at(name):
    return os.path.normpath(os.path.join(ROOT, *name.split("/")))


def paths_of(texts, file="app/src/a.ts"):
    given = {at(name): text for name, text in texts.items()}
    return paths_for(at(file), Lookup([ROOT], read=given.get))


def places(texts, name, file="app/src/a.ts"):
    found = paths_of(texts, file).places(name)
    return [os.path.relpath(each, ROOT).replace(os.sep, "/") for each in found]


def options(said):
    return f'{{"compilerOptions": {said}}}'


@pytest.mark.parametrize(
    ("said", "name", "found"),
    [
        ('{"baseUrl": "./src"}', "a/b", ["src/a/b"]),
        ('{"paths": {"@/*": ["./src/*"]}}', "@/a/b", ["src/a/b"]),
        ('{"paths": {"@/*": ["./src/*", "./gen/*"]}}', "@/a", ["src/a", "gen/a"]),
        ('{"paths": {"@/*": ["src/*"]}, "baseUrl": "lib"}', "@/a", ["lib/src/a", "lib/@/a"]),
        ('{"paths": {"lib": ["src/lib/main.ts"]}}', "lib", ["src/lib/main.ts"]),
        ('{"paths": {"lib": ["src/lib"]}}', "lib/a", []),
        ('{"paths": {"*": ["all/*"], "a/*": ["as/*"], "a/b": ["b"]}}', "a/b", ["b"]),
        ('{"paths": {"*": ["all/*"], "a/*": ["as/*"]}}', "a/b", ["as/b"]),
        ('{"paths": {"a/*.js": ["as/*.ts"]}}', "a/b.js", ["as/b.ts"]),
        ('{"paths": {"a*a": ["x/*"]}}', "a", []),
        ('{"paths": {"*/*": ["x/*/*"]}}', "a/b", []),  # two stars are none of TypeScript's
        ('{"paths": {"a": "b", "c": [1, null, "d"]}}', "c", ["d"]),
        ('{"paths": ["a"], "baseUrl": 7}', "a", []),
    ],
)
def test_patterns_and_the_base(said, name, found):
    assert places({"tsconfig.json": options(said)}, name) == found


@pytest.mark.parametrize(
    "text",
    [
        '// why\n{"compilerOptions": {"baseUrl": "b",},}',
        '{/* "baseUrl": "c", */ "compilerOptions": /**/ {"baseUrl": "b" , // last\n } }',
        '{"compilerOptions": {"lib": ["a//b", "/*", ",]", "\\"//"], "baseUrl": "b"}} /* open',
    ],
)
def test_comments_and_trailing_commas(text):
    assert places({"jsconfig.json": text}, "a") == ["b/a"]


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "{]}", '{"compilerOptions": []}', '{"extends": 1}'),
        *(each * 100_000 for each in ("[", "/*", '"', ", ", "1")),
    ],
)
def test_what_is_no_configuration_says_nothing(text):
    assert paths_of({"tsconfig.json": text}) == Paths()


@given(st.text(alphabet='{}[]":,/*\\ \nab1', max_size=200))
def test_any_text_can_be_read(text):
    paths_of({"tsconfig.json": text})


def test_the_nearest_that_says_something_counts():
    texts = {
        "tsconfig.json": options('{"baseUrl": "."}'),
        "app/tsconfig.json": options('{"baseUrl": "near"}'),
        "app/src/tsconfig.json": options('{"strict": true}'),
    }
    assert places(texts, "a") == ["app/near/a"]
    assert places(texts, "a", "other/b.ts") == ["a"]


def test_what_is_extended_counts_less():
    texts = {
        "app/tsconfig.json": '{"extends": ["../base", "./paths.json", "@tsconfig/node20"]}',
        "base.json": options('{"paths": {"a/*": ["./as/*"]}, "baseUrl": "."}'),
        "app/paths.json": options('{"paths": {"a/*": ["./own/*"]}}'),
    }
    assert places(texts, "a/b") == ["own/b", "a/b"]  # from the base URL of the first
    texts["app/tsconfig.json"] = '{"extends": "../base", "compilerOptions": {"baseUrl": "b"}}'
    assert places(texts, "a/b") == ["app/b/as/b", "app/b/a/b"]


def test_a_circle_and_a_long_chain_end():
    circle = {"app/tsconfig.json": '{"extends": "./tsconfig.json"}'}
    assert paths_of(circle) == Paths()
    chain = {f"app/{n}.json": f'{{"extends": "./{n + 1}"}}' for n in range(2 * MAX_EXTENDED)}
    chain[f"app/{MAX_EXTENDED}.json"] = options('{"baseUrl": "too/far"}')
    assert paths_of({**chain, "app/tsconfig.json": '{"extends": "./1"}'}) == Paths()


def test_nothing_outside_the_workspace_is_read():
    asked = []
    lookup = Lookup([at("app")], read=lambda path: asked.append(path) or '{"extends": "../../x"}')
    assert paths_for(at("app/src/a.ts"), lookup) == Paths()
    assert asked
    assert all(path.startswith(at("app") + os.sep) for path in asked)


def test_packages_by_their_names():
    texts = {
        at("package.json"): '{"name": "root", "workspaces": ["packages/*"]}',
        at("packages/a/package.json"): '{"name": "@us/a"}',
        at("packages/b/package.json"): '{"name": "@us/a"}',
        at("packages/c/package.json"): '{"name": ["c"]}',
        at("packages/d/package.json"): "no JSON",
    }
    found = package_folders([*texts, at("missing/package.json")], texts.get)
    assert found == {"root": ROOT, "@us/a": at("packages/a")}
