"""What clients, providers and the machine may do to the gateway; as bytes where a client library is too polite."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import zlib
from pathlib import Path
from typing import Any

import pytest

from agentdeck.core.providers.apis import Api
from agentdeck.errors import StoreError
from agentdeck.gateway import incoming
from agentdeck.gateway.board import Board
from agentdeck.gateway.bodies import plain
from agentdeck.gateway.server import EVENTS_FILE, EVENTS_MAX
from agentdeck.system.gateway.ledger import Ledger, LedgerRecord
from tests.gateway.upstream import APIS, KEYS, LONG, PATHS, Play, document_of, error_of, playing, provider

BODY = json.dumps({"model": "m", "messages": []}).encode()
CHAT = PATHS[Api.CHAT]


async def exchange(play: Play, method: str, path: str, headers: str = "", body: bytes = b"") -> tuple[int, bytes]:
    """The status and body that the gateway answers these bytes with."""
    reader, writer = await asyncio.open_connection("127.0.0.1", play.port)
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    head = f"{method} /{play.token}{path} HTTP/1.1\r\nHost: x\r\n{headers}Connection: close\r\n{length}\r\n"
    writer.write(head.encode() + body)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    top, _, rest = answer.partition(b"\r\n\r\n")
    return int(top.split()[1]), rest


@pytest.mark.parametrize(
    "path",
    [
        "/v1beta",
        "/v1/models/%2e%2e/files",
        "/v1/models/../files",
        "/v1/models/..%2ffiles",
        "/v1/models/a%20HTTP/1.1%0d%0aX-Evil:%201",
        "/v1/models/a%20b",
        "/v1/modelsx",
        "/v1/files",
        "//models",
    ],
)
def test_a_provider_sees_no_other_path_with_its_key_than_those_served(tmp_path: Path, path: str) -> None:
    async def check() -> None:
        async with playing(tmp_path) as play:
            status, body = await exchange(play, "GET", path)
            assert (status, json.loads(body)["error"]["type"]) == (404, "not_found_error")
            assert play.main.requests == []

    asyncio.run(check())


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/v1/models/main:x%2Fy.z"])
def test_models_are_listed_also_for_who_only_wants_to_know_whether_they_are(tmp_path: Path, path: str) -> None:
    async def check() -> None:
        async with playing(tmp_path) as play:
            assert await exchange(play, "HEAD", path) == (200, b"")
            assert "x" not in path or play.main.requests[0].path == "/v1/models/main:x/y.z"
            assert [seen.headers["x-api-key"] for seen in play.main.requests] == [KEYS["MAIN_KEY"]]

    asyncio.run(check())


def test_another_protocol_is_refused_in_plain_words(tmp_path: Path) -> None:
    upgrade = "Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

    async def check() -> None:
        async with playing(tmp_path) as play:
            status, body = await exchange(play, "GET", "/v1/responses", upgrade)
            assert status == 404
            said = json.loads(body)["error"]["message"]
            assert said == "AgentDeck's gateway doesn't serve GET /responses as another protocol than HTTP."

    asyncio.run(check())


@pytest.mark.parametrize(
    ("encoding", "body", "status", "said"),
    [
        ("gzip", gzip.compress(BODY), 200, ""),
        ("x-gzip", gzip.compress(BODY), 200, ""),
        ("deflate", zlib.compress(BODY), 200, ""),
        ("gzip", BODY, 415, "is not gzip, as its header says"),
        ("gzip", gzip.compress(BODY)[:-9], 415, "is not gzip"),
        ("br", BODY, 415, "doesn't support: br"),
        ("zstd", BODY, 415, "doesn't support: zstd"),
        ("gzip", gzip.compress(b"A" * 3_000_000), 413, "too large: at most 1,048,576 bytes"),
    ],
    ids=["gzip", "x-gzip", "deflate", "not gzip", "cut off", "br", "zstd", "bomb"],
)
def test_compressed_bodies(tmp_path: Path, encoding: str, body: bytes, status: int, said: str) -> None:
    async def check() -> None:
        async with playing(tmp_path, plan={"gateway": {"max_body_mb": 1}}) as play:
            got, answer = await exchange(play, "POST", CHAT, f"Content-Encoding: {encoding}\r\n", body)
            assert got == status
            if status == 200:
                assert play.main.requests[0].body == BODY.replace(b'"m"', b'"big-model"')
            else:
                assert said in json.loads(answer)["error"]["message"]
                assert play.main.requests == []

    asyncio.run(check())


def test_raw_deflate_and_bombs_are_read_within_bounds() -> None:
    tool = zlib.compressobj(wbits=-15)
    assert plain(tool.compress(BODY) + tool.flush(), "Deflate", 1000) == BODY
    assert len(plain(gzip.compress(b"A" * 10_000_000), "gzip", 1000)) == 1001


@pytest.mark.parametrize("size", [1_100_000, 3_000_000])
def test_the_limit_of_a_changed_configuration_holds_at_once(tmp_path: Path, size: int) -> None:
    async def check() -> None:
        async with playing(tmp_path) as play:
            big = json.dumps({"model": "m", "messages": ["A" * size]}).encode()
            assert (await exchange(play, "POST", CHAT, "", big))[0] == 200
            config = tmp_path / "config.json"
            tables = json.loads(config.read_text())
            tables["decks"][""]["gateway"]["max_body_mb"] = 1
            config.write_text(json.dumps(tables))
            play.gateway._refresh(at_once=True)
            assert (await exchange(play, "POST", CHAT, "", big))[0] == 413
            chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(big), big)
            reader, writer = await asyncio.open_connection("127.0.0.1", play.port)
            head = f"POST /{play.token}{CHAT} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            writer.write(head.encode() + chunked)
            assert b" 413 " in await reader.readline()
            writer.close()

    asyncio.run(check())


async def answering(answer: bytes) -> asyncio.Server:
    """A provider that says exactly that to everything."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0)


