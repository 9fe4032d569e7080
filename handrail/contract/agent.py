"""An agent: one handler, the one topic it reads, the topics it may write to.

Guarantee: an agent that could be declared has a handler that fits its topics. The decorated
function stays callable as it was, so that a test may await it directly.
"""

import inspect
import math
import re
from collections.abc import Coroutine
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    Literal,
    Never,
    ParamSpec,
    TypedDict,
    TypeVar,
    cast,
    overload,
)

from handrail.contract.handler_check import check_handler
from handrail.contract.handoff import is_handoff
from handrail.contract.topic import Topic, is_topic
from handrail.errors.contract import AgentInvalid, NotSendable
from handrail.wire.priority import priority_in, with_priority

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Unpack

    from handrail.contract.handler_shape import Declare

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
M = TypeVar("M")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")

AGENT_NAME_CHARS_MAX = 64
VERSION_CHARS_MAX = 64
RESERVED_NAMES = frozenset({"memory", "keeper", "registrar", "purse"})
WITHIN_S_MAX = 30 * 24 * 3600.0
BLOCK_KEY = "block_key"  #: nothing of a key goes on behind a dead one until a person has settled it
FOLLOWERS = frozenset({"continue", BLOCK_KEY})
_NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")


class AgentOptions(TypedDict, total=False):
    """What may be said about an agent beside its topics."""

    name: str  #: by default the name of the function
    within_s: float  #: only for a gathering agent: how long it waits, from the first part on
    version: str  #: grows when a running invocation of the former version cannot be carried on
    before_start: "Callable[[], Awaitable[None]]"  #: done once by each process before it takes work
    #: what becomes of those of its key when a handoff dies: they go on, or they wait for a person
    followers: Literal["continue", "block_key"]


class Agent(Generic[P, R_co]):
    """One declared agent."""

    of_engine: bool = False  #: no team has written it: what it reports needs no right of its own

    def __init__(
        self,
        handler: "Callable[P, Coroutine[Any, Any, R_co]]",
        *,
        reads: Topic[Any, Any],
        writes: tuple[Topic[Any, Any], ...] = (),
        options: AgentOptions | None = None,
    ) -> None:
        """Declare an agent; `@agent` does. Raises AgentInvalid with its cure."""
        given = AgentOptions() if options is None else options
        self.name: str = given.get("name") or str(getattr(handler, "__name__", ""))
        self.handler = handler
        self.reads = reads
        self.writes = writes
        self.version = given.get("version", "1")
        self.within_s = given.get("within_s")
        self.before_start = given.get("before_start")
        self.followers: str = given.get("followers", "continue")
        self.source_file = _source_file(handler)
        self._check_own_facts(set(given))
        shape = check_handler(self.name, handler, reads, writes)
        self.gathers = shape.gathers
        self.wants_context = shape.wants_context
        self.fans_out = shape.fans_out
        self.sends_one = shape.sends_one
        self._check_gather()
        self._check_answers()
        self.__doc__ = handler.__doc__
        self.__name__ = self.name
        self.__module__ = handler.__module__
        self.__wrapped__ = handler

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]:
        """Call the handler as the plain function that it is; nothing is recorded or sent."""
        return self.handler(*args, **kwargs)

    @property
    def purpose(self) -> str:
        """The first sentence of the handler's docstring; empty when it has none."""
        return (inspect.getdoc(self.handler) or "").split("\n\n")[0].replace("\n", " ")

    @property
    def lanes(self) -> tuple[str, ...]:
        """Name that by which its side topics are called: itself, and its high priority if any."""
        return tuple(with_priority(self.name, priority_in(one)) for one in self.reads.inboxes)

    def topic_for(self, message: object) -> tuple[Topic[Any, Any], Any]:
        """Give the topic that a returned message goes to, and the message without its Handoff.

        A plain message goes to the one topic in `writes` that carries its type; `results` is taken
        only when no other does. Raises NotSendable when none does or several do.
        """
        if is_handoff(message):
            topic = message.topic
            if topic not in self.writes:
                known = f"for {self.name}: {self._writes_in_words()}"
                raise NotSendable(given="message", topic=topic.name, known=known)
            topic.model_of(message.message)
            return topic, message.message
        fitting = [t for t in self.writes if not t.is_open and _carries(t, message)]
        fitting = fitting or [t for t in self.writes if t.is_open and _carries(t, message)]
        if len(fitting) != 1:
            topics = " or ".join(t.name for t in fitting or self.writes) or "(none)"
            known = self._writes_in_words() or "nothing"
            raise NotSendable(given=type(message).__name__, topic=topics, known=known)
        return fitting[0], message

    def _writes_in_words(self) -> str:
        return ", ".join(f"{t.name} ({', '.join(t.models) or 'anything'})" for t in self.writes)

    def _check_own_facts(self, given: set[str]) -> None:
        if not _NAME.fullmatch(self.name) or len(self.name) > AGENT_NAME_CHARS_MAX:
            raise AgentInvalid(
                agent=self.name[:100],
                detail="its name is not allowed",
                cure="use small letters, digits, single - and _, at most"
                f" {AGENT_NAME_CHARS_MAX}; or give name=",
            )
        if self.name in RESERVED_NAMES:
            raise AgentInvalid(
                agent=self.name,
                detail="the engine keeps this name for a process of its own",
                cure="use another name, or give name=",
            )
        strange = given - set(AgentOptions.__annotations__)
        if strange:
            raise AgentInvalid(
                agent=self.name,
                detail=f"@agent knows no {', '.join(sorted(strange))}",
                cure=f"use {', '.join(AgentOptions.__annotations__)}",
            )
        if not is_topic(self.reads) or self.reads.is_open:
            raise AgentInvalid(
                agent=self.name,
                detail="reads= is no topic that agents read",
                cure="give reads= one Topic of the team, results excepted",
            )
        if not all(is_topic(topic) for topic in self.writes):
            raise AgentInvalid(
                agent=self.name,
                detail="writes= holds something that is no topic",
                cure="give writes= a Topic, or a tuple of them",
            )
        names = [topic.name for topic in self.writes]
        if len(names) != len(set(names)):
            raise AgentInvalid(
                agent=self.name, detail="writes= names a topic twice", cure="name each once"
            )
        if not self.version or not self.version.isascii() or len(self.version) > VERSION_CHARS_MAX:
            raise AgentInvalid(
                agent=self.name,
                detail=f"its version is {self.version!r:.80}",
                cure="give version= a short text such as '2'",
            )

    def _check_gather(self) -> None:
        if self.followers not in FOLLOWERS or (self.gathers and self.followers == BLOCK_KEY):
            detail = f"followers={self.followers!r:.40} cannot be"
            cure = "use 'continue' or 'block_key'; a gathering agent has no followers"
            raise AgentInvalid(agent=self.name, detail=detail, cure=cure)
        if self.within_s is not None and not self.gathers:
            raise AgentInvalid(
                agent=self.name,
                detail="within_s= is for an agent that gathers, and its handler takes one message",
                cure="take Parts[...] as the first parameter, or leave within_s= out",
            )
        within_s = 1.0 if self.within_s is None else self.within_s
        if not 0 < within_s <= WITHIN_S_MAX or math.isnan(within_s):
            raise AgentInvalid(
                agent=self.name,
                detail=f"within_s={self.within_s} is out of bounds",
                cure=f"use more than 0 and at most {WITHIN_S_MAX:.0f} seconds",
            )
        if self.gathers and self.reads.key is not None:
            raise AgentInvalid(
                agent=self.name,
                detail=f"it gathers from {self.reads.name}, whose key= would part what belongs"
                " together",
                cure=f"remove key= from topic {self.reads.name}",
            )

    @property
    def answers(self) -> bool:
        """Whether what it gives back is the answer to a question."""
        return self.reads.reply is not None

    def _check_answers(self) -> None:
        if self.answers and (self.gathers or self.writes):
            does = "gathers" if self.gathers else "writes to topics"
            raise AgentInvalid(
                agent=self.name,
                detail=f"it {does}, and {self.reads.name} has replies=: what it gives back is the"
                " answer to one question",
                cure="leave writes= out and take one message; let another agent do the rest",
            )

    def __repr__(self) -> str:
        """Show the name and what goes in and out."""
        writes = ", ".join(topic.name for topic in self.writes) or "nothing"
        return f"<agent {self.name}: reads {self.reads.name}, writes {writes}>"


