"""The readers, on transcripts that the real CLIs wrote while a scripted model answered them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.providers.token_usage import Usage
from agentdeck.core.transcripts.activity import Activity
from agentdeck.core.transcripts.claude import ClaudeReader
from agentdeck.core.transcripts.codex import CodexReader
from agentdeck.core.transcripts.formats import reader_of
from agentdeck.core.transcripts.reading import Lines, arguments_of, read_line
from agentdeck.core.transcripts.records import Kind, Record
from agentdeck.core.transcripts.wording import Wording

RECORDED = Path(__file__).parent / "recorded"
FILES = sorted(path.name for path in RECORDED.glob("*.jsonl"))


def data_of(name: str) -> bytes:
    return (RECORDED / name).read_bytes()


def read(name: str, data: bytes | None = None) -> list[Record]:
    reader, lines = reader_of(name.partition("-")[0]), Lines()
    return [
        record for line in lines.feed(data_of(name) if data is None else data) for record in read_line(reader, line)
    ]


def worded(records: list[Record]) -> list[str]:
    wording = Wording()
    return [line for record in records for line in wording.lines(record)]


def activity_of(records: list[Record]) -> Activity:
    activity = Activity()
    for record in records:
        activity.take(record)
    return activity


def test_claude_code_headless_as_a_log() -> None:
    log = worded(read("claude-headless.jsonl"))
    assert log[:6] == [
        "you: Look at the repository",
        "thinks: I should look first.",
        "agent: I look around.",
        "Bash: ls -la",
        "Read: /work/repo/a.txt",
        "Bash: false; echo broken >&2; exit 3",
    ]
    # Two of them return in another order than they were called in.
    assert log[6:9] == ["Read returned: /work/repo/a.txt", "  1\thi", "  2\t".rstrip()]
    assert "Bash returned: ls -la" in log
    assert "denied by rule: Write /work/repo/note1.md" in log
    assert "sub-agent: general-purpose: Look for x" in log
    assert log[-1] == "agent: That is all."


def test_claude_code_headless_added_up() -> None:
    activity = activity_of(read("claude-headless.jsonl"))
    # Each answer of the model is several records that repeat what it took; the sub-agent's are in another file.
    assert activity.requests == 5
    assert activity.usage == Usage(5 * 1200, 5 * 80, 5 * 9000, 5 * 300)
    assert (activity.model, activity.context) == ("claude-opus-4-8", 1200 + 80 + 9000 + 300)
    assert activity.now is None
    assert activity.subagents == {}
    assert activity.last_words == "That is all."
    assert activity.denied == ["Bash false; echo broken >&2; exit 3", "Write /work/repo/note1.md"]


def test_the_end_of_what_claude_code_prints_knows_all_denials() -> None:
    records = read("claude-printed.jsonl")
    denied = {record.call: record.tool for record in records if record.kind is Kind.DENIED}
    assert list(denied.values()) == ["Bash", "Write", "Bash"]
    activity = activity_of(records)
    assert len(activity.denied) == 3
    assert activity.cost == pytest.approx(0.100625)
    assert activity.window == 1_000_000
    assert activity.requests == 6, "those of its sub-agent too, but for the last, which is not printed"
    assert "[general-purpose: Look for x] you: find x" in worded(records)


def test_codex_headless_as_a_log() -> None:
    log = worded(read("codex-headless.jsonl"))
    assert log[:5] == [
        "you: Look at the repository",
        "thinks: I should look first.",
        "agent: I look around.",
        "exec_command: ls -la",
        "exec_command: echo broken >&2; exit 3",
    ]
    assert log[5:7] == ["exec_command failed", "  broken"]
    assert "  /bin/bash: line 1: .git/x: Read-only file system" in log
    assert log[-2:] == ["agent: All looked at.", "turn ended after 1.5 s"]


def test_codex_headless_added_up() -> None:
    records = read("codex-headless.jsonl")
    activity = activity_of(records)
    assert activity.requests == 5
    assert activity.usage == Usage(5 * 1200, 5 * 80, 5 * 9000, 0)
    assert (activity.model, activity.context, activity.window) == ("gpt-5-codex", 10280, 258400)
    assert activity.session == "01a22b89-2730-7392-bece-9c2645eb2194"


def test_what_codex_prints_reads_as_its_rollout() -> None:
    printed, kept = worded(read("codex-printed.jsonl")), worded(read("codex-headless.jsonl"))
    assert [line for line in printed if line.startswith("agent:")] == [
        line for line in kept if line.startswith("agent:")
    ]
    assert activity_of(read("codex-printed.jsonl")).usage == activity_of(read("codex-headless.jsonl")).usage


@pytest.mark.parametrize("name", FILES)
def test_all_is_kept_as_json(name: str) -> None:
    activity = activity_of(read(name))
    assert Activity.from_json(json.loads(json.dumps(activity.to_json()))) == activity


@given(st.data())
def test_it_does_not_matter_how_the_bytes_come(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(FILES))
    whole = data_of(name)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=30)))
    reader, lines, found = reader_of(name.partition("-")[0]), Lines(), []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        found += [record for line in lines.feed(whole[start:end]) for record in read_line(reader, line)]
    assert found == read(name)
    assert lines.taken == len(whole)


@given(st.data())
def test_damaged_and_unknown_lines_are_skipped(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(FILES))
    lines = data_of(name).splitlines()
    odd = st.sampled_from(
        [b"{", b"null", b'{"type":"new","payload":{"type":7}}', b"\xff\xfe", lines[2][:20], b"[" * 5000]
    )
    for at in sorted(data.draw(st.lists(st.integers(0, len(lines)), max_size=6)), reverse=True):
        lines.insert(at, data.draw(odd))
    assert read(name, b"\n".join([*lines, b""])) == read(name)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
def test_any_field_may_have_any_value(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(FILES))
    lines = [json.loads(line) for line in data_of(name).splitlines()]
    for _ in range(data.draw(st.integers(1, 4))):
        here = data.draw(st.sampled_from(lines))
        while True:
            key = data.draw(st.sampled_from(sorted(here)))
            inner = here[key][0] if isinstance(here[key], list) and here[key] else here[key]
            if isinstance(inner, dict) and inner and data.draw(st.booleans()):
                here = inner
            else:
                break
        here[key] = data.draw(json_values)
    records = read(name, "\n".join([*map(json.dumps, lines), ""]).encode())
    activity_of(records)
    assert all("\n" not in line and "\x1b" not in line for line in worded(records))


def test_escape_sequences_do_not_reach_the_log() -> None:
    block = {"type": "text", "text": "a\x1b[31mb\x1b]0;title\x07\r\nc\x00"}
    line = json.dumps({"type": "assistant", "message": {"content": [block]}}).encode()
    assert worded(list(ClaudeReader().read(line))) == ["agent: ab", "  c"]


def test_a_question_has_its_options() -> None:
    options = [{"label": "Red", "description": "warm"}, {"label": "Blue"}]
    given = {"questions": [{"question": "Which colour?", "header": "Colour", "options": options}]}
    block = {"type": "tool_use", "id": "t1", "name": "AskUserQuestion", "input": given}
    reader, activity = ClaudeReader(), Activity()
    records = list(reader.read(json.dumps({"type": "assistant", "message": {"content": [block]}}).encode()))
    assert [option.label for option in records[0].questions[0].options] == ["Red", "Blue"]
    assert worded(records) == ["asks: Which colour? (1 Red, 2 Blue)"]
    activity.take(records[0])
    assert activity.asked == "t1"
    back = {"type": "tool_result", "tool_use_id": "t1", "content": "Blue"}
    answered = list(reader.read(json.dumps({"type": "user", "message": {"content": [back]}}).encode()))
    assert worded(answered) == ["answered: Blue"]
    activity.take(answered[0])
    assert activity.asked == ""


@pytest.mark.parametrize(
    ("mark", "kind", "by"),
    [
        ("user-rejected", Kind.DENIED, "user"),
        ("permission-rule", Kind.DENIED, "rule"),
        ("automode-blocked", Kind.DENIED, "automode blocked"),
        ("interrupted", Kind.RESULT, ""),
    ],
)
def test_claude_code_marks_what_was_denied(mark: str, kind: Kind, by: str) -> None:
    block = {"type": "tool_result", "tool_use_id": "t1", "content": "no", "is_error": True}
    line = json.dumps({"type": "user", "message": {"content": [block]}, "toolDenialKind": mark}).encode()
    (record,) = ClaudeReader().read(line)
    assert (record.kind, record.by) == (kind, by)


def test_a_codex_turn_that_failed_says_why() -> None:
    error = {"message": "You've hit your usage limit.", "codex_error_info": "usage_limit_exceeded"}
    line = json.dumps({"type": "event_msg", "payload": {"type": "task_complete", "error": error}}).encode()
    failed, end = CodexReader().read(line)
    assert (failed.kind, failed.by, end.kind, end.ok) == (Kind.ERROR, "usage_limit_exceeded", Kind.TURN_END, False)


def test_the_tools_that_run_are_known_with_their_times() -> None:
    records = read("codex-headless.jsonl")
    activity = Activity()
    for record in records[: next(i for i, each in enumerate(records) if each.kind is Kind.RESULT)]:
        activity.take(record)
    assert [call.arguments for call in activity.calls.values()] == ["ls -la", "echo broken >&2; exit 3"]
    assert activity.now is not None
    assert activity.now.since > 1.7e9


def test_arguments_are_short() -> None:
    assert arguments_of({"command": "x " * 100_000, "description": "d"}).startswith("x x x")
    assert len(arguments_of({"todos": ["y" * 9999]})) <= 160
    assert arguments_of("") == arguments_of(None) == ""


def test_a_line_without_an_end_is_not_kept_for_ever() -> None:
    lines = Lines(most=1000)
    assert list(lines.feed(b"x" * 5000)) == []
    assert list(lines.feed(b"x" * 5000 + b"\n{}\n")) == [b"{}"]
    assert lines.taken == 10_004


@pytest.mark.parametrize(
    ("name", "tool"),
    [
        ("qwen-headless.jsonl", "run_shell_command"),
        ("gemini-headless.jsonl", "run_shell_command"),
        ("copilot-headless.jsonl", "bash"),
        ("opencode-printed.jsonl", "bash"),
    ],
)
def test_the_other_formats_say_the_same_things(name: str, tool: str) -> None:
    records = read(name)
    log, activity = worded(records), activity_of(records)
    assert f"{tool}: printf 'made by a real agent CLI\\n' > made-by-agent.txt" in log
    assert log[-1] == "agent: I have made the file."
    assert name.startswith("opencode") or log[0] == "you: Make the file"
    assert activity.requests == 2
    assert activity.usage == Usage(20, 10)
    assert activity.context == 15
    assert activity.session
    assert activity.now is None


def test_a_gemini_message_that_is_written_again_is_told_once() -> None:
    lines = data_of("gemini-headless.jsonl").splitlines()
    twice = b"\n".join(line for line in lines for _ in range(2)) + b"\n"
    records = [record for record in read("gemini-headless.jsonl", twice) if record.kind is not Kind.SESSION]
    assert records == [record for record in read("gemini-headless.jsonl") if record.kind is not Kind.SESSION]


def test_copilot_writes_its_questions_and_who_denied_a_tool() -> None:
    events = [
        ("tool.execution_start", {"toolCallId": "c1", "toolName": "bash", "arguments": {"command": "rm x"}}),
        (
            "permission.requested",
            {"requestId": "p1", "permissionRequest": {"kind": "shell", "fullCommandText": "rm x"}},
        ),
        ("permission.completed", {"requestId": "p1", "result": {"kind": "denied-interactively-by-user"}}),
        ("tool.execution_complete", {"toolCallId": "c1", "success": False, "error": {"code": "rejected"}}),
    ]
    data = "".join(json.dumps({"type": kind, "data": each}) + "\n" for kind, each in events)
    assert worded(read("copilot-", data.encode())) == [
        "bash: rm x",
        "asks: allow shell rm x?",
        "answered: denied-interactively-by-user",
        "denied by user: bash rm x",
    ]


def test_a_part_of_opencodes_is_told_when_it_is_whole() -> None:
    def row(part: dict[str, object]) -> bytes:
        return json.dumps(
            {"session": "s", "at": 1796029631000, "role": "assistant", "part": {"id": "p"} | part}
        ).encode()

    state = {"status": "running", "input": {"command": "ls"}}
    rows = [
        row({"type": "text", "text": "I h"}),
        row({"type": "text", "text": "I have it.", "time": {"end": 1}}),
        row({"type": "tool", "callID": "c", "tool": "bash", "state": state}),
        row({"type": "tool", "callID": "c", "tool": "bash", "state": state}),
        row(
            {
                "type": "tool",
                "callID": "c",
                "tool": "bash",
                "state": state | {"status": "error", "error": "The user rejected permission to use this tool."},
            }
        ),
    ]
    assert worded(read("opencode-", b"\n".join([*rows, b""]))) == [
        "agent: I have it.",
        "bash: ls",
        "denied by user: bash ls",
        "  The user rejected permission to use this tool.",
    ]


def test_what_another_version_kept_of_an_activity_is_read_as_far_as_it_is_known() -> None:
    kept = {**Activity(requests=3).to_json(), "of_a_later_version": True}
    assert Activity.from_json(kept).requests == 3


def test_a_sub_agent_of_codex_is_named_with_its_own_session() -> None:
    spawned = {
        "type": "CollabAgentToolCall",
        "tool": "spawn_agent",
        "receiver_agents": [{"thread_id": "t2", "agent_nickname": "Popper"}],
    }
    line = json.dumps({"type": "event_msg", "payload": {"type": "item_completed", "item": spawned}}).encode()
    (begun,) = CodexReader().read(line)
    assert (begun.kind, begun.by, begun.session, begun.ok) == (Kind.SUBAGENT, "Popper", "t2", True)
    own = CodexReader("Popper")
    list(own.read(b'{"type":"session_meta","payload":{"id":"t2","session_id":"t1"}}'))
    (_, ended) = own.read(b'{"type":"event_msg","payload":{"type":"task_complete"}}')
    assert (ended.kind, ended.call, ended.ok, ended.agent) == (Kind.SUBAGENT, "t2", False, "Popper")


def test_what_claude_code_writes_in_the_place_of_its_model_was_not_said() -> None:
    line = {
        "type": "assistant",
        "message": {"model": "<synthetic>", "content": [{"type": "text", "text": "No response requested."}]},
    }
    assert [record.kind for record in ClaudeReader().read(json.dumps(line).encode())] == []
