"""A server that speaks the part of Kubernetes' protocol which kubectl uses for pods. Its pods are processes here, each
with a home and a tmux server of its own."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from tests.support.sockets import end_server

KUBECTL = shutil.which("kubectl")
_STDIN, _STDOUT, _STDERR, _ERROR, _CLOSE = 0, 1, 2, 3, 255


@dataclass
class Cluster:
    folder: Path
    port: int = 0
    full: bool = False
    """Whether new pods stay pending."""
    pods: dict[str, dict[str, Any]] = field(default_factory=dict)
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    def environment(self, name: str) -> dict[str, str]:
        home = self.folder / name
        own = {"HOME": str(home), "XDG_STATE_HOME": f"{home}/state", "XDG_CONFIG_HOME": f"{home}/config"}
        return {"PATH": os.environ["PATH"], "AGENTDECK_TMUX_SOCKET": f"agentdeck-{name}", "LANG": "C.UTF-8", **own}

    async def create(self, request: web.Request) -> web.Response:
        pod = json.loads(await request.read())
        name = pod["metadata"]["name"]
        if name in self.pods:
            message = f'pods "{name}" already exists'
            status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "AlreadyExists"}
            return web.json_response({**status, "message": message, "code": 409}, status=409)
        pod["metadata"]["namespace"] = "default"
        waits = [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]
        pod["status"] = {"phase": "Pending", "conditions": waits}
        self.pods[name] = pod
        if not self.full:
            (self.folder / name).mkdir()
            command = pod["spec"]["containers"][0]["command"]
            self.processes[name] = await asyncio.create_subprocess_exec(*command, env=self.environment(name))
            pod["status"] = {"phase": "Running", "startTime": "2026-01-01T00:00:00Z"}
        return web.json_response(pod, status=201)

    async def list_(self, request: web.Request) -> web.Response:
        for name, process in self.processes.items():
            if process.returncode is not None and name in self.pods:
                self.pods[name]["status"]["phase"] = "Failed" if process.returncode else "Succeeded"
        key, _, value = request.query.get("labelSelector", "").partition("=")
        phase = request.query.get("fieldSelector", "").removeprefix("status.phase=")
        found = [
            pod
            for pod in self.pods.values()
            if pod["metadata"]["labels"].get(key) == value and phase in ("", pod["status"]["phase"])
        ]
        return web.json_response({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": found})

    async def get(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self.pods:
            status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
            return web.json_response({**status, "message": f'pods "{name}" not found'}, status=404)
        return web.json_response(self.pods[name])

    async def delete(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        answer = await self.get(request)
        self.pods.pop(name, None)
        if (process := self.processes.pop(name, None)) is not None and process.returncode is None:
            process.send_signal(signal.SIGTERM)
        return answer

    async def exec(self, request: web.Request) -> web.WebSocketResponse:
        """The subprotocol v5.channel.k8s.io: each message is the number of a stream and bytes for it."""
        socket = web.WebSocketResponse(protocols=("v5.channel.k8s.io",))
        await socket.prepare(request)
        pipe = asyncio.subprocess.PIPE
        command = request.query.getall("command")
        environment = self.environment(request.match_info["name"])
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
        )
        assert process.stdin and process.stdout and process.stderr

        async def pump(stream: asyncio.StreamReader, number: int) -> None:
            while data := await stream.read(1 << 15):
                await socket.send_bytes(bytes([number]) + data)

        async def feed(stdin: asyncio.StreamWriter) -> None:
            async for message in socket:
                if message.type is not WSMsgType.BINARY:
                    break
                if message.data[0] == _CLOSE:
                    stdin.close()
                elif message.data[0] == _STDIN:
                    stdin.write(message.data[1:])
                    await stdin.drain()
            stdin.close()

        feeding = asyncio.create_task(feed(process.stdin))
        with suppress(ConnectionError):
            await asyncio.gather(pump(process.stdout, _STDOUT), pump(process.stderr, _STDERR))
            code = await process.wait()
            status: dict[str, Any] = {"metadata": {}, "status": "Success"}
            if code:
                causes = [{"reason": "ExitCode", "message": str(code)}]
                status = {
                    "metadata": {},
                    "status": "Failure",
                    "reason": "NonZeroExitCode",
                    "details": {"causes": causes},
                }
            await socket.send_bytes(bytes([_ERROR]) + json.dumps(status).encode())
            await socket.close()
        feeding.cancel()
        return socket

    def routes(self) -> web.Application:
        app = web.Application(client_max_size=1 << 24)
        pods = "/api/v1/namespaces/default/pods"
        resource = {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod"}
        verbs = ["create", "delete", "get", "list"]

        def tells(told: dict[str, Any]) -> Any:
            async def handler(request: web.Request) -> web.Response:
                return web.json_response(told)

            return handler

        app.router.add_get("/api", tells({"kind": "APIVersions", "versions": ["v1"]}))
        app.router.add_get("/apis", tells({"kind": "APIGroupList", "apiVersion": "v1", "groups": []}))
        resources = [{**resource, "verbs": verbs}]
        app.router.add_get("/api/v1", tells({"kind": "APIResourceList", "groupVersion": "v1", "resources": resources}))
        app.router.add_post(pods, self.create)
        app.router.add_get(pods, self.list_)
        app.router.add_get(pods + "/{name}", self.get)
        app.router.add_delete(pods + "/{name}", self.delete)
        app.router.add_get(pods + "/{name}/exec", self.exec)
        return app


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    folder.mkdir()
    made, ready, loop = Cluster(folder), threading.Event(), asyncio.new_event_loop()

    async def serve() -> None:
        runner = web.AppRunner(made.routes())
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        made.port = runner.addresses[0][1]
        ready.set()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve())
        loop.run_forever()

    threading.Thread(target=run, daemon=True).start()
    assert ready.wait(10)
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": f"http://127.0.0.1:{made.port}"}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "users": [{"name": "me", "user": {}}],
    }
    made.kubeconfig.write_text(json.dumps(config))
    try:
        yield made
    finally:
        for name, process in list(made.processes.items()):
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
            end_server(f"agentdeck-{name}")
        loop.call_soon_threadsafe(loop.stop)
