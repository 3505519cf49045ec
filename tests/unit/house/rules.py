"""House rules as functions from a module to findings, so that each can be shown code that breaks it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.unit.house.sources import Module

FORBIDDEN_ROOMS = frozenset(
    {"utils", "util", "helpers", "helper", "manager", "managers", "common", "base", "service", "repository", "handlers", "misc"}
)
LONGEST = 400
LOG_METHODS = frozenset({"debug", "info", "warning", "error", "exception", "critical", "bind", "msg"})
PERSONAL = frozenset({"title", "description", "phone", "contact", "requester", "note", "uscc", "body", "text", "plaintext"}) | frozenset(
    {"secret", "password", "authorization", "person", "staff_name"}
)
IMPURE_IMPORTS = frozenset({"time", "random", "secrets", "uuid", "logging", "structlog", "asyncio", "anyio", "threading"}) | frozenset(
    {"socket", "os", "subprocess", "pydantic_settings", "sqlalchemy", "asyncpg", "nats", "fastapi"}
)
CLOCK_CALLS = frozenset({"now", "utcnow", "today", "urandom", "getenv"})
_NOQA = re.compile(r"noqa(:\s*[A-Z]+[0-9]+(,\s*[A-Z]+[0-9]+)*)?")


def forbidden_rooms(module: Module) -> list[str]:
    """Rooms named after nothing collect everything: name the concept."""
    return [f"{module.path}:1: {part!r} names no concept" for part in module.name.split(".") if part.lstrip("_").lower() in FORBIDDEN_ROOMS]


def relative_imports(module: Module) -> list[str]:
    """Import path = file path: a relative import hides where a name lives and breaks when a file moves."""
    return [module.at(node, "relative import") for node in ast.walk(module.tree) if isinstance(node, ast.ImportFrom) and node.level > 0]


def too_long(module: Module) -> list[str]:
    """A file past 400 lines hides two rooms in one; 300 is the wish."""
    count = len(module.lines)
    return [f"{module.path}:{LONGEST + 1}: {count} lines, at most {LONGEST}"] if count > LONGEST else []


def prints(module: Module) -> list[str]:
    """What a service prints reaches no log collector and may carry what logs must not."""
    return [module.at(node, "print") for node in _calls(module) if isinstance(node.func, ast.Name) and node.func.id == "print"]


def naive_times(module: Module) -> list[str]:
    """A time without zone compares wrongly with every other time here, and only at night or in another country."""
    found = []
    for node in _calls(module):
        owner, method = _owner_and_method(node)
        if owner not in ("datetime", "date"):
            continue
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        if method in ("utcnow", "utcfromtimestamp", "today") or (method == "now" and not given):
            found.append(module.at(node, f"{owner}.{method}() knows no time zone"))
        elif method == "fromtimestamp" and len(given) < 2:
            found.append(module.at(node, "fromtimestamp() without a time zone"))
    return found


def blind_excepts(module: Module) -> list[str]:
    """Catching everything hid a poisoned commit once in every system of this kind: raise again, or say why not."""
    found = []
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.ExceptHandler) or not _catches_everything(node.type):
            continue
        raises = any(isinstance(inner, ast.Raise) for statement in node.body for inner in ast.walk(statement))
        if not raises and not _has_reason(module, node.lineno):
            found.append(module.at(node, "catches everything, neither raises again nor says why"))
    return found


def impurities(module: Module) -> list[str]:
    """What-if, as-of and property tests stand on this: time, ids, chance and settings come in as values."""
    found = []
    for node in ast.walk(module.tree):
        impure = [name for name in _imported(node) if name.partition(".")[0] in IMPURE_IMPORTS]
        found += [module.at(node, f"a pure module imports {name}") for name in impure]
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            found.append(module.at(node, "async in a pure module"))
        if isinstance(node, ast.Call):
            owner, method = _owner_and_method(node)
            if method in CLOCK_CALLS and owner in ("datetime", "date", "os", "time"):
                found.append(module.at(node, f"{owner}.{method}() in a pure module"))
            elif method in ("open", "input", "print") and owner == "":
                found.append(module.at(node, f"{method}() in a pure module"))
    return found


def missing_module_docstring(module: Module) -> list[str]:
    """A module that cannot say what it owns owns too much; and a rule without its story is dropped by the next reader."""
    return [] if module.docstring or not module.text.strip() else [f"{module.path}:1: no module docstring"]


def missing_docstrings(module: Module) -> list[str]:
    """Public functions of libraries are a contract: shapes, units and errors are written down."""
    return [
        module.at(function, f"public {name} has no docstring")
        for name, function in _public_functions(module)
        if ast.get_docstring(function) is None and not _is_stub(function) and not _is_special(function)
    ]


def talkative_logs(module: Module) -> list[str]:
    """Logs are kept for years by people who may not know who asked for help: names and texts never enter them."""
    found = []
    for node in _calls(module):
        owner, method = _owner_and_method(node)
        if method not in LOG_METHODS or not re.search(r"(^|_)log(ger)?$", owner):
            continue
        found += [module.at(node, f"log field {keyword.arg!r}") for keyword in node.keywords if keyword.arg in PERSONAL]
        if method != "bind" and not (node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)):
            found.append(module.at(node, "a log entry begins with a constant name, not with made-up text"))
    return found


def slotted_generics(module: Module) -> set[str]:
    """Generic dataclasses with slots: Python 3.11 cannot construct them through a subscript."""
    return {
        node.name
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
        and any(isinstance(parent, ast.Subscript) and getattr(parent.value, "id", "") == "Generic" for parent in node.bases)
        and any(isinstance(mark, ast.Call) and any(k.arg == "slots" for k in mark.keywords) for mark in node.decorator_list)
    }


def subscripted_calls(module: Module, classes: set[str]) -> list[str]:
    """`Order[State](…)` is sound for the type checker and raises TypeError at run time; annotate the name instead."""
    return [
        module.at(node, f"{node.func.value.id}[…](…) raises TypeError on Python 3.11")
        for node in _calls(module)
        if isinstance(node.func, ast.Subscript) and isinstance(node.func.value, ast.Name) and node.func.value.id in classes
    ]


def raised_codes(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Every problem code a module spells out: `Refused("…")`, `NotFound("…")`, and `code = "…"` of an error class."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Refused", "NotFound") and node.args:
            yield from ((node, value) for value in _texts(node.args[0]))
        if isinstance(node, ast.ClassDef):
            for statement in node.body:
                targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
                if any(isinstance(target, ast.Name) and target.id == "code" for target in targets):
                    value = getattr(statement, "value", None)
                    yield from ((statement, text) for text in _texts(value))


def matched_classes(module: Module) -> set[str]:
    """Class names that `match` statements and `isinstance` calls of a module distinguish."""
    found: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.MatchClass) and isinstance(node.cls, ast.Name):
            found.add(node.cls.id)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance" and len(node.args) == 2:
            found |= {inner.id for inner in ast.walk(node.args[1]) if isinstance(inner, ast.Name)}
    return found


def _calls(module: Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(module.tree) if isinstance(node, ast.Call))


def _owner_and_method(call: ast.Call) -> tuple[str, str]:
    """`datetime.datetime.now()` → ("datetime", "now"); `print()` → ("", "print")."""
    if isinstance(call.func, ast.Name):
        return "", call.func.id
    if not isinstance(call.func, ast.Attribute):
        return "", ""
    owner = call.func.value
    if isinstance(owner, ast.Attribute):
        return owner.attr, call.func.attr
    return (owner.id if isinstance(owner, ast.Name) else ""), call.func.attr


def _catches_everything(kind: ast.expr | None) -> bool:
    if kind is None:
        return True
    named = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(isinstance(one, ast.Name) and one.id in ("Exception", "BaseException") for one in named)


def _has_reason(module: Module, line: int) -> bool:
    """A comment of at least four words beside the `except` or right below it."""
    for text in module.lines[line - 1 : line + 1]:
        _, mark, comment = text.partition("#")
        if mark and len(_NOQA.sub("", comment).split()) >= 4:
            return True
    return False


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def _public_functions(module: Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node.name, node
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and not inner.name.startswith("_"):
                    yield f"{node.name}.{inner.name}", inner


def _is_stub(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return len(function.body) == 1 and isinstance(function.body[0], ast.Expr) and isinstance(function.body[0].value, ast.Constant)


def _is_special(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Overloads and setters are documented where they begin."""
    marks = {getattr(mark, "attr", getattr(mark, "id", "")) for mark in function.decorator_list}
    return bool(marks & {"overload", "setter", "override"})


def _texts(node: ast.AST | None) -> list[str]:
    """Constant strings an expression may come to: itself, or either side of a conditional."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body), *_texts(node.orelse)]
    return []
