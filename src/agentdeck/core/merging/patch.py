"""Read what `git diff` prints, as values."""

from __future__ import annotations

import re

from agentdeck.core.frozen import dataclass

LINE_MAX = 2000
"""Characters of a line that are kept."""
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
_ESCAPE = re.compile(r"\\([0-7]{3}|.)")
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


@dataclass(frozen=True, slots=True)
class PatchLine:
    kind: str
    """` ` for context, `+`, `-`, `@` for the head of a hunk, `\\` for what git says of a missing line end."""
    text: str
    old: int = 0
    """The line's number before, from 1; 0 where it was not there."""
    new: int = 0


@dataclass(frozen=True, slots=True)
class FilePatch:
    path: str
    """As it is now; for a removed file, as it was."""
    old_path: str
    status: str
    """A added, M modified, D deleted, R renamed, C copied, T another kind of file."""
    added: int = 0
    deleted: int = 0
    is_binary: bool = False
    note: str = ""
    """What there is to say of it beside its lines: a new mode, or why no lines are here."""
    lines: tuple[PatchLine, ...] = ()
    left_out: bool = False
    """Whether its lines are there but were not read, because they are too many."""


def parse(text: str) -> list[FilePatch]:
    """The files of a patch, made with `--src-prefix=a/ --dst-prefix=b/`."""
    found = []
    # Only where a line begins with it: the lines of a file have a blank, + or - before them.
    for section in re.split(r"^(?=diff --git )", text, flags=re.MULTILINE):
        if section.startswith("diff --git "):
            found.append(_file(section.split("\n")))
    return found


def _file(lines: list[str]) -> FilePatch:
    old_path, path = _names(lines[0].removeprefix("diff --git "))
    status, notes, is_binary = "M", [], False
    at = 1
    while at < len(lines) and not lines[at].startswith("@@ "):
        line = lines[at]
        at += 1
        word, _, rest = line.partition(" ")
        if line.startswith("new file mode"):
            status = "A"
        elif line.startswith("deleted file mode"):
            status = "D"
        elif line.startswith(("rename from ", "copy from ")):
            status, old_path = line[0].upper(), unquoted(line.partition(" from ")[2])
        elif line.startswith(("rename to ", "copy to ")):
            path = unquoted(line.partition(" to ")[2])
        elif line.startswith(("old mode ", "new mode ")):
            notes.append(line)
        elif line.startswith(("Binary files ", "GIT binary patch")):
            is_binary = True
        elif word == "---" and rest != "/dev/null":
            old_path = unquoted(rest.rstrip("\t")).removeprefix("a/")
        elif word == "+++" and rest != "/dev/null":
            path = unquoted(rest.rstrip("\t")).removeprefix("b/")
    body = tuple(_body(lines[at:]))
    added, deleted = (sum(line.kind == kind for line in body) for kind in "+-")
    if status == "D":
        path = old_path
    return FilePatch(path, old_path, status, added, deleted, is_binary, ", ".join(notes), body)


def _body(lines: list[str]) -> list[PatchLine]:
    old = new = 0
    found = []
    if lines and not lines[-1]:
        lines = lines[:-1]
    for line in lines:
        kind, text = line[:1], line[1 : LINE_MAX + 1].removesuffix("\r")
        if len(line) > LINE_MAX + 1:
            text += "…"
        if kind == "@" and (head := _HUNK.match(line)):
            old, new = int(head[1]), int(head[2])
            found.append(PatchLine("@", line[: LINE_MAX + 1], old, new))
        elif kind == "+":
            found.append(PatchLine("+", text, 0, new))
            new += 1
        elif kind == "-":
            found.append(PatchLine("-", text, old, 0))
            old += 1
        elif kind == "\\":
            found.append(PatchLine("\\", text.strip()))
        else:
            found.append(PatchLine(" ", text, old, new))
            old, new = old + 1, new + 1
    return found


def _names(text: str) -> tuple[str, str]:
    """Both names of `diff --git a/X b/Y`, which has no separator for names with blanks; good where they are the same,
    and the lines that follow tell them where they are not."""
    if text.startswith('"'):
        end = re.match(r'"(?:\\.|[^"\\])*"', text)
        first = end[0] if end else text
        second = text[len(first) + 1 :]
        return unquoted(first).removeprefix("a/"), unquoted(second).removeprefix("b/")
    half = (len(text) - 1) // 2
    return text[:half].removeprefix("a/"), unquoted(text[half + 1 :]).removeprefix("b/")


def unquoted(name: str) -> str:
    """A name as git quotes those with unusual characters."""
    if not (len(name) > 1 and name.startswith('"') and name.endswith('"')):
        return name

    def plain(match: re.Match[str]) -> str:
        code = match[1]
        return chr(int(code, 8)) if len(code) == 3 else _LETTERS.get(code, code)

    # Octal escapes are bytes; what stands for itself may be anything.
    text = _ESCAPE.sub(plain, name[1:-1])
    try:
        return text.encode("latin-1").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text