def reply(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


QUOTA = gzip.compress(json.dumps(error_of(Api.CHAT, "insufficient_quota")).encode())
GOOD = gzip.compress(document_of(Api.CHAT, "main", "big-model"))


@pytest.mark.parametrize(
    ("answer", "noted"),
    [
        (reply("302 Found", b"", "Location: http://login.example/"), "redirects elsewhere (302)"),
        (reply("429 Too Many", QUOTA, "Content-Encoding: gzip"), "429 insufficient_quota"),
        (b"SSH-2.0-OpenSSH\r\n", "did not answer with HTTP"),
    ],
    ids=["redirect", "compressed", "no HTTP"],
)
def test_what_is_no_answer_goes_to_the_next_provider_at_once(tmp_path: Path, answer: bytes, noted: str) -> None:
    async def check() -> None:
        async with await answering(answer) as server:
            main = provider(server.sockets[0].getsockname()[1], "MAIN_KEY")
            async with playing(tmp_path, plan={"providers": {"main": main}}) as play:
                status, body = await play.ask(Api.CHAT, stream=False)
                assert (status, b"spare-0" in body) == (200, True)
                (record,) = play.records()
                assert (record.attempts, record.provider) == (2, "spare")
                assert noted in record.faults[0]

    asyncio.run(check())


def test_a_compressed_answer_is_passed_on_as_it_came_and_counted(tmp_path: Path) -> None:
    async def check() -> None:
        headers = ("Content-Encoding: gzip", 'Alt-Svc: h3=":443"', "X-Kept: yes")
        async with await answering(reply("200 OK", GOOD, *headers)) as server:
            main = provider(server.sockets[0].getsockname()[1], "MAIN_KEY")
            async with playing(tmp_path, plan={"providers": {"main": main}}) as play:
                async with play.client.post(play.url(Api.CHAT), json={"model": "m"}) as got:
                    assert await got.read() == GOOD
                    assert got.headers["X-Kept"] == "yes"
                    assert "Alt-Svc" not in got.headers, "it speaks of the provider's address, not of ours"
                assert play.records()[0].usage.output == 7

    asyncio.run(check())


@pytest.mark.parametrize(("key", "served"), [("sk-1\n", "main"), (" sk-1 ", "main"), ("sk-1\r\nX-Evil: 1", "spare")])
def test_a_key_with_a_line_end_is_a_key_and_one_with_another_header_in_it_is_none(
    tmp_path: Path, key: str, served: str
) -> None:
    async def check() -> None:
        async with playing(tmp_path) as play:
            play.gateway._take_keys("deck", {**KEYS, "MAIN_KEY": key})
            status, body = await play.ask(Api.CHAT, stream=False)
            assert (status, f"{served}-0".encode() in body) == (200, True)
            assert [seen.headers["x-api-key"] for seen in play.main.requests] == ["sk-1"] * (served == "main")

    asyncio.run(check())


def test_a_full_disk_costs_no_answer_and_keeps_no_place_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: Any) -> None:
        raise StoreError("The gateway's ledger can't be written.")

    def no_room(*_args: Any) -> None:
        raise OSError(28, "No space left on device")

    async def check() -> None:
        async with playing(tmp_path, "500", plan={"budgets": {"agent": {"tokens": 1000}}}) as play:
            monkeypatch.setattr(Ledger, "add", full)
            monkeypatch.setattr("agentdeck.gateway.server.append_line", no_room)
            for _ in range(3):
                status, body = await play.ask(Api.CHAT, stream=False, max_tokens=10)
                assert (status, b"spare-0" in body) == (200, True)
            assert not any(play.gateway._budgets._tickets.values())
            assert play.gateway._budgets._spent[("deck", "deck")].tokens == 3 * 23

    asyncio.run(check())


