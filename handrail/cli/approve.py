"""`handrail approve` and `handrail deny`: a person decides on the exact act that waits."""

import asyncio
import getpass
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from handrail.cli.numbers import COUNT
from handrail.cli.output import inert, note
from handrail.cli.place import Place, place_options

if TYPE_CHECKING:
    from handrail.bus.port import Bus
    from handrail.bus.settings import Settings
    from handrail.ledger.projection import Projection
    from handrail.ledger.task_state import TaskFacts
    from handrail.runtime.people import Answered
    from handrail.wire.human import Request

F = TypeVar("F", bound=Callable[..., Any])

NOT_TAKEN_YET = 6
SOMEBODY_WAS_FIRST = 5


def _deciding(command: F) -> F:
    """Add what both commands take."""
    decorated: Any = command
    options = (
        click.argument("task", metavar="ID|REFERENCE"),
        place_options,
        click.option("--step", metavar="STEP", help="Which act, if several of the task wait."),
        click.option(
            "--by",
            metavar="NAME",
            help="Who decides; it is believed, also as role:NAME.  [default: your login]",
        ),
    )
    for option in reversed(options):
        decorated = option(decorated)
    return cast("F", decorated)


@click.command()
@_deciding
@click.option(
    "--edit",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Approve it with other arguments, which FILE holds as a JSON object.",
)
@click.option(
    "--for-task",
    is_flag=True,
    help="Let further calls like it go on, too; not together with --edit.",
)
@click.option(
    "--calls",
    metavar="N",
    type=COUNT,
    help="How many further ones, with --for-task.  [default: 10]",
)
def approve(
    place: Place,
    task: str,
    step: str | None,
    by: str | None,
    edit: Path | None,
    *,
    for_task: bool,
    calls: int | None,
) -> int:
    """Let an act take place that waits for an approval.

    The approval is for this very act, as `handrail people` shows it: its tool, its arguments, the
    rules of now; for this task, once, and until it expires. The first decision that the agent
    records counts. A decision in the name of whoever asked for the task is not taken; but names
    are believed, so whoever can write to the team's broker can give another one.

    With --for-task further calls go on as well: of the same tool, while its agent works on the same
    handoff, under the same rules and until the same expiry, with the same arguments, but for those
    that the contract of the tool calls free. A denial, or `deny --stop`, ends that.
    """
    if calls is not None and not for_task:
        message = "--calls says how many further calls go on with --for-task, which is not given."
        raise click.UsageError(message)
    if edit is not None and for_task:
        message = "What --edit changes is approved once: leave out either --edit or --for-task."
        raise click.UsageError(message)
    arguments = None if edit is None else _object(edit)

    def decision(request: "Request") -> bytes:
        from handrail.runtime.approvals import approval_of
        from handrail.runtime.deciding import further_calls

        further = further_calls(for_task if calls is None else calls)
        value = approval_of(request, arguments=arguments, for_task=further)
        if arguments is not None:
            check_by_contract(place.settings(), request, arguments)
        return value

    return _decide(place, task, step, by, decision)


def check_by_contract(settings: "Settings", request: "Request", arguments: dict[str, Any]) -> None:
    """Refuse changed arguments that the tool would refuse, where its contract is at hand."""
    from handrail.cli.team import loaded_team
    from handrail.contract.failure import Refused
    from handrail.errors import AnswerRefused, ProjectNotFound

    try:
        tools = loaded_team(settings).tools
    except ProjectNotFound:
        return  # decided from elsewhere: the schema of the request is all that is known here
    tool = tools.get(str((request.act or {}).get("tool")))
    if tool is None:
        return
    try:
        tool.checked(arguments)
    except Refused as no:
        detail = f"the changed arguments: {no.detail}"
        raise AnswerRefused(detail=detail, asked=request.text) from no


@click.command()
@_deciding
@click.option("--reason", metavar="WORDS", default="", help="Told to the agent that asked.")
@click.option("--stop", is_flag=True, help="Stop the whole task as well: no agent goes on with it.")
def deny(
    place: Place, task: str, step: str | None, by: str | None, reason: str, *, stop: bool
) -> int:
    """Refuse an act that waits for an approval; its agent is told, and may go on without it.

    With --stop the task is canceled instead, with the act and the reason as its words: nothing
    more of it begins. Whoever may cancel it may do so.
    """
    if stop:
        name = by or getpass.getuser()
        return asyncio.run(_stop(place.settings(), task, step, (reason, name)))

    def decision(request: "Request") -> bytes:
        from handrail.runtime.approvals import denial_of

        return denial_of(request, reason)

    return _decide(place, task, step, by, decision)


def _decide(
    place: Place,
    task: str,
    step: str | None,
    by: str | None,
    decision: "Callable[[Request], bytes]",
) -> int:
    name = by or getpass.getuser()
    return asyncio.run(_sent(place.settings(), (task, step), name, decision))


