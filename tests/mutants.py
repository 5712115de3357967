"""Wrong answers made automatically: a right answer with one small change."""

import ast
import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import torch

Function = Callable[..., Any]

# What may stand in the place of an operator, a comparison, or a function or method.
OPERATORS = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div, ast.Add],
    ast.Div: [ast.Mult],
    ast.Pow: [ast.Mult],
    ast.FloorDiv: [ast.Mult],
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq, ast.Gt],
}
NAMES = {
    "sum": ["mean", "amax"],
    "mean": ["sum", "amax"],
    "prod": ["sum"],
    "exp": ["log", "sigmoid", "expm1"],
    "log": ["exp", "log2", "log1p"],
    "square": ["abs", "exp"],
    "abs": ["square", "relu"],
    "sqrt": ["square", "abs"],
    "amax": ["amin", "mean"],
    "amin": ["amax", "mean"],
    "argmin": ["argmax"],
    "logsumexp": ["sum", "amax", "mean"],
    "softplus": ["relu", "sigmoid"],
    "clamp": ["clamp_min"],
    "randn_like": ["rand_like", "zeros_like", "ones_like"],
    "randn": ["rand", "zeros"],
    "bernoulli_nll": ["squared_error", "gaussian_nll"],
    "parameters": ["buffers"],
}
# Operators whose sides are exchanged. Not those of a difference: most are squared.
ORDERED = ast.Div | ast.Pow | ast.MatMult | ast.FloorDiv
TINY = ast.Constant(1e-8)
SIZES = 2, 3, 4  # right for one size only
SIZE = re.compile(r"len\(\w+\)|\w+\.shape|torch\.randn_like\(\w+\)")