def test_a_ledger_that_can_not_be_written_says_so(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger._db.execute("PRAGMA query_only=1")
    with pytest.raises(StoreError, match="ledger.sqlite3 can't be written"):
        ledger.add(LedgerRecord(1.0, "deck", "fox", "work", "chat", "m"))
    ledger.close()


def test_what_is_old_does_not_grow_for_ever(tmp_path: Path) -> None:
    async def check() -> None:
        now = time.time()
        async with playing(tmp_path) as play:
            with Ledger(play.state) as ledger:
                for days in (399, 401):
                    ledger.add(LedgerRecord(now - days * 86_400, "deck", "fox", "work", "chat", "m"))
            (play.state / EVENTS_FILE).write_bytes(b"x" * (EVENTS_MAX + 1))
        async with playing(tmp_path) as play:
            assert [record.at for record in play.records()] == [now - 399 * 86_400]
            assert not (play.state / EVENTS_FILE).exists()
            assert (play.state / "events.old.jsonl").stat().st_size == EVENTS_MAX + 1

    asyncio.run(check())


@pytest.mark.parametrize("agents", [None, 3, [1], [{"since": time.time()}], [{"since": "x"}]])
def test_a_board_of_another_version_does_not_keep_the_gateway_from_starting(agents: Any) -> None:
    board = Board(lambda event: None)
    board.restore({"agents": agents})
    assert board.serving == {}


def test_a_model_with_a_blank_in_its_name_and_one_without_end(tmp_path: Path) -> None:
    async def check() -> None:
        plan = {"tiers": {"work": ["main"]}}
        async with playing(tmp_path, "exhausted", plan=plan) as play:
            await play.client.post(play.url(Api.CHAT), json={"model": "gemma 3 big"})
            assert play.breakers()["main", "quota"]["model"] == "gemma 3 big"
            play.main.fault = "ok"
            await play.client.post(play.url(Api.CHAT), json={"model": "m" * 100_000})
            assert {len(record.asked) for record in play.records()} == {11, 200}

    asyncio.run(check())


def test_a_client_that_does_not_read_holds_the_provider_back_and_nobody_else(tmp_path: Path) -> None:
    """50 MB: far more than sockets hold, so the provider has to wait; another client is served meanwhile. The words are
    long, for as many short ones keep a busy machine at work for longer than anybody waits."""

    async def check() -> None:
        async with asyncio.timeout(120), playing(tmp_path, timeouts=LONG) as play:
            name, play.main.name, play.main.words = play.main.name, "word" * 16_000, 800
            reader, writer = await asyncio.open_connection("127.0.0.1", play.port, limit=1024)
            body = json.dumps({"model": "m", "stream": True, "messages": []}).encode()
            head = f"POST /{play.token}{CHAT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            await reader.readline()
            play.main.name, play.main.words = name, 3
            assert (await play.ask(Api.CHAT, stream=True))[0] == 200
            in_flight = play.gateway.board.in_flight
            while sum(in_flight.values()) != 1:  # the answer ends a moment before it is counted out
                await asyncio.sleep(0.01)
            assert not play.main.cut_off.is_set()
            writer.close()
            await play.main.cut_off.wait()

    asyncio.run(check())


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("fault", ["ok", "500"])
def test_half_a_character_in_the_name_of_a_model_is_no_error_of_ours(tmp_path: Path, api: Api, fault: str) -> None:
    async def check() -> None:
        plan = {"tiers": {"work": ["main"]}, "budgets": {"agent": {"tokens": 10**9}}}
        async with playing(tmp_path, fault, plan=plan) as play:
            body = b'{"model": "a\\ud800b", "messages": []}'
            async with play.client.post(play.url(api), data=body) as answer:
                assert answer.status in (200, 400, 429)
            assert b"\\ud800" in play.main.requests[0].body
            assert play.records()[0].asked == "a?b"

    asyncio.run(check())


def test_a_body_that_does_not_come_is_not_awaited_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "BODY_SECONDS", 0.3)

    async def check() -> None:
        async with playing(tmp_path) as play:
            reader, writer = await asyncio.open_connection("127.0.0.1", play.port)
            head = f"POST /{play.token}/v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" + '{"model"'
            writer.write(head.encode())
            async with asyncio.timeout(10):
                assert b" 408 " in await reader.readline()
            writer.close()
            assert (await play.ask(Api.MESSAGES, stream=True))[0] == 200

    asyncio.run(check())
