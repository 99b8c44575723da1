"""The workspace, on real files of TypeScript and JavaScript: what goes with an open one."""

import json

import pytest
from workspace_project import EVENTS, NOTHING, Project, write


@pytest.fixture
def opened(tmp_path):
    """A project that is opened once its files are there."""
    projects = []

    def open_project(files):
        write(tmp_path, files)
        projects.append(Project(tmp_path, EVENTS))
        return projects[-1].walked()

    yield open_project
    for each in projects:
        each.workspace.close()


def test_imports_then_tests_and_then_what_stands_beside(opened):
    project = opened(
        {
            "src/shop/cart.tsx": "import { total } from './money.js';\nimport '@/api/client';\n",
            "src/shop/money.ts": "export const total = 0;\n",
            "src/api/client.ts": "export * from './types';\n",
            "src/shop/cart.test.tsx": "// a test\n",
            "src/shop/aside.js": "x = 1;\n",
            "src/shop/notes.py": "x = 1\n",
            "tsconfig.json": '{"compilerOptions": {"paths": {"@/*": ["./src/*"]}}} // why',
        }
    )
    selection = project.select("src/shop/cart.tsx")
    assert [each.path for each in selection.read] == [
        "src/shop/cart.test.tsx",
        "src/api/client.ts",
        "src/shop/money.ts",
    ]
    assert [each.path for each in selection.recalled] == ["src/shop/aside.js"]


def test_a_test_goes_with_what_it_tests(opened):
    project = opened(
        {"src/a.ts": "a\n", "test/a.spec.ts": "b\n", "pkg/b.py": "c\n", "tests/test_b.py": "d\n"}
    )
    for source, test in (("src/a.ts", "test/a.spec.ts"), ("pkg/b.py", "tests/test_b.py")):
        assert project.read(source) == [test]
        assert project.read(test) == [source]


def test_each_family_keeps_to_itself(opened):
    project = opened({"a.py": "x\n", "b.ts": "x\n", "c.js": "x\n", "d.pyi": "x\n", "e.txt": "x\n"})
    for file in ("a.py", "b.ts", "c.js", "d.pyi"):
        project.workspace.touch(project.root / file)
    assert project.read("a.py") == ["d.pyi"]
    assert project.read("b.ts") == ["c.js"]
    assert project.select("e.txt") == NOTHING


def test_installed_packages_are_neither_entered_nor_given(opened, tmp_path):
    many = {f"node_modules/p{n}/dist/deep/index.js": "x\n" for n in range(300)}
    project = opened(
        {
            **many,
            "src/a.ts": "import '../node_modules/p1/dist/deep/index.js';\nimport 'p2';\n",
            "src/node_modules/c.test.ts": "import './d';\n",
            "src/node_modules/d.ts": "x\n",
            "src/c.ts": "x\n",
            "dist/c.test.js": "x\n",
            ".gitignore": "dist\n",
        }
    )
    index = project.workspace._survey.index
    assert (index.files, index.folders) == (2, 2)
    project.workspace.touch(tmp_path / "node_modules/p1/dist/deep/index.js")
    selection = project.select("src/a.ts")
    assert [each.path for each in (*selection.read, *selection.recalled)] == ["src/c.ts"]
    assert project.read("src/c.ts") == []
    assert project.select("src/node_modules/c.test.ts") == NOTHING


def test_packages_of_the_workspace_are_known_by_name(opened):
    project = opened(
        {
            "packages/ui/package.json": '{"name": "@us/ui"}',
            "packages/ui/src/index.ts": "export * from './button';\n",
            "packages/app/package.json": '{"name": "app"}',
            "packages/app/main.ts": "import { Button } from '@us/ui';\n",
        }
    )
    assert project.read("packages/app/main.ts") == ["packages/ui/src/index.ts"]


def test_another_configuration_leads_elsewhere(opened):
    project = opened({"a.ts": "import 'lib/b';\n", "one/b.ts": "x\n", "two/b.ts": "y\n"})
    file = project.root / "jsconfig.json"
    assert project.workspace._lookout.matters(str(file))
    for folder in ("one", "two"):
        paths = {"lib/*": [f"./{folder}/*"]}
        file.write_text(json.dumps({"compilerOptions": {"paths": paths}}))
        with project.told:
            project.changes = 0
        project.workspace.notify([file])
        project.until(lambda: project.changes)
        assert project.read("a.ts") == [f"{folder}/b.ts"]
