"""docs/state.md against what the program writes, and against the paths in the code."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from agentdeck.engine.review.comments import Comments
from agentdeck.engine.views import StartRequest
from agentdeck.engine.views.review import Comment
from tests.support.decks import Bench
from tests.support.old_stores import unpacked

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "state.md").read_text("utf-8")
SOURCES = [
    path for room in ("core", "system", "engine", "gateway") for path in (ROOT / "src/agentdeck" / room).rglob("*.py")
]
OURS = re.compile(r"store\.folder|agent_folder|store\.trash|state_home|\.state\b|'agentdeck'|landings_folder")
"""Where the left side of a `/` is a folder of ours."""
TOKENS = set(re.findall(r"`([^`\n]+)`", PAGE))


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}")[2].partition("\n## ")[0]


def patterns(title: str, under: str = "") -> Iterator[re.Pattern[str]]:
    for cell in re.findall(r"^\| (`[^|]*?) \|", section(title), re.MULTILINE):
        for name in re.findall(r"`([^`]+)`", cell):
            shape = re.sub(r"\b[A-Z]+\b", "[^/]+", re.escape(under + name)).replace(r"\*", "[^/]*")
            yield re.compile(shape + (".*" if name.endswith("/") else ""))


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def unlisted(folder: Path, known: list[re.Pattern[str]]) -> list[str]:
    return [name for name in files(folder) if not any(each.fullmatch(name) for each in known)]


def deck_patterns() -> list[re.Pattern[str]]:
    # The two folders with a section of their own are told file by file.
    whole = [each for each in patterns("The deck") if not each.pattern.startswith(("trash", "agents"))]
    return [*whole, *patterns("An agent", "agents/NAME/"), *patterns("The trash", "trash/")]


def test_every_file_of_a_deck_that_was_used_is_on_the_page(bench: Bench) -> None:
    old = unpacked(bench, "0.1.0")
    deck = old.deck()
    deck.repair()
    deck.start(StartRequest(name="named", id="an id", argv=("true",)))
    deck.wait("named")
    deck.remove("restored")
    deck.undo()
    deck.radar.look()
    Comments(deck.store, "finished").add(Comment("finished.txt", 1, "finished", "Why?"))
    found = files(deck.store.folder)
    assert len(found) > 80
    assert unlisted(deck.store.folder, deck_patterns()) == []
    home = bench.home / ".local/state/agentdeck"
    locks = [re.compile(r"(ports|redis|decks|gateway/config)\.lock")]
    assert unlisted(home, [*patterns("The user"), *locks]) == []


def test_every_hidden_ref_is_on_the_page(bench: Bench) -> None:
    old = unpacked(bench, "0.1.0")
    known = list(patterns("Hidden refs"))
    assert [ref for ref in old.trash_refs() if not any(each.fullmatch(ref) for each in known)] == []
    text = "\n".join(path.read_text("utf-8") for path in SOURCES)
    for prefix in set(re.findall(r"refs/agentdeck/[a-z]+/(?:[a-z]+/)?", text)) - {"refs/agentdeck/trash/"}:
        assert any(token.startswith(prefix) for token in TOKENS), prefix


def joined() -> Iterator[tuple[str, str, ast.expr]]:
    """Each `folder / name` in the code: the file, the folder as it is written, and the name."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
                yield str(path.relative_to(ROOT)), ast.unparse(node.left), node.right


def constants() -> dict[tuple[str, str], set[str]]:
    """The texts that a name stands for: by the module and the name, and by “” and the name for those of all modules."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path in SOURCES:
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple | ast.Name):
                target, value = node.targets[0], node.value
                names = target.elts if isinstance(target, ast.Tuple) else [target]
                values = value.elts if isinstance(value, ast.Tuple) and len(names) > 1 else [value]
                for name, each in zip(names, values, strict=False):
                    if isinstance(name, ast.Name) and isinstance(each, ast.Constant) and isinstance(each.value, str):
                        found[str(path.relative_to(ROOT)), name.id].add(each.value)
                        found["", name.id].add(each.value)
    return found


def test_every_path_in_the_code_is_on_the_page() -> None:
    words = {word for token in TOKENS for word in re.split(r"[/ ]", token)}
    known, looked = constants(), 0
    for path, left, right in joined():
        if not OURS.search(left) and not (path.endswith("state/store.py") and left == "self.folder"):
            continue
        names = {str(right.value)} if isinstance(right, ast.Constant) else set()
        if isinstance(right, ast.Name | ast.Attribute):
            name = right.id if isinstance(right, ast.Name) else right.attr
            names = known.get((path, name)) or known.get(("", name), set())
        looked += bool(names)
        assert not names or names & words, (path, left, names)
    assert looked > 40


def test_the_page_tells_no_module_that_is_not_there() -> None:
    for name in re.findall(r"`(\w+/\w+\.py)`", PAGE):
        assert (ROOT / "src/agentdeck" / name).exists(), name
