from __future__ import annotations

import io
from pathlib import Path

import pytest

from agentdeck.errors import ConfigError, NotFoundError
from agentdeck.system.config.taskfile import load_tasks


def error_of(folder: Path, text: str) -> ConfigError:
    path = folder / "tasks.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        load_tasks(path)
    return caught.value


def test_tasks_and_the_files_they_name(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "docs.md").write_text("Document it, naïvely.\n", "utf-8")
    path = tmp_path / "tasks.toml"
    path.write_text(
        '[[task]]\nname = "parser"\ntask = "Write it"\ntimeout = "2h"\n'
        '[[task]]\nname = "docs"\nfile = "more/docs.md"\nafter = ["parser"]\n'
        '[[task]]\nname = "bot"\ncommand = ["./bot.sh", "--fast"]\n',
        "utf-8",
    )
    parser, docs, bot = load_tasks(path)
    assert (parser.task, parser.timeout) == ("Write it", 7200)
    assert (docs.task, docs.after) == ("Document it, naïvely.", ["parser"])
    assert bot.command == ["./bot.sh", "--fast"]


def test_mistakes_name_file_line_and_key(tmp_path: Path) -> None:
    error = error_of(tmp_path, '[[task]]\nname = "a"\ntask = "x"\nafer = "b"\n[[task]]\nname = 3\ntask = "y"\n')
    path = tmp_path / "tasks.toml"
    assert error.detail.splitlines() == [
        f"{path}:4: unknown key “task[0].afer” — did you mean “after”?",
        f"{path}:6: task[1].name must be text in quotes, not 3",
    ]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[[task]]\nname = "a"\ntask = "x"\nafter = [\n  "b",\n]\n', 5, "there is no such task"),
        ('[[task]]\nname = "a"\ntask = "x"\n[[task]]\ntask = "y"\nname = "a"\n', 6, "the name of two tasks"),
        (
            '[[task]]\nname = "a"\ntask = "x"\nafter = ["b"]\n[[task]]\nname = "b"\ntask = "x"\nafter = ["a"]\n',
            4,
            "wait for each other",
        ),
        ('[[task]]\nname = "a"\n\nfile = "nowhere.md"\n', 4, "can't be read"),
        ('[[task]]\nname = "a"\nfile = "empty.md"\n', 3, "is empty"),
        ("[[task]]\nname = \n", 2, "is not valid TOML"),
        ('[[task]]\ntask = "x"\n', 1, "“task[0].name” is missing"),
        ('\n\n[[task]]\nname = "a"\n', 3, "needs “task”, “file” or “command”"),
    ],
)
def test_one_mistake(tmp_path: Path, text: str, line: int, words: str) -> None:
    (tmp_path / "empty.md").write_text("\n")
    error = error_of(tmp_path, text)
    assert error.title.startswith(f"{tmp_path / 'tasks.toml'}:{line}")
    assert words in error.title


def test_no_tasks(tmp_path: Path) -> None:
    assert "“task” is missing" in error_of(tmp_path, "").title


def test_tasks_are_read_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    piped = io.TextIOWrapper(io.BytesIO(b'[[task]]\nname = "one"\ncommand = ["true"]\n'))
    monkeypatch.setattr("sys.stdin", piped)
    assert [task.name for task in load_tasks(Path("-"))] == ["one"]


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        load_tasks(tmp_path / "tasks.toml")
