"""What a test did not foresee: collected where it happens, raised where the test waits.

A handler may catch what its model or its tools raise. A test that asked for more than it planned
fails all the same, because the question itself is kept.
"""

from dataclasses import dataclass, field


class UnscriptedError(AssertionError):
    """A model or a tool was asked for something that the test has not planned."""


@dataclass(slots=True)
class Surprises:
    """Everything that was asked and not planned, in order."""

    found: list[str] = field(default_factory=list[str])

    def say(self, words: str) -> UnscriptedError:
        """Keep it, and give the error to be raised on the spot."""
        self.found.append(words)
        return UnscriptedError(words)

    def check(self) -> None:
        """Raise when there was any."""
        if self.found:
            raise UnscriptedError("\n\n".join(self.found))
