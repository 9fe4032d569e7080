"""What a tool declares: its effect, its arguments, its result, and how it may fail.

Guarantee: a registered tool has an effect class, a description, an annotated result, a JSON schema
of its arguments and no term that nobody knows; anything else raises ToolInvalid with its cure when
it is declared.
"""

import inspect
import math
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import (
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    Protocol,
    TypeVar,
    Unpack,
    cast,
    overload,
)

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model

from handrail.contract.acted import OF_ENGINE, of_body
from handrail.contract.annotation import annotations_of
from handrail.contract.effect import (
    Effect,
    EffectDeclaration,
    Idempotent,
    Queryable,
    effect_of,
)
from handrail.contract.explain import invalid_in_words
from handrail.contract.failure import Refused, State
from handrail.contract.terms import Terms, ToolTerms, agreed_terms, unknown_terms
from handrail.contract.tool_version import version_of
from handrail.errors.contract import ToolInvalid
from handrail.wire.label import NOTHING_READ, Label

P = ParamSpec("P")
R = TypeVar("R")

TOOL_TIMEOUT_S_DEFAULT = 10.0
TOOL_TIMEOUT_S_MAX = 3600.0
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What a tool may know about the call: the facts that a receiver outside needs."""

    idem_key: str  #: the same for every try of the same step; hand it to the receiver
    task_id: str
    tenant: str
    deadline_ms: int  #: when the task's time is over, in milliseconds since 1970 (UTC)
    secrets: Mapping[str, str] = field(
        default_factory=dict[str, str], repr=False, compare=False
    )  #: those that its contract declares, by name; there in the body only


class Tool(Generic[P, R]):
    """One registered tool. It is not callable: handlers call it by `await ctx.call(tool, ...)`."""

    words: Label = NOTHING_READ  #: of its name, description and schema: its developer's own words
    takes_back: object = None  #: on a copy: the act that this very call takes back
    undo_takes: frozenset[str] | None = None  #: arguments of what undoes it, once its team is known

    def __init__(self, function: Callable[..., Awaitable[R]], contract: "ToolContract") -> None:
        """Pair a function with its contract; `@tool` does."""
        self.function = function
        self.contract = contract
        self.name = contract.name
        self.description = contract.description
        self.effect = effect_of(contract.effect)
        self.timeout_s = contract.timeout_s
        self.failures = contract.failures
        self.terms = contract.terms

    @property
    def version(self) -> str:
        """A digest of everything that it declares: another contract is another version."""
        return self.contract.version

    @property
    def args_schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments, derived from the signature."""
        return self.contract.args_model.model_json_schema()

    def bind(self, *args: P.args, **kwargs: P.kwargs) -> dict[str, Any]:
        """Give the arguments of a call by name, as given; raises Refused (`invalid_input`)."""
        try:
            bound = self.contract.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise Refused(State.INVALID_INPUT, f"{self.name}: {error}") from error
        return dict(bound.arguments)

    def checked(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Give arguments converted to the declared types; raises Refused (`invalid_input`).

        For arguments that a model wrote, which arrive as plain JSON values.
        """
        try:
            model = self.contract.args_model.model_validate(dict(arguments))
        except ValidationError as error:
            raise Refused(State.INVALID_INPUT, f"{self.name}: {invalid_in_words(error)}") from error
        return {name: getattr(model, field) for field, name in self.contract.fields.items()}

    def held(self) -> Refused | None:
        """Say why it may not be called now, whatever its arguments; None for one that may."""
        return None

    async def run(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> R:
        """Carry the tool out once and check its result; raises Refused (`output_invalid`).

        Applies no rail: the engine comes through here after every check has passed. A state that
        only the engine can know is told as a defect of the tool.
        """
        given = (ctx,) if self.contract.wants_context else ()
        try:
            result = await self.function(*given, **arguments)
        except Refused as refused:
            if (told := of_body(refused, self.name, self.effect)) is refused:
                raise
            raise told from refused
        return self.result_of(result)

    def result_of(self, value: object) -> R:
        """Check a value as a result of this tool; raises Refused (`output_invalid`)."""
        try:
            return cast("R", self.contract.returns.validate_python(value))
        except ValidationError as error:
            raise Refused(
                State.OUTPUT_INVALID, f"{self.name}: {invalid_in_words(error)}"
            ) from error

    @property
    def gives(self) -> Label | None:
        """Where its result comes from; None for what is computed from its arguments alone."""
        computes = self.effect is Effect.PURE and self.terms.gives is None
        return None if computes else self.terms.label

    def as_record(self, result: R) -> bytes:
        """Give a result as the journal keeps it, so that `from_record` makes the same again."""
        return self.contract.returns.dump_json(result, by_alias=False, round_trip=True)

    def from_record(self, data: bytes) -> R:
        """Give a result that was recorded; raises pydantic's ValidationError."""
        return cast("R", self.contract.returns.validate_json(data, by_alias=False, by_name=True))

    def result_as_json(self, result: R) -> bytes:
        """Give a result as JSON, as the model reads it."""
        return self.contract.returns.dump_json(result, by_alias=True)

    def __repr__(self) -> str:
        """Show name and effect."""
        return f"Tool({self.name!r}, effect={self.effect.value!r})"


@dataclass(frozen=True, kw_only=True)
class ToolContract:
    """Everything that a tool declares; the function's signature is read once."""

    name: str
    description: str
    effect: EffectDeclaration
    timeout_s: float
    failures: frozenset[State]
    signature: inspect.Signature  #: without the context
    wants_context: bool
    args_model: type[BaseModel]
    returns: TypeAdapter[Any]
    fields: Mapping[str, str] = field(default_factory=dict[str, str])  #: field name to argument
    terms: ToolTerms = field(default_factory=ToolTerms)

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """What its arguments are when they are not given, of those that need not be."""
        known = self.args_model.model_fields
        return {
            name: known[own].get_default(call_default_factory=False)
            for own, name in self.fields.items()
            if not known[own].is_required()
        }

    @cached_property
    def version(self) -> str:
        """A digest of everything that it declares, the same in every process."""
        return version_of(self)


class Register(Protocol):
    """The decorator that `tool(...)` gives."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[ToolContext, P], Awaitable[R]], /
    ) -> Tool[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, Awaitable[R]], /) -> Tool[P, R]: ...


@overload
def tool(function: Callable[Concatenate[ToolContext, P], Awaitable[R]], /) -> Tool[P, R]: ...
@overload
def tool(function: Callable[P, Awaitable[R]], /) -> Tool[P, R]: ...
@overload
def tool(
    *,
    effect: EffectDeclaration | None = None,
    timeout_s: float = TOOL_TIMEOUT_S_DEFAULT,
    name: str | None = None,
    failures: Iterable[State] | None = None,
    reconcile: Callable[[str], Awaitable[Any]] | None = None,
    **terms: Unpack[Terms],
) -> Register: ...
def tool(
    function: Callable[..., Awaitable[Any]] | None = None,
    /,
    *,
    effect: EffectDeclaration | None = None,
    timeout_s: float = TOOL_TIMEOUT_S_DEFAULT,
    name: str | None = None,
    failures: Iterable[State] | None = None,
    reconcile: Callable[[str], Awaitable[Any]] | None = None,
    **terms: Unpack[Terms],
) -> Register | Tool[..., Any]:
    """Register an async function as a tool of agents: `@tool`, or `@tool(...)` with its terms.

    `effect` says what a crash in the middle leaves behind; a tool that leaves it out is unsafe,
    needs an approval for every call and is confined. `reconcile` makes an unsafe tool one whose
    receiver can be asked. `failures` are the states in which the tool says it may fail, beside
    those that the engine itself reports; an empty list says that there are none. `Terms` are all
    others. A first parameter of type ToolContext is filled by the engine. Raises ToolInvalid with
    its cure.
    """
    declared = Effect.UNSAFE if effect is None else effect
    if reconcile is not None and declared is Effect.UNSAFE:
        declared = Queryable(reconcile)
    failing = frozenset(State(state) for state in failures or ())
    beside = {"effect": effect, "failures": failures}
    said = {name for name, given in beside.items() if given is not None}

    def register(function: Callable[..., Awaitable[Any]]) -> Tool[..., Any]:
        tool_name: str = name or str(getattr(function, "__name__", function))
        if (unfit := unknown_terms(terms)) is not None:
            raise ToolInvalid(tool=tool_name, detail=unfit[0], cure=unfit[1])
        try:
            agreed = agreed_terms(terms, said)
        except ValueError as error:
            raise ToolInvalid(
                tool=tool_name, detail=str(error), cure="correct it, or leave it out"
            ) from error
        return Tool(function, _contract(function, tool_name, declared, timeout_s, failing, agreed))

    return cast("Register", register) if function is None else register(function)


def _contract(
    function: Callable[..., Awaitable[Any]],
    tool_name: str,
    effect: EffectDeclaration,
    timeout_s: float,
    failures: frozenset[State],
    terms: ToolTerms,
) -> ToolContract:
    description = inspect.getdoc(function) or ""
    problem = _problem(function, tool_name, description, effect, timeout_s, failures)
    if problem:
        raise ToolInvalid(tool=tool_name, detail=problem[0], cure=problem[1])
    hints = annotations_of(function, _refuse(tool_name), with_bounds=True)
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())
    wants_context = bool(parameters) and hints.get(parameters[0].name) is ToolContext
    parameters = parameters[1:] if wants_context else parameters
    args_model, names = _args_model(tool_name, parameters, hints)
    if "return" not in hints:
        raise ToolInvalid(
            tool=tool_name,
            detail="it does not say what it gives back",
            cure="annotate the result: `-> Receipt`, or `-> None` when there is none",
        )
    try:
        returns: TypeAdapter[Any] = TypeAdapter(hints["return"])
    except Exception as error:
        raise ToolInvalid(
            tool=tool_name,
            detail=f"its result has no JSON form: {hints['return']!r}",
            cure="give back a pydantic model or a JSON type",
        ) from error
    if (unfit := terms.problem(frozenset(names.values()))) is not None:
        raise ToolInvalid(tool=tool_name, detail=unfit[0], cure=unfit[1])
    return ToolContract(
        name=tool_name,
        description=description,
        effect=effect,
        timeout_s=timeout_s,
        failures=failures,
        signature=signature.replace(parameters=parameters),
        wants_context=wants_context,
        args_model=args_model,
        returns=returns,
        fields=names,
        terms=terms,
    )


def _problem(
    function: object,
    name: str,
    description: str,
    effect: object,
    timeout_s: float,
    failing: frozenset[State],
) -> tuple[str, str] | None:
    """Say what is wrong with what `@tool` was given, and its cure."""
    if not inspect.iscoroutinefunction(function):
        return "it is not an async function", "write `async def`"
    if not _NAME.fullmatch(name):
        return (
            f"{name[:80]!r} is no name that every model accepts",
            "use at most 64 small letters, digits and _, a letter first; or give name=",
        )
    if not description:
        return (
            "it has no docstring",
            "say in its docstring what it does, for the model that reads it",
        )
    if not isinstance(effect, Effect | Idempotent | Queryable):
        return (
            f"{effect!r} is no effect",
            "use effect=Effect.READ, Idempotent(ttl_s=...) or the like",
        )
    if effect is Effect.IDEMPOTENT or effect is Effect.QUERYABLE:
        return (
            f"effect {effect.value} leaves out what it depends on",
            "write effect=Idempotent(ttl_s=...), or effect=Queryable(reconcile=...)",
        )
    if knows_too_much := sorted(failing & OF_ENGINE):
        return (
            f"failures= names {knows_too_much[0]}, which only the engine can say of a call",
            "leave it out; a tool whose other side refuses says precondition_failed",
        )
    if not 0 < timeout_s <= TOOL_TIMEOUT_S_MAX or math.isnan(timeout_s):
        return f"timeout_s={timeout_s} is out of bounds", f"use up to {TOOL_TIMEOUT_S_MAX:.0f} s"
    return None


def _refuse(tool_name: str) -> Callable[[str, str], Exception]:
    return lambda detail, cure: ToolInvalid(tool=tool_name, detail=detail, cure=cure)


def _args_model(
    tool_name: str, parameters: list[inspect.Parameter], hints: Mapping[str, Any]
) -> tuple[type[BaseModel], dict[str, str]]:
    fields: dict[str, Any] = {}
    names: dict[str, str] = {}
    for number, parameter in enumerate(parameters):
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise ToolInvalid(
                tool=tool_name,
                detail=f"it takes any arguments by *{parameter.name}",
                cure="name each argument, so that its schema can be derived",
            )
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise ToolInvalid(
                tool=tool_name,
                detail=f"its argument {parameter.name} cannot be given by name",
                cure="remove the / from its parameters",
            )
        if parameter.name not in hints:
            raise ToolInvalid(
                tool=tool_name,
                detail=f"its argument {parameter.name} has no type",
                cure=f"annotate it: `{parameter.name}: str`",
            )
        default = ... if parameter.default is parameter.empty else parameter.default
        # Field names of our own, so that an argument may be called `json` or `copy` as well.
        names[f"argument_{number}"] = parameter.name
        fields[f"argument_{number}"] = (
            hints[parameter.name],
            Field(default, alias=parameter.name, title=parameter.name),
        )
    try:
        model = create_model(
            tool_name, __config__=ConfigDict(extra="forbid", populate_by_name=False), **fields
        )
        model.model_json_schema()
    except Exception as error:
        raise ToolInvalid(
            tool=tool_name,
            detail=f"its arguments have no JSON schema: {error}",
            cure="use pydantic models and JSON types as arguments",
        ) from error
    return model, names
