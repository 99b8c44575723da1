"""Where a text ends that is written at a cursor: after its line, or after its block.

Owns that decision, for whoever stops the model there and for whoever reads what it wrote. What a
line and a block are is a language's to say, by way of `shape`. Knows no model and no threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ...model.completer import Context
from ..edit.requests import Trigger
from ..syntax.lines import REACH_CHARS, Extent
from ..syntax.syntax import Syntax, syntax_of
from . import shape


@dataclass(frozen=True)
class Start:
    """A cursor in front of some text; the user asked for it there, or not."""

    context: Context
    trigger: Trigger
    at: int = 0  # where it stands in what was written

    @cached_property
    def near(self) -> tuple[str, str]:
        """The text before and after the cursor, as far as any rule of `shape` looks.

        Copying a huge text for each piece would be felt.
        """
        text, offset = self.context.text, self.context.offset
        return text[max(0, offset - REACH_CHARS) : offset], text[offset : offset + REACH_CHARS]

    @property
    def before(self) -> str:
        return self.near[0]

    @property
    def syntax(self) -> Syntax:
        return syntax_of(self.context.language)

    @cached_property
    def wants_block(self) -> bool:
        """Whether several lines are wanted, whatever is written; who asks wants them always."""
        return self.trigger is Trigger.INVOKED or shape.wants_block(self.before, self.syntax)

    @property
    def may_want_block(self) -> bool:
        """Whether it may turn out that several lines are wanted."""
        return self.syntax.braces or self.wants_block

    def gets_block(self, written: str) -> bool:
        """Whether several lines are wanted after what was written."""
        if self.wants_block:
            return True
        return shape.begins_block(self.before, written[self.at :], self.syntax)


@dataclass(frozen=True)
class Ends:
    """Of a text, seen from a cursor in it; whoever types through a block that was begun at another
    cursor goes on seeing the rest of that block. All ends count from the beginning of the text.
    """

    written: str
    here: Start
    multi_line: bool = True  # else the line is all that is wanted
    began: Start | None = None  # where the writing did

    @cached_property
    def line(self) -> Extent:
        """The cursor's line."""
        here = self.here
        line = shape.first_line(here.before, self.written[here.at :], here.syntax)
        return _moved(line, here.at)

    @cached_property
    def base(self) -> Start | None:
        """Where the block began that is wanted; None if a line will do."""
        starts = (self.began, self.here) if self.multi_line else ()
        return next((each for each in starts if each and each.gets_block(self.written)), None)

    @cached_property
    def block(self) -> Extent | None:
        """The block that is wanted; None if a line will do."""
        if (base := self.base) is None:
            return None
        return _moved(shape.block(base.before, self.written[base.at :], base.syntax), base.at)

    def sound_block(self, cut_short: bool) -> Extent | None:
        """As `block`, but without lines that are not what they seem and, of a text that was cut
        short, without half a line."""
        base, block = self.base, self.block
        if base is None or block is None:
            return None
        written, end, syntax = self.written[base.at :], block.end - base.at, base.syntax
        if block.finished:
            sound = not syntax.braces or shape.is_closed(base.before, written[:end], syntax)
            return block if sound else Extent(base.at, True)
        if not cut_short:
            return block
        if syntax.braces:
            end = shape.closed_part(base.before, written[: end + 1], syntax)
        elif not written.startswith("\n", end):
            end = max(written.rfind("\n", 0, end), 0)
        return Extent(base.at + end, False)


def _moved(extent: Extent, by: int) -> Extent:
    return Extent(extent.end + by, extent.finished)
