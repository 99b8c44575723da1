"""The book of what was given out: what it remembers, and what of it is to be watched how."""

from stateline.lsp_server.workspace.given_texts import MAX_OPEN, GivenTexts


def test_what_was_given_is_known_by_its_hash():
    given = GivenTexts()
    given.add({"/w/a.py": "x = 1\n"})
    given.select("/w/open.py", {"/w/b.py": "y = 1\n"})
    assert given.hashes() == {"/w/a.py": hash("x = 1\n"), "/w/b.py": hash("y = 1\n")}
    assert "/w/b.py" in given
    assert "/w/open.py" not in given


def test_what_was_held_before_does_not_undo_what_is_known():
    given = GivenTexts()
    given.add({"/w/a.py": "x = 1\n"})
    given.hold(["/w/a.py", "/w/b.py"])
    assert given.hashes() == {"/w/a.py": hash("x = 1\n"), "/w/b.py": None}


def test_what_was_told_is_settled():
    given = GivenTexts()
    given.add({"/w/a.py": "x = 1\n", "/w/b.py": "y = 1\n"})
    given.settle({"/w/a.py": "x = 2\n", "/w/b.py": None, "/w/unknown.py": None})
    assert given.hashes() == {"/w/a.py": hash("x = 2\n")}


def test_the_folders_of_what_was_worked_on_last_come_first():
    given = GivenTexts()
    given.select("/w/a/open.py", {"/w/x/b.py": ""})
    given.select("/w/b/open.py", {"/w/y/b.py": ""})
    given.select("/w/a/open.py", {"/w/z/b.py": ""})
    given.add({"/w/b/open.py": ""})
    subjects = given.subjects()
    assert subjects.folders == ("/w/a", "/w/b", "/w/z", "/w/y")
    assert subjects.files == {"/w/z/b.py", "/w/y/b.py"}
    assert subjects.others == {"/w/x/b.py", "/w/b/open.py"}


def test_only_so_many_open_files_count_as_in_use():
    given = GivenTexts()
    for number in range(2 * MAX_OPEN):
        given.select(f"/w/{number}.py", {f"/w/of_{number}.py": ""})
    subjects = given.subjects()
    assert subjects.files == {f"/w/of_{number}.py" for number in range(MAX_OPEN, 2 * MAX_OPEN)}
    assert len(subjects.others) == MAX_OPEN