def mutants(source: str, gradient: bool = True) -> Iterator[tuple[str, str]]:
    """What was changed, as ``before → after``, and the changed source.

    ``gradient``: also cut the gradient from parts of it.
    """
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    places = {id(child): place for node in nodes for child, *place in _children(vars(node))}
    stored = [n for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    local = {node.id for node in stored}
    names = sorted(local | {node.arg for node in nodes if isinstance(node, ast.arg)})
    # What is called or indexed: Python warns of a number in its place.
    used = {id(n.func) for n in nodes if isinstance(n, ast.Call)}
    used |= {id(n.value) for n in nodes if isinstance(n, ast.Subscript)}
    sizes = [node for node in nodes if SIZE.fullmatch(ast.unparse(node))]
    of_size = {id(name) for size in sizes for name in ast.walk(size)} - set(map(id, sizes))
    made, times = {ast.unparse(tree)}, Counter()
    for node in nodes:
        if id(node) in of_size:
            continue  # another variable may have the same size
        for new in [*_changes(node, names), *(_cuts(node, local) if gradient else [])]:
            fields, key = places[id(node)]
            fields[key] = new
            changed = ast.unparse(tree)
            fields[key] = node
            is_constant = isinstance(new, ast.Constant)
            if changed in made or (is_constant and id(node) in used):
                continue
            made.add(changed)
            what = f"{ast.unparse(node)} → {ast.unparse(new)}"
            times[what] += 1
            yield what if times[what] == 1 else f"{what} ({times[what]})", changed


def _children(fields: dict) -> Iterator[tuple]:
    """The nodes in the fields of a node, each with the dict or list, and the key, there."""
    for name, value in fields.items():
        if isinstance(value, list):
            yield from ((child, value, i) for i, child in enumerate(value))
        else:
            yield value, fields, name


def _changes(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    match node:
        case ast.BinOp(left, op, right):
            yield from (left, right)  # a term or factor is missing
            if "rand" not in ast.unparse(right):  # noise has no sign
                others = OPERATORS.get(type(op), [])
                yield from (ast.BinOp(left, other(), right) for other in others)
            if isinstance(op, ORDERED):
                yield ast.BinOp(right, op, left)
        case ast.UnaryOp(ast.USub(), operand):
            yield operand
        case ast.Compare(left, [op], [right]):
            yield from (
                ast.Compare(left, [other()], [right]) for other in OPERATORS[type(op)]
            )
        case ast.Constant(bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            # Not −1 for 1: the last axis of a matrix is its axis 1.
            others = {0, value + 1, 2 * value, -value} - {value, -1}
            yield from map(ast.Constant, sorted(others))
        case ast.Call(ast.Name("len"), [_]):
            yield from map(ast.Constant, SIZES)
        case ast.Subscript(ast.Attribute(_, "shape"), ast.Constant()):
            yield from map(ast.Constant, SIZES)
        case ast.Subscript(value=value, ctx=ast.Load()):
            yield value
        case ast.Name(name, ast.Load()) if name in names:
            yield from (ast.Name(other) for other in names if other != name)
            yield ast.Constant(1)
        case ast.Expr() | ast.Assign() | ast.AugAssign():
            yield ast.Pass()
        case ast.Call(func, arguments, keywords):
            yield from _changed_calls(func, arguments, keywords)


def _changed_calls(func, arguments, keywords) -> Iterator[ast.AST]:
    for i in range(len(arguments)):
        yield ast.Call(func, arguments[:i] + arguments[i + 1 :], keywords)
        if i:
            swapped = [*arguments]
            swapped[i - 1 : i + 1] = arguments[i], arguments[i - 1]
            yield ast.Call(func, swapped, keywords)
    for i in range(len(keywords)):
        yield ast.Call(func, arguments, keywords[:i] + keywords[i + 1 :])
    if isinstance(func, ast.Attribute):
        of_module = isinstance(func.value, ast.Name) and func.value.id in MODULES
        if not of_module:
            yield func.value  # the call is missing
        elif arguments:
            yield arguments[0]
        for other in NAMES.get(func.attr, []):
            yield ast.Call(ast.Attribute(func.value, other), arguments, keywords)
        if func.attr == "log" and not of_module:
            tiny = ast.BinOp(func.value, ast.Add(), TINY)
            yield ast.Call(ast.Attribute(tiny, "log"), arguments, keywords)
    elif isinstance(func, ast.Name) and arguments:
        yield arguments[0]
        for other in NAMES.get(func.id, []):
            yield ast.Call(ast.Name(other), arguments, keywords)


MODULES = "torch", "math", "np", "F", "objectives", "nn"


def _cuts(node: ast.AST, local: set[str]) -> Iterator[ast.AST]:
    """The gradient cut off from a call, but not of noise, or from a local variable."""
    function = ast.unparse(node.func) if isinstance(node, ast.Call) else "rand"
    is_call = not re.search(r"rand|detach$", function)
    is_local = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    if is_call or (is_local and node.id in local):
        yield ast.Call(ast.Attribute(node, "detach"), [], [])


# --- changes of what goes in and comes out ----------------------------------------------

ALTERED = {
    "absolute values": torch.abs,
    "rounded": torch.round,
    "rows sorted": lambda x: x.sort(-2).values,  # an error for a vector, which has no rows
    "the first row for all": lambda x: x[:1].expand_as(x).clone(),
    "the first column for all": lambda x: x[..., :1].expand_as(x).clone(),
    "zero": lambda x: 0 * x,
}


def changed_arguments(
    answer: Function, calls: list[tuple], gradient: bool, not_negative: set[str]
) -> Iterator:
    """What was changed, and the answer that gets one argument changed.

    ``calls``: arguments of some calls, which tell the kinds of the arguments.
    ``not_negative``: names of those that equal their absolute values.
    """
    names = list(inspect.signature(answer).parameters)
    networks = [i for i in range(len(names)) if callable(calls[0][i])]
    for position, name in enumerate(names):
        if not any(_is_changed(arguments[position]) for arguments in calls):
            continue
        # Beside networks the tensors are data, which have no gradient.
        cut = gradient and (not networks or position in networks)
        changes = ALTERED | ({"detached": torch.Tensor.detach} if cut else {})
        for what, change in changes.items():
            if change is torch.abs and name in not_negative:
                continue

            def wrong(*arguments, position=position, change=change):
                arguments = list(arguments)
                arguments[position] = _changed(arguments[position], change)
                return answer(*arguments)

            yield f"{name}: {what}", wrong


def _is_changed(argument: Any) -> bool:
    is_tensor = isinstance(argument, torch.Tensor) and argument.is_floating_point()
    return callable(argument) or (is_tensor and argument.ndim > 0)


def _changed(argument: Any, change: Function) -> Any:
    """A change of the numbers of a tensor, or of those that a function returns."""
    if callable(argument):
        return lambda *a: _changed(argument(*a), change)
    if isinstance(argument, tuple):
        return tuple(_changed(part, change) for part in argument)
    return change(argument) if _is_changed(argument) else argument


def changed_results(answer: Function, gradient: bool) -> Iterator:
    """What was changed, and the answer with another sign, or without a gradient."""
    yield "negated", lambda *a: -answer(*a)
    if not gradient:
        return
    yield "no_grad()", torch.no_grad()(answer)
    yield "detach()", lambda *a: answer(*a).detach()
    yield "tolist()", lambda *a: torch.tensor(answer(*a).tolist())
    yield "item()", lambda *a: answer(*a).item()


def with_own_seed(answer: Function) -> Iterator:
    """What was changed, and the answer that draws the same numbers in every call."""
    for seed in 0, 42:

        def seeded(*arguments, seed=seed):
            torch.default_generator.manual_seed(seed)
            return answer(*arguments)

        def seeded_apart(*arguments, seed=seed):
            with torch.random.fork_rng(devices=[]):
                return seeded(*arguments, seed=seed)

        yield f"seed {seed}", seeded
        yield f"seed {seed}, and the random state kept", seeded_apart
