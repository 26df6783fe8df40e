"""What is sent to an agent at work can be seen, taken back and sent again."""

from __future__ import annotations

from agentdeck.core.agents.agent import Mode
from agentdeck.engine.views import StartRequest
from agentdeck.errors import ExitCode
from agentdeck.system.state.messages import Stage
from tests.support.cli import agentdeck, objects
from tests.support.decks import Bench
from tests.support.hints import obey
from tests.support.retry import eventually
from tests.support.talker import talker


def test_a_message_waits_is_listed_and_taken_back(bench: Bench) -> None:
    program = talker(bench)
    program.hold()
    deck = bench.deck()
    deck.start(StartRequest(task="Begin", profile="talker", name="one", mode=Mode.INTERACTIVE))
    eventually(lambda: "at work" in deck.screen("one"))
    sent = agentdeck("send", "one", "Look at\nthe tests", cwd=bench.root)
    assert sent.stderr.startswith("one is working: the message waits until it is idle.\n")
    (second,) = objects(agentdeck("send", "one", "More", "--json", cwd=bench.root).stdout)
    assert (second["agent"], second["text"], second["waits"]) == ("one", "More", True)
    assert "2 messages wait" in agentdeck("ls", cwd=bench.root).stdout
    assert "2 messages wait" in agentdeck("show", "one", cwd=bench.root).stdout
    listed = obey(sent.stderr, bench.root)
    assert "one 1  waits" in listed
    assert "  Look at\n  the tests\none 2  waits" in listed
    (found,) = objects(agentdeck("messages", "--json", cwd=bench.root).stdout)
    assert [(each["agent"], each["number"], each["text"], each["stage"]) for each in found["messages"]] == [
        ("one", 1, "Look at\nthe tests", "waiting"),
        ("one", 2, "More", "waiting"),
    ]
    taken = agentdeck("messages", "one", "--take-back", "1", cwd=bench.root)
    assert taken.stderr == "Took back: Look at the tests\n"
    missing = agentdeck("messages", "one", "--take-back", "2", cwd=bench.root)
    assert missing.returncode == ExitCode.NOT_FOUND
    obey(missing.stderr, bench.root)
    assert agentdeck("messages", "--take-back", "1", cwd=bench.root).returncode == ExitCode.USAGE
    assert agentdeck("messages", "one", "--again", "1", cwd=bench.root).returncode == ExitCode.REFUSED
    assert agentdeck("messages", "one", "--take-back", "all", cwd=bench.root).stderr == "Took back: More\n"
    assert agentdeck("messages", cwd=bench.root).stderr == "No message waits.\n"
    program.go_on()


def test_one_that_may_not_have_arrived_is_sent_again(bench: Bench) -> None:
    program = talker(bench)
    deck = bench.deck()
    deck.start(StartRequest(profile="talker", name="one", mode=Mode.INTERACTIVE))
    queue = deck.store.messages("one")
    queue.move(queue.put("hello").key, Stage.WAITING, Stage.UNSURE)
    assert "1 message may not have arrived" in agentdeck("ls", cwd=bench.root).stdout
    again = agentdeck("messages", "one", "--again", "1", cwd=bench.root)
    assert again.stderr == "Waits again: hello\n"
    eventually(lambda: program.lines == ["hello"])


def test_a_headless_agent_is_continued_with_a_message(bench: Bench) -> None:
    program = talker(bench)
    program.hold()
    deck = bench.deck()
    deck.start(StartRequest(task="Begin", profile="talker", name="one", mode=Mode.HEADLESS))
    refused = agentdeck("send", "one", "hello", cwd=bench.root)
    assert refused.returncode == ExitCode.REFUSED
    deck.stop("one")
    program.go_on()
    obey(refused.stderr.replace("…", "hello"), bench.root)
