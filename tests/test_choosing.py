"""Which files go with an open one: the order of importance, budgets, and what keeps its place."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stateline.lsp_server.workspace.selection import MAX_WANTED, Selection, choose, wanted
from stateline.model.completer import FileId, Neighbour, WorkspaceBudget

NOTHING = Selection()


def of(name, chars=100, line=10):
    """A file of so many characters in lines of ten."""
    text = (name * line)[: line - 1] + "\n"
    return Neighbour(name, (text * (chars // line + 1))[:chars], FileId("w", name))


def workspace_budget(read, recalled=0):
    return WorkspaceBudget(read, recalled, chars_per_token=1.0)


def read(files, budget, before=NOTHING):
    return [each.name for each in choose(files, [], workspace_budget(budget), before).read]


@pytest.mark.parametrize(
    ("recent", "imports", "further", "order"),
    [
        ("", "", "", ""),
        ("ab", "cd", "ef", "abcdef"),
        ("ab", "ba", "ca", "abc"),
        ("xa", "bx", "xc", "abc"),  # never the open file, x
        ("abcdefghij", "uv", "w", "abcdefuvghijw"),
    ],
)
def test_what_is_wanted_most(recent, imports, further, order):
    assert "".join(wanted("x", recent, imports, further)) == order


def test_only_so_many_files_are_wanted_and_no_more_looked_for():
    def endless():
        for number in range(10_000):
            assert number <= MAX_WANTED
            yield str(number)

    assert len(wanted("x", [], [], endless())) == MAX_WANTED


def test_the_most_important_file_stands_last():
    assert read([of("a"), of("b"), of("c")], 1000) == ["c", "b", "a"]


def test_the_budget_is_filled_by_importance_with_room_left():
    files = [of(name) for name in "abcdefgh"]
    assert read(files, 400) == ["c", "b", "a"]  # three quarters
    assert read(files, 0) == []


def test_a_long_file_is_cut_at_a_line():
    selection = choose([of("a", 1000), of("b", 5)], [], workspace_budget(300), NOTHING)
    assert [len(each.text) for each in selection.read] == [5, 100]
    assert selection.read[1].text == of("a", 100).text
    assert selection.read[1].file == FileId("w", "a")


@pytest.mark.parametrize("text", ["", " \n \n", "x" * 1000, "\n" + "x" * 1000])
def test_a_file_of_which_nothing_is_left_is_left_out(text):
    assert (
        choose([Neighbour("a", text, FileId("w", "a"))], [], workspace_budget(300, 300), NOTHING)
        == NOTHING
    )


def test_what_was_read_keeps_its_place():
    before = choose([of("a"), of("b"), of("c")], [], workspace_budget(1000), NOTHING)
    assert read([of("c"), of("a"), of("b")], 1000, before) == ["c", "b", "a"]
    assert read([of("n"), of("c"), of("a"), of("b")], 1000, before) == ["c", "b", "a", "n"]


def test_a_changed_file_goes_to_the_end():
    before = choose([of("a"), of("b"), of("c")], [], workspace_budget(1000), NOTHING)
    assert read([of("a"), of("b", 120), of("c")], 1000, before) == ["c", "a", "b"]


def test_an_edit_below_the_cut_changes_nothing():
    before = choose([of("a", 1000), of("b")], [], workspace_budget(300), NOTHING)
    now = choose([of("a", 1000 + 50), of("b")], [], workspace_budget(300), before)
    assert now == before


def test_what_is_wanted_no_more_is_dropped():
    before = choose([of("a"), of("b"), of("c")], [], workspace_budget(1000), NOTHING)
    assert read([of("a"), of("c")], 1000, before) == ["c", "a"]
    assert read([], 1000, before) == []


def test_beyond_the_budget_several_are_dropped_at_once():
    budget, before, drops = 1000, NOTHING, []
    used = [of(name) for name in "abcdefgh"]
    for number in range(30):
        used.insert(0, of(f"n{number}"))
        now = choose(used, [], workspace_budget(budget), before)
        assert now.read[-1] == used[0]
        drops.append(len({*before.read} - {*now.read}))
        before = now
    assert 0 < sum(count > 0 for count in drops) <= 10
    assert all(count == 0 or count >= 3 for count in drops)


def test_the_memory_gets_what_is_not_read_and_the_files_beside():
    files = [of(name) for name in "abcdef"]
    selection = choose(files, [of("y"), of("z")], workspace_budget(400, 700), NOTHING)
    assert [each.name for each in selection.read] == ["c", "b", "a"]
    assert [each.name for each in selection.recalled] == ["y", "f", "e", "d"]


def several(names):
    each = st.builds(of, st.sampled_from(names), st.integers(0, 700))
    return st.lists(each, max_size=len(names), unique_by=lambda file: file.name)


budgets = st.integers(0, 1500)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(several("abcdef"), several("xyz")), max_size=4), budgets, budgets)
def test_budgets_hold_and_a_standing_choice_stands(rounds, read_tokens, recalled_tokens):
    hunger, before = workspace_budget(read_tokens, recalled_tokens), NOTHING
    for wanted_now, beside in rounds:
        now = choose(wanted_now, beside, hunger, before)
        paths = [each.name for each in (*now.read, *now.recalled)]
        assert sum(len(each.text) for each in now.read) <= read_tokens
        total = sum(len(each.text) for each in (*now.read, *now.recalled))
        assert total <= max(read_tokens, recalled_tokens)
        assert len(paths) == len(set(paths))
        order = [each for each in before.read if each in now.read]
        assert list(now.read[: len(order)]) == order
        assert choose(wanted_now, beside, hunger, now) == now
        before = now
