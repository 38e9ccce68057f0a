"""Checks src/: files import each other in one direction, and modules only those of later lines of the list in lib.rs."""

import re
from graphlib import TopologicalSorter
from pathlib import Path

SRC = Path(__file__).parents[2] / "src"
FILES = {file.relative_to(SRC).with_suffix("").parts: file.read_text() for file in SRC.rglob("*.rs")}
LINES = re.findall(r"^//! - (.*(?:\n//!   .*)*)", FILES["lib",], re.M)
RANKS = {name: rank for rank, line in enumerate(LINES) for name in re.findall(r"\[`(\w+)`\]", line)}


def imports(module, text):
    """The files that a file declares, or names in paths from crate::, super:: or self::."""
    code = re.sub("//.*", "", text).split("#[cfg(test)]\nmod tests")[0]
    assert not re.search(r"^use [^;]*\{[^}]*\{", code, re.M), f"{module}: nested braces are not understood here"
    yield from ((*module, name) for name in re.findall(r"\bmod (\w+);", code))
    for root, path, names in re.findall(r"\b(crate|super|self)::((?:\w+::)*)(\{[^}]*\}|\w+)", code):
        for name in names.strip("{}").split(","):
            parts = {"crate": (), "super": module[:-1], "self": module}[root]
            parts += tuple(part.strip() for part in f"{path}{name}".split("::") if part.strip())
            while parts and parts not in FILES:
                parts = parts[:-1]
            if parts and parts != module:
                yield parts


graph = {module: {*imports(module, text)} for module, text in FILES.items() if module[0] not in ("lib", "main")}
TopologicalSorter(graph).prepare()  # Raises CycleError.
upward = [(a, b) for a in graph for b in graph[a] if a[0] != b[0] and RANKS[a[0]] >= RANKS[b[0]]]
assert not upward and RANKS.keys() == {module[0] for module in graph}, upward
