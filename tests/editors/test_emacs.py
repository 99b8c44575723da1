"""Plain completion in a real Emacs: eglot, the recipe in editors/emacs, and the embedded model.

Owns what stands in the file after `completion-at-point`. One Emacs without a screen visits
the files one after another, types, completes, marks where point is, and saves.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from stateline.lsp_server.client.client import Client
from stateline.lsp_server.client.connection import Connection

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "editors" / "emacs" / "stateline.el"
DEADLINE_S = 120
# What comes next is plain enough for a very small model.
BOX = (
    "import os\nimport sys\n\n\nclass Box:\n    def __init__(self, value, name):\n"
    "        self.value = value\n        self."
)
BLOCK = "if a:\n    b = 1\n    c = 2\n\n" * 20 + "if a:"
SCRIPT = (
    "export function box(value, name) {\n  return { value, name };\n}\n\n"
    "export function other(value, name) {\n  return { value, "
)
FILES = {  # with a | where `TYPED` is typed
    "plain": BOX + "|\n",
    "crlf": BOX.replace("\n", "\r\n") + "|\r\n",
    "emoji": "# 👩‍👩‍👧 名前\n" + BOX + "name = name\n        print('🎉', self.|\n",
    "bracket": BOX + "name = name\n        print('🎉', self.|)\n",
    "lines": BLOCK + "|\n",
    "script": SCRIPT + "|\n",
}
TYPED = {"plain": "na", "crlf": "na", "emoji": "va", "bracket": "va", "lines": "", "script": "n"}
SESSION = """
(load-file (getenv "RECIPE"))
(setq eglot-sync-connect t eglot-autoshutdown nil make-backup-files nil create-lockfiles nil)
(defun complete (file typed)
  (find-file file)
  (unless (eglot-managed-p)
    (if (eglot-current-server) (eglot--maybe-activate-editing-mode)
      (apply #'eglot (eglot--guess-contact))))
  (search-forward "|")
  (delete-char -1)
  (insert typed)
  (completion-at-point)
  (insert "|")
  (save-buffer))
(dolist (each (append (json-parse-string (getenv "FILES")) nil))
  (complete (aref each 0) (aref each 1)))
(eglot-shutdown-all)
(princ (format "shut down by Emacs %s" emacs-version))
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> dict[str, str]:
    """The files after the session."""
    if not shutil.which("emacs"):
        pytest.skip("There is no Emacs; install emacs-nox, and elpa-eglot for Emacs 28.")
    # Nothing of the user's; the system's own start says where its packages are.
    emacs = ["emacs", "--batch", "--no-init-file"]
    if subprocess.run([*emacs, "--eval", "(require 'eglot)"], capture_output=True).returncode:
        pytest.skip("This Emacs has no eglot; install elpa-eglot.")
    folder = tmp_path_factory.mktemp("emacs")
    files = {
        name: folder / f"{name}.{'js' if text.startswith(SCRIPT) else 'py'}"
        for name, text in FILES.items()
    }
    for name, file in files.items():
        file.write_bytes(FILES[name].encode())
    visits = [[str(file), TYPED[name]] for name, file in files.items()]
    environment = os.environ | {"RECIPE": str(RECIPE), "FILES": json.dumps(visits)}
    environment["HOME"] = str(folder)
    environment["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
    environment["LC_ALL"] = "C.UTF-8"
    script = folder / "session.el"
    script.write_text(SESSION, encoding="utf-8")
    argv = [*emacs, "-l", str(script)]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.stdout.startswith("shut down"), done.stdout + done.stderr
    return {name: file.read_bytes().decode() for name, file in files.items()}


def completed(saved: dict[str, str], name: str) -> str:
    """What was inserted in place of what was typed; all else stands as it was."""
    before, after = FILES[name].split("|")
    text, point = saved[name].split("|")
    assert text.startswith(before + TYPED[name])
    assert point == after
    return text[len(before) :]


def test_a_line_is_completed(saved: dict[str, str]):
    assert completed(saved, "plain") == "name = name"


def test_a_file_with_crlf_keeps_it(saved: dict[str, str]):
    assert completed(saved, "crlf") == "name = name"
    assert saved["crlf"].count("\n") == saved["crlf"].count("\r\n")


def test_emoji_before_point(saved: dict[str, str]):
    """Emacs counts in UTF-16 when it talks to servers."""
    assert completed(saved, "emoji") == "value)"


def test_a_closing_bracket_behind_point(saved: dict[str, str]):
    before, after = FILES["bracket"].split("|")
    assert saved["bracket"].replace("|", "") == before + "value" + after


def test_several_lines_are_indented_once(saved: dict[str, str]):
    assert completed(saved, "lines").startswith("\n    b = 1")


def test_javascript(saved: dict[str, str]):
    assert completed(saved, "script").startswith("name }")


def test_the_page_has_the_recipe():
    recipe = re.sub(r";.*", "", RECIPE.read_text("utf-8"))
    (form,) = re.findall(r"\(dolist.*?(?=\(provide)", recipe, re.DOTALL)
    page = (ROOT / "docs" / "emacs.md").read_text("utf-8")
    assert " ".join(form.split()) in " ".join(page.split())


def test_lsp_mode_says_null_where_it_draws():
    """lsp-mode is not run: this is its way to declare inline completion, with our recipe."""
    capabilities = {"textDocument": {"inlineCompletion": None, "completion": {}}}
    with Client(Connection([sys.executable, "-m", "stateline.lsp_server.cli", "lsp"])) as client:
        answer = client.initialize({"editor": "emacs", "ghostText": True}, capabilities)
        assert "completionProvider" not in answer["capabilities"]
        assert answer["capabilities"]["inlineCompletionProvider"] == {}
        assert client.shutdown() == 0
