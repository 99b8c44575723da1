"""Which files may go with a file."""

import pytest
from stateline.lsp_server.workspace.families import PYTHON_SUFFIXES, SCRIPT_SUFFIXES, family


@pytest.mark.parametrize(
    ("file", "suffixes"),
    [
        ("a.py", PYTHON_SUFFIXES),
        ("a.pyi", PYTHON_SUFFIXES),
        ("a.ipynb", PYTHON_SUFFIXES),
        ("a.d.ts", SCRIPT_SUFFIXES),
        ("a.tsx", SCRIPT_SUFFIXES),
        ("a.cjs", SCRIPT_SUFFIXES),
        ("a.rs", ()),
        ("Makefile", ()),
    ],
)
def test_languages_that_import_each_other_go_together(file, suffixes):
    assert family(file) == suffixes