async def _sent(
    settings: "Settings",
    wanted: tuple[str, str | None],
    by: str,
    decision: "Callable[[Request], bytes]",
) -> int:
    from handrail.cli.projection import current_projection, known_task

    task, step = wanted
    async with current_projection(settings) as (projection, bus):
        facts = await known_task(settings, projection, bus, task)
        return await decide_on_act(bus, settings.namespace, facts, step, (by, decision))


async def decide_on_act(
    bus: "Bus",
    namespace: str,
    facts: "TaskFacts",
    step: str | None,
    decided: "tuple[str, Callable[[Request], bytes]]",
) -> int:
    """Decide on an act: print it, send the decision, and print what its lane has taken.

    What is printed before is what is asked, never that anything was decided; what is printed
    after is what the lane has recorded, whoever has decided it. Gives the exit code. Raises
    RequestUnknown, AnswerRefused, and DecisionNotTaken when the lane does not count it.
    """
    from handrail.ledger.event import RequestKind
    from handrail.runtime.clock import WallClock
    from handrail.runtime.people import give_answer, one_request, taken

    by, decision = decided
    request = await one_request(bus, namespace, facts, step, RequestKind.APPROVAL)
    value = decision(request)
    # Before it takes effect: what is decided on stands on the screen however the command ends.
    note(inert(f"Asked: {_act_in_words(request)}"))
    if (further := _further(value)) is not None:
        note(inert(f"And for the task: {further}, until it expires."))
    given = await give_answer(bus, namespace, request, value, by, WallClock().now_ms())
    found = await taken(bus, namespace, given)
    if found is None:
        note("It is on its way; it counts once the agent has taken it, when it runs again.")
        return NOT_TAKEN_YET
    for line in taken_in_words(request, found):
        note(inert(line))
    return 0 if found.is_ours else SOMEBODY_WAS_FIRST


def taken_in_words(request: "Request", taken: "Answered") -> list[str]:
    """Say what a lane has recorded: who has decided what, and what runs."""
    approved = taken.value.get("approve") is True
    word = "approved" if approved else "denied"
    lines = (
        [f"It is {word}, by {taken.by}. The task goes on."]
        if taken.is_ours
        else [f"{taken.by} was first: it is {word}. Your decision is not used."]
    )
    if approved:
        arguments = taken.value.get("arguments", (request.act or {}).get("arguments"))
        lines.append(f"What runs is {_call(request, arguments)}")
    if (further := _further(taken.value)) is not None:
        lines.append(f"Without asking go on {further}, until it expires.")
    return lines


def _further(decision: object) -> str | None:
    """Say which further calls a decision lets go on; None for none."""
    import orjson

    from handrail.contract.for_task import ForTask

    value: Any = orjson.loads(decision) if isinstance(decision, bytes) else decision
    given = ForTask.of(value.get("for_task"))
    return None if given is None else given.in_words()


async def _stop(settings: "Settings", task: str, step: str | None, said: tuple[str, str]) -> int:
    from handrail.cli.projection import current_projection, known_task

    async with current_projection(settings) as (projection, bus):
        facts = await known_task(settings, projection, bus, task)
        await stop_at_act(settings, projection, bus, facts, step, said)
    return 0


async def stop_at_act(
    settings: "Settings",
    projection: "Projection",
    bus: "Bus",
    facts: "TaskFacts",
    step: str | None,
    said: tuple[str, str],
) -> None:
    """Cancel a task at an act that waits for an approval: nothing more of it begins.

    Not a denial followed by a cancel: between the two its handler would go on. An approval that was
    taken a moment before still lets the act end, and the cancel says what is still held. Raises
    RequestUnknown when no act of it waits, and TaskEnded.
    """
    from handrail.cli.cancel import cancel_task
    from handrail.ledger.event import RequestKind
    from handrail.runtime.people import one_request

    reason, by = said
    request = await one_request(bus, settings.namespace, facts, step, RequestKind.APPROVAL)
    words = f"not approved: {request.text}" + (f" ({reason})" if reason else "")
    await cancel_task(settings, projection, bus, facts, (words, by))


def _object(file: Path) -> dict[str, Any]:
    import orjson

    try:
        found: object = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        message = f"{file} holds no JSON: {error}"
        raise click.UsageError(message) from error
    if not isinstance(found, dict):
        message = f"{file} holds no JSON object: name each argument"
        raise click.UsageError(message)
    return cast("dict[str, Any]", found)


def _act_in_words(request: "Request") -> str:
    act: Any = request.act or {}
    return f"{request.text}\n  {_call(request, act.get('arguments'))}"


def _call(request: "Request", arguments: object) -> str:
    import orjson

    return f"{(request.act or {}).get('tool')} {orjson.dumps(arguments).decode()}"
