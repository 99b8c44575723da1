"""Listeners of a workspace: who is told, and that closing is the end of it."""

import threading
from pathlib import Path

from stateline.lsp_server.workspace.listeners import Listeners

PATIENCE_S = 30


def test_each_is_told_until_it_is_closed():
    told = []
    listeners = Listeners(lambda: told.append("changed"), told.append)
    listeners.gone(["/w/a.py", "/w/b.py"])
    listeners.changed()
    listeners.close()
    listeners.close()
    listeners.gone(["/w/c.py"])
    listeners.changed()
    assert told == [frozenset({Path("/w/a.py"), Path("/w/b.py")}), "changed"]


def test_a_listener_may_close():
    told = []

    def changed():
        told.append("changed")
        listeners.close()

    listeners = Listeners(changed, told.append)
    listeners.changed()
    listeners.changed()
    assert told == ["changed"]


def test_closing_waits_for_one_who_is_being_told():
    begun, may, order = threading.Event(), threading.Event(), []

    def changed():
        begun.set()
        assert may.wait(PATIENCE_S)
        order.append("told")

    def close():
        listeners.close()
        order.append("closed")

    listeners = Listeners(changed, order.append)
    telling = threading.Thread(target=listeners.changed)
    telling.start()
    assert begun.wait(PATIENCE_S)
    closing = threading.Thread(target=close)
    closing.start()
    may.set()
    for each in (telling, closing):
        each.join(PATIENCE_S)
    assert order == ["told", "closed"]
