"""The engine's door, with an ear to it.

Owns who hears what a network and the torch model are given, and what the memory recalls. Speaks
the tokens of `tiny_model`.
"""

import numpy as np
from stateline.model.memory.archive import NO_FILES
from stateline.model.memory.match import Match
from stateline.model.networks.torch.mamba2 import Mamba2
from stateline.model.reading.reader import Reader
from tiny_model import ours


class Overheard:
    """A network, whichever it is, with an ear to its door."""

    def __init__(self, network, tokens):
        self._network, self._tokens = network, tokens

    def __getattr__(self, name):
        return getattr(self._network, name)

    def advance(self, tokens, state):
        self._tokens.extend(tokens)
        return self._network.advance(tokens, state)

    def advance_each(self, tokens, states):
        self._tokens.extend(tokens)
        return self._network.advance_each(tokens, states)

    def trail(self, state):
        trail = self._network.trail(state)
        read = trail.read

        def heard(tokens):
            self._tokens.extend(tokens)
            return read(tokens)

        trail.read = heard
        return trail


class Door:
    """Every token that was put through the model or could be recalled, in order."""

    def __init__(self, monkeypatch):
        self.advanced, self.tokens, self.recalled = [], [], []
        made, hidden, match = Reader.__init__, Mamba2.hidden, Match.of

        def opened(reader, network, *others):
            made(reader, Overheard(network, self.advanced), *others)

        def heard(model, ids, state, log=None):
            self.tokens += ids.reshape(-1).tolist()
            return hidden(model, ids, state, log)

        def remembered(past, others=NO_FILES):
            self.recalled.append(np.concatenate([others.ids, past]))
            return match(past, others)

        monkeypatch.setattr(Reader, "__init__", opened)
        monkeypatch.setattr(Mamba2, "hidden", heard)
        monkeypatch.setattr(Match, "of", remembered)

    def text(self):
        """What was heard, and the longest of what could be recalled."""
        spelt = ours().token_bytes
        recalled = max(self.recalled, key=len, default=np.zeros(0, int))
        ids = (*self.advanced, *self.tokens, *(each for each in recalled.tolist() if each >= 0))
        return b"".join(spelt[each] for each in ids).decode(errors="replace")

    def read(self):
        """What the network was given."""
        return b"".join(ours().token_bytes[each] for each in self.advanced).decode(errors="replace")

    def forget(self):
        self.advanced.clear()
        self.tokens, self.recalled = [], []
