"""Hosts from Kubernetes: a pod each, made, listed and reached by `kubectl`, with what its configuration says."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from agentdeck import __version__
from agentdeck.core.config.fleet import KubernetesConfig
from agentdeck.core.fleet.placement import Needs
from agentdeck.errors import RefusedError, UnreachableError
from agentdeck.system.files.files import from_json
from agentdeck.system.fleet.clusters import ask, last_word
from agentdeck.system.fleet.hostlist import HostSpec
from agentdeck.system.fleet.providers import Limits, Provided
from agentdeck.system.machine.process import Result

_OWNER = "agentdeck-owner"
_GRACE = 60
"""Seconds in which a pod that is deleted may put its agents in order."""
DOCKERFILE = f"""\
# An image for [fleet.kubernetes]. Add the agent CLIs and tools that your tasks need.
FROM python:3.12-slim
RUN apt-get update \\
 && apt-get install -y --no-install-recommends git tmux procps openssh-client ca-certificates \\
 && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir agentdeck=={__version__}
RUN useradd --create-home agent
USER agent
WORKDIR /home/agent
"""


class Kubernetes:
    def __init__(self, config: KubernetesConfig, owner: str) -> None:
        self.limits, self._config, self._owner = Limits.of(config), config, owner

    def hosts(self) -> list[Provided]:
        done = self._run("get", "pods", f"--selector={_OWNER}={self._owner}", "--output=json")
        if not done:
            raise UnreachableError(f"Kubernetes does not answer: {last_word(done)}.", hint="kubectl get pods")
        return [found for pod in from_json(done.text)["items"] if (found := self._provided(pod)) is not None]

    def acquire(self, needs: Needs, key: str) -> str:
        name = f"agentdeck-{hashlib.sha256(f'{self._owner}/{key}'.encode()).hexdigest()[:12]}"
        # What has ended by itself stays as an object, until somebody deletes it.
        self._run("delete", "pods", f"--selector={_OWNER}={self._owner}", "--field-selector=status.phase=Succeeded")
        done = self._run(
            "create", "--validate=ignore", "--filename=-", stdin=json.dumps(self._manifest(name, needs)).encode()
        )
        if not done and "AlreadyExists" not in done.complaint:
            raise RefusedError(f"Kubernetes gives no host: {last_word(done)}.", hint="See [fleet.kubernetes].")
        return name

    def release(self, name: str) -> None:
        done = self._run("delete", "pod", name, "--ignore-not-found", "--wait=false")
        if not done:
            raise UnreachableError(f"Kubernetes did not take {name} back: {last_word(done)}.")

    def _manifest(self, name: str, needs: Needs) -> dict[str, Any]:
        config = self._config
        resources = {"cpu": str(max(config.cpu, needs.cpu))}
        if memory := max(config.memory, needs.memory):
            resources["memory"] = str(memory)
        if needs.gpu:
            resources[config.gpu] = str(needs.gpu)
        hold = shlex.join([config.program, "host", "hold", "--idle", f"{config.idle:g}s"])
        container: dict[str, Any] = {
            "name": "host",
            "image": config.image,
            "command": ["sh", "-c", f'PATH="$PATH:$HOME/.local/bin"; export PATH; exec {hold}'],
            "resources": {"requests": resources, "limits": resources},
        }
        if config.secret:
            container["envFrom"] = [{"secretRef": {"name": config.secret}}]
        spec: dict[str, Any] = {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": _GRACE,
            "automountServiceAccountToken": bool(config.service_account),
            "containers": [container],
        }
        if config.service_account:
            spec["serviceAccountName"] = config.service_account
        if config.selector:
            spec["nodeSelector"] = config.selector
        if config.time is not None:
            spec["activeDeadlineSeconds"] = int(config.time)
        labels = {"app.kubernetes.io/name": "agentdeck", _OWNER: self._owner}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}

    def _provided(self, pod: Mapping[str, Any]) -> Provided | None:
        """None for a pod that has ended, or is about to."""
        name, status = str(pod["metadata"]["name"]), pod.get("status", {})
        phase = status.get("phase", "Pending")
        if phase not in ("Pending", "Running") or pod["metadata"].get("deletionTimestamp"):
            return None
        limit, started = pod["spec"].get("activeDeadlineSeconds"), status.get("startTime")
        ends = datetime.fromisoformat(started).timestamp() + limit if limit and started else 0.0
        spec = HostSpec(
            name,
            words=(*self._kubectl(), "exec", "-i", name, "--"),
            title=f"Kubernetes pod {name}",
            program=self._config.program,
            labels=("kubernetes",),
            provider="kubernetes",
            ends=ends,
        )
        if phase == "Running":
            return Provided(spec)
        return Provided(spec, False, f"the pod is pending ({next(_reasons(status), 'not scheduled yet')})")

    def _kubectl(self) -> Iterator[str]:
        yield "kubectl"
        for option in ("kubeconfig", "context", "namespace"):
            if value := getattr(self._config, option):
                yield f"--{option}={value}"

    def _run(self, *words: str, stdin: bytes | None = None) -> Result:
        return ask([*self._kubectl(), *words], "kubectl get pods", stdin)


def _reasons(status: Mapping[str, Any]) -> Iterator[str]:
    """Why a pod does not run yet, the nearest reason first."""
    for container in status.get("containerStatuses", []):
        if reason := container.get("state", {}).get("waiting", {}).get("reason"):
            yield str(reason)
    for condition in status.get("conditions", []):
        if condition.get("status") == "False" and condition.get("message"):
            yield str(condition["message"])