def _source_file(handler: object) -> str:
    return (inspect.getsourcefile(handler) or "") if inspect.isfunction(handler) else ""


def _carries(topic: Topic[Any, Any], message: object) -> bool:
    try:
        topic.model_of(message)
    except NotSendable:
        return False
    return True


@overload
def agent(
    *, reads: Topic[M, None], writes: tuple[()] = (), **options: "Unpack[AgentOptions]"
) -> "Declare[M, Never]": ...
@overload
def agent(
    *, reads: Topic[M, None], writes: Topic[A, Any], **options: "Unpack[AgentOptions]"
) -> "Declare[M, A]": ...
@overload
def agent(
    *, reads: Topic[M, None], writes: tuple[Topic[A, Any]], **options: "Unpack[AgentOptions]"
) -> "Declare[M, A]": ...
@overload
def agent(
    *,
    reads: Topic[M, None],
    writes: tuple[Topic[A, Any], Topic[B, Any]],
    **options: "Unpack[AgentOptions]",
) -> "Declare[M, A | B]": ...
@overload
def agent(
    *,
    reads: Topic[M, None],
    writes: tuple[Topic[A, Any], Topic[B, Any], Topic[C, Any]],
    **options: "Unpack[AgentOptions]",
) -> "Declare[M, A | B | C]": ...
@overload
def agent(
    *,
    reads: Topic[M, None],
    writes: tuple[Topic[A, Any], Topic[B, Any], Topic[C, Any], Topic[D, Any]],
    **options: "Unpack[AgentOptions]",
) -> "Declare[M, A | B | C | D]": ...
@overload
def agent(
    *, reads: Topic[M, None], writes: tuple[Topic[Any, Any], ...], **options: "Unpack[AgentOptions]"
) -> "Declare[M, Any]": ...
@overload
def agent(
    *, reads: Topic[M, B], writes: tuple[()] = (), **options: "Unpack[AgentOptions]"
) -> "Declare[M, B]": ...


def agent(*, reads: Any, writes: Any = (), **options: Any) -> Any:
    """Declare an async function as an agent that reads one topic and writes to others.

    The handler takes a message, or `Parts[M]` to gather a fan-out, and a `Context` if it wants
    one. It returns one message, a list (a fan-out), a Handoff or nothing. If the topic that it
    reads has `replies=`, it writes to no topic and returns the answer, which goes to whoever asked
    by `ctx.ask`; asked by anybody else, to `results`. Raises AgentInvalid with its cure when
    handler and topics do not fit.
    """
    topics = cast("tuple[Topic[Any, Any], ...]", writes if isinstance(writes, tuple) else (writes,))

    def declare(handler: "Callable[..., Coroutine[Any, Any, Any]]") -> Agent[..., Any]:
        given: Any = options
        return Agent(handler, reads=reads, writes=topics, options=given)

    return declare
