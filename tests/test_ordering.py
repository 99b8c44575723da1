"""In which order a project's files are read: definitions before their uses."""

from pathlib import PurePosixPath

import pytest
from stateline.model.training.corpus.ordering import import_order


@pytest.mark.parametrize(
    ("texts", "order"),
    [
        ({"p/a.py": "", "p/b.py": ""}, "ab"),
        ({"p/a.py": "from p.b import x\n", "p/b.py": ""}, "ba"),
        ({"p/a.py": "from .b import x\n", "p/b.py": "from . import c\n", "p/c.py": ""}, "cba"),
        ({"p/a.py": "import os, p.b as q\n", "p/b.py": ""}, "ba"),
        ({"p/a.py": "from p import (\n    c,\n    b,\n)\n", "p/b.py": "", "p/c.py": ""}, "bca"),
        ({"p/a.py": "from .b import x\n", "p/b.py": "from .a import y\n"}, "ba"),
        ({"p/a.py": "def f():\n    from .b import x\n", "p/b.py": ""}, "ab"),
        ({"p/s/a.py": "from ..b import x\n", "p/b.py": ""}, "ba"),
        ({"p/a.py": "from ....b import x\n", "p/b.py": ""}, "ab"),
        ({"s/a.ts": "import { x } from './b';\n", "s/b.ts": ""}, "ba"),
        ({"s/a.ts": 'import type { X } from "./b.js"\n', "s/b.ts": ""}, "ba"),
        ({"s/a.ts": "import {\n  x,\n} from './b'\n", "s/b.tsx": ""}, "ba"),
        ({"s/a.js": "const b = require('./b');\n", "s/b.cjs": ""}, "ba"),
        ({"s/a.mjs": "import './b.mjs';\n", "s/b.mjs": ""}, "ba"),
        ({"s/a.ts": "export * from '../t/b';\n", "t/b.ts": ""}, "ba"),
        ({"s/a.ts": "import x from 'b';\n", "s/b.ts": ""}, "ab"),
        ({"s/a.ts": "import x from '../../../b';\n", "b.ts": "", "s/c.ts": ""}, "bac"),
        ({"s/a.ts": "import './b';\n", "s/b.ts": "import './a';\n"}, "ba"),
    ],
)
def test_definitions_come_before_their_uses(texts: dict[str, str], order: str):
    assert "".join(PurePosixPath(path).stem for path in import_order(texts)) == order


def test_a_package_comes_after_the_modules_that_it_gathers():
    texts = {"p/__init__.py": "from .b import x\n", "p/a.py": "import p\n", "p/b.py": ""}
    assert import_order(texts) == ["p/b.py", "p/__init__.py", "p/a.py"]
    texts = {"s/a.ts": "import '.';\n", "s/b.ts": "", "s/index.ts": "export * from './b';\n"}
    assert import_order(texts) == ["s/b.ts", "s/index.ts", "s/a.ts"]


def test_files_that_one_import_may_mean_all_stay():
    texts = {"a/__init__.py": "", "a.py": "", "s/a.js": "", "s/a.ts": "", "s/a/index.js": ""}
    assert sorted(import_order(texts)) == sorted(texts)
