"""A condition on the arguments of a call: read once, judged for every call, fails closed.

It is an expression of names, numbers, texts, comparisons, `and`, `or`, `not` and dots. Nothing in
it can call anything. What cannot be judged, such as a missing field or two types that do not
compare, holds: a person is asked once too often, never once too little.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, cast

CHARS_MAX = 400

_COMPARE: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], bool]]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
_ALLOWED: Final[tuple[type[ast.AST], ...]] = (
    *(ast.BoolOp, ast.UnaryOp, ast.Compare, ast.Name, ast.Attribute, ast.Constant, ast.Tuple),
    *(ast.expr_context, ast.boolop, ast.Not, ast.USub),
    *_COMPARE,
)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was read; `text` is how it was written."""

    text: str
    names: frozenset[str]
    tree: ast.expr

    @classmethod
    def of(cls, text: str) -> "Condition":
        """Read a condition. Raises ValueError that says which part is none."""
        if not text.strip() or len(text) > CHARS_MAX:
            message = f"a condition has 1 to {CHARS_MAX} characters"
            raise ValueError(message)
        try:
            tree = ast.parse(text, mode="eval").body
        except SyntaxError as error:
            message = f"{text!r} is no condition: {error.msg}"
            raise ValueError(message) from None
        names: set[str] = set()
        for node in ast.walk(tree):
            private = isinstance(node, ast.Attribute) and node.attr.startswith("_")
            if private or not isinstance(node, _ALLOWED):
                message = (
                    f"{text!r} is no condition: {ast.unparse(node)!r} is not allowed in it;"
                    " use names, values, comparisons, and, or, not"
                )
                raise ValueError(message)
            if isinstance(node, ast.Name):
                names.add(node.id)
        return cls(text, frozenset(names), tree)

    def holds(self, arguments: Mapping[str, Any]) -> bool:
        """Say whether it holds for these arguments; it does when nobody can say."""
        try:
            return bool(_value(self.tree, arguments))
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
            return True


def _value(node: ast.expr, names: Mapping[str, Any]) -> Any:  # noqa: ANN401 - what arguments hold
    match node:
        case ast.Constant(value):
            # A number in a condition is compared with money as it is written.
            return Decimal(repr(value)) if isinstance(value, float) else value
        case ast.Name(name):
            return names[name]
        case ast.Attribute(of, name):
            found = _value(of, names)
            if isinstance(found, Mapping):
                return cast("Mapping[str, Any]", found)[name]
            return getattr(found, name)
        case ast.Tuple(parts):
            return tuple(_value(part, names) for part in parts)
        case ast.UnaryOp(ast.Not(), of):
            return not _value(of, names)
        case ast.UnaryOp(_, of):
            return -_value(of, names)
        case ast.BoolOp(ast.And(), parts):
            return all(_value(part, names) for part in parts)
        case ast.BoolOp(_, parts):
            return any(_value(part, names) for part in parts)
        case ast.Compare(left, signs, rights):
            values = [_value(one, names) for one in (left, *rights)]
            pairs = zip(signs, values, values[1:], strict=False)
            return all(_COMPARE[type(sign)](_number(a), _number(b)) for sign, a, b in pairs)
        case _:
            raise TypeError(node)


def _number(value: Any) -> Any:  # noqa: ANN401 - what arguments hold
    """Compare a binary fraction as it is written, so that 0.1 is a tenth."""
    return Decimal(repr(value)) if isinstance(value, float) else value
