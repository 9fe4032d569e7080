"""The output of an MCP server that talks without end, for as long as a test lets it.

There is no machine on which it is through too early: a line is ready whenever one is read, until
the test has seen what it wanted to see meanwhile. It notices itself what no clock can show: that
its lines are read on and on without a turn of the event loop for anybody else.
"""

import asyncio

NOTE = b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}\n'
TO_NOBODY = b'{"jsonrpc":"2.0","id":4711,"result":{}}\n'  #: an answer, though nobody asked
NOTES_BETWEEN = 100
LINES_A_TURN_MAX = 1_000  #: far more than are read in one turn, far less than until it is cut off


class Talker(asyncio.StreamReader):
    """What is fed to it, and notes whenever it `talks`."""

    def __init__(self, limit: int) -> None:
        """Be silent at first."""
        super().__init__(limit=limit)
        self.talks = False
        self.left: int | None = None  #: notes to be read yet, once it is let over the limit
        self.wrong: list[str] = []  #: what its reader did that no reader may do
        self._lines = 1  # the note that it began with
        self._lines_this_turn = 0

    def let_over(self, notes: int) -> None:
        """Say notes alone from the next answer on, and see that no more than these are read."""
        self.left = notes

    async def readuntil(self, separator: bytes = b"\n") -> bytes:
        """Give the next line at once when it talks; its end when the reader does wrong."""
        if not self.talks:
            return await super().readuntil(separator)
        if self._lines_this_turn == 0:
            asyncio.get_running_loop().call_soon(self._turned)
        self._lines_this_turn += 1
        if self._lines_this_turn > LINES_A_TURN_MAX:
            return self._ended("nobody else had a turn")
        if self.left is None or self._lines % NOTES_BETWEEN:
            # What is counted of its notes begins anew with an answer, and so does `left`.
            self._lines += 1
            return NOTE if self._lines % NOTES_BETWEEN else TO_NOBODY
        if self.left == 0:
            return self._ended("it is heard beyond the limit")
        self.left -= 1
        return NOTE

    def _turned(self) -> None:
        self._lines_this_turn = 0

    def _ended(self, why: str) -> bytes:
        self.wrong.append(why)
        raise asyncio.IncompleteReadError(b"", None)
