"""Mutants of a module: the same source with one small mistake of the kind that people make."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from typing import NamedTuple

_COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_BINARY: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}


class Mutant(NamedTuple):
    """``what`` was changed in ``line``, and the whole source with it."""

    line: int
    what: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a module. Docstrings, other texts, annotations and imports are left alone: no behaviour is in them."""
    tree = ast.parse(source)
    places = [node for node in _behaviour(tree) if _changes(node)]
    for node in places:
        for what, change in _changes(node):
            changed = copy.deepcopy(node)
            change(changed)
            yield Mutant(getattr(node, "lineno", 0), what, _with(tree, node, changed))


def _behaviour(node: ast.AST) -> Iterator[ast.AST]:
    """The node and what is below it, without what only describes."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _behaviour(child)


def _with(tree: ast.Module, node: ast.AST, changed: ast.AST) -> str:
    """The module's source with ``changed`` in place of ``node``; the tree is left as it was."""
    kept = dict(vars(node))
    vars(node).update(vars(changed))
    try:
        return ast.unparse(tree)
    finally:
        vars(node).clear()
        vars(node).update(kept)


def _changes(node: ast.AST) -> list[tuple[str, Callable[[ast.AST], None]]]:  # noqa: PLR0911 - a case for each kind of mistake
    match node:
        case ast.Compare(ops=[op]) if type(op) in _COMPARE:
            return [
                _set("ops", [kind()], f"{type(op).__name__} to {kind.__name__}")
                for kind in _COMPARE[type(op)]
            ]
        case ast.Compare(ops=[first, *_]) if type(first) in _COMPARE:
            others = [
                [*node.ops[:i], kind(), *node.ops[i + 1 :]]
                for i, op in enumerate(node.ops)
                for kind in _COMPARE[type(op)]
            ]
            return [_set("ops", ops, "one of a chain of comparisons") for ops in others]
        case ast.BoolOp(op=op):
            other = ast.Or() if isinstance(op, ast.And) else ast.And()
            return [_set("op", other, f"{type(op).__name__} to {type(other).__name__}")]
        case ast.BinOp(op=op) if type(op) in _BINARY:
            return [_set("op", _BINARY[type(op)](), f"{type(op).__name__} to {_BINARY[type(op)].__name__}")]
        case ast.Call(func=ast.Name(id=name)) if name in _CALLS:
            return [_set("func", ast.Name(id=_CALLS[name], ctx=ast.Load()), f"{name} to {_CALLS[name]}")]
        case ast.Constant(value=bool(value)):
            return [_set("value", not value, f"{value} to {not value}")]
        case ast.Constant(value=int() | float() as value):
            return [_set("value", value + 1, f"{value} to {value + 1}")]
        case ast.If() | ast.IfExp() | ast.While():
            return [_set("test", ast.Constant(truth), f"condition to {truth}") for truth in (True, False)]
        case ast.comprehension(ifs=[_, *_]):
            return [_set("ifs", [], "condition left out")]
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            inner = ast.UnaryOp(op=node.op, operand=node.operand)  # twice is not at all
            return [_set("operand", inner, "negation left out")]
        case ast.AugAssign(op=op) if type(op) in _BINARY:
            return [_set("op", _BINARY[type(op)](), f"{type(op).__name__} to {_BINARY[type(op)].__name__}")]
        case ast.Expr(value=ast.Call()):
            return [_set("value", ast.Constant(value=None), "call left out")]
    return []


def _set(field: str, value: object, what: str) -> tuple[str, Callable[[ast.AST], None]]:
    return what, lambda changed: setattr(changed, field, value)
