"""A real Kubernetes of one node on this machine, from the programs that scripts/kubernetes has built: etcd, the API
server, the scheduler, and a kubelet with containerd. As root.

A container has this machine's programs, read only, and files of its own. The kubelet and containerd have mounts of
their own, in which the kernel's settings that a kubelet wants are there already: it changes none. What they leave is an
address of the loopback device and a bridge, which are taken away at the end.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import shlex
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.support.retry import eventually
from tests.support.sshd import free_port

IMAGE = "docker.io/library/agents:1"
ROOT = Path(__file__).parents[2]
_NODE, _BRIDGE, _PODS = "10.99.0.1", "agentdeck0", "10.88.77.0/24"
_KERNEL = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/keys/root_maxbytes": 25_000_000,
}
_CONTAINERD = """\
version = 2
root = "{folder}/containerd"
state = "{folder}/containerd-state"
[grpc]
  address = "{folder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/library/pause:1"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    base_runtime_spec = "{folder}/spec.json"
"""


@contextmanager
def cluster(folder: Path, programs: Path) -> Iterator[Path]:
    """Its kubeconfig."""
    if os.getuid() != 0:
        raise RuntimeError("A kubelet runs as root.")
    port, store, token = free_port(), free_port(), secrets.token_hex(16)
    config = folder / "kubeconfig"
    processes: list[subprocess.Popen[bytes]] = []

    def start(name: str, *argv: str) -> None:
        with (folder / f"{name}.log").open("wb") as log:
            processes.append(subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder))

    def kubectl(*words: str) -> str:
        done = subprocess.run(
            ["kubectl", f"--kubeconfig={config}", *words], capture_output=True, text=True, check=False
        )
        return done.stdout

    _write(folder, config, port, token)
    subprocess.run(["ip", "addr", "add", f"{_NODE}/32", "dev", "lo"], check=True)
    try:
        peer = f"http://127.0.0.1:{free_port()}"
        url = f"http://127.0.0.1:{store}"
        start(
            "etcd", "etcd", "--data-dir", f"{folder}/etcd", "--listen-client-urls", url, "--advertise-client-urls", url,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}",
        )  # fmt: skip
        start(
            "apiserver", f"{programs}/kube-apiserver", "--etcd-servers", url, "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1", f"--secure-port={port}", f"--cert-dir={folder}/pki",
            f"--token-auth-file={folder}/tokens.csv", f"--service-account-key-file={folder}/sa.key",
            f"--service-account-signing-key-file={folder}/sa.key", "--service-account-issuer=https://here",
            "--service-cluster-ip-range=10.96.0.0/16", "--authorization-mode=RBAC",
            "--disable-admission-plugins=ServiceAccount", "--kubelet-preferred-address-types=InternalIP",
        )  # fmt: skip
        eventually(lambda: "default" in kubectl("get", "namespaces"), timeout=240, pause=1)
        scheduler = f"{programs}/kube-scheduler"
        start("scheduler", scheduler, f"--kubeconfig={config}", "--port=0", "--secure-port=0", "--leader-elect=false")
        start("node", "unshare", "--mount", "sh", f"{folder}/node.sh", str(programs))
        eventually(lambda: " Ready " in kubectl("get", "nodes"), timeout=240, pause=1)
        # What takes it away else, the controllers, is not here.
        kubectl("taint", "nodes", "node1", "node.kubernetes.io/not-ready:NoSchedule-")
        yield config
        kubectl("delete", "pods", "--all", "--force", "--grace-period=0")
        eventually(lambda: not _shims(folder), timeout=60, pause=0.5)
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()
        for pid in [*_shims(folder), *_named(f"{folder}/containerd.toml")]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        subprocess.run(["ip", "addr", "del", f"{_NODE}/32", "dev", "lo"], check=False)
        subprocess.run(["ip", "link", "del", _BRIDGE], check=False, capture_output=True)


def _write(folder: Path, config: Path, port: int, token: str) -> None:
    (folder / "cni").mkdir()
    (folder / "kernel").mkdir()
    key = folder / "sa.key"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    (folder / "tokens.csv").write_text(f"{token},admin,1,system:masters\n")
    server = {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}
    _json(
        config,
        apiVersion="v1",
        kind="Config",
        clusters=[{"name": "here", "cluster": server}],
        contexts=[{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        users=[{"name": "me", "user": {"token": token}}],
        **{"current-context": "here"},
    )
    ipam = {"type": "host-local", "subnet": _PODS, "dataDir": f"{folder}/addresses"}
    bridge = {"type": "bridge", "bridge": _BRIDGE, "isGateway": False, "ipMasq": False, "ipam": ipam}
    _json(folder / "cni/net.conflist", cniVersion="0.4.0", name="net", plugins=[bridge])
    (folder / "containerd.toml").write_text(_CONTAINERD.format(folder=folder))
    _json(
        folder / "kubelet.json",
        apiVersion="kubelet.config.k8s.io/v1beta1",
        kind="KubeletConfiguration",
        failSwapOn=False,
        cgroupDriver="cgroupfs",
        cgroupsPerQOS=False,
        enforceNodeAllocatable=[],
        authentication={"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        authorization={"mode": "AlwaysAllow"},
        address=_NODE,
        port=free_port(),
        healthzPort=0,
        readOnlyPort=0,
        makeIPTablesUtilChains=False,
        resolvConf="",
        evictionHard={},
    )
    spec = json.loads(subprocess.run(["ctr", "oci", "spec"], capture_output=True, check=True).stdout)
    spec["mounts"] = [each for each in spec["mounts"] if each["destination"] != "/sys/fs/cgroup"]
    for path in _seen():
        spec["mounts"].append({"destination": path, "type": "bind", "source": path, "options": ["rbind", "ro"]})
    _json(folder / "spec.json", **spec)
    _images(folder / "images.tar")
    (folder / "node.sh").write_text(_node(folder))


def _seen() -> list[str]:
    """What a container sees of this machine."""
    own = {str(Path(sys.base_prefix)), str(ROOT)}
    return ["/usr", "/etc", *sorted(path for path in own if not path.startswith("/usr/"))]


def _node(folder: Path) -> str:
    """The script of the node, within mounts of its own."""
    place = shlex.quote(str(folder))
    lines = ["set -e", "mount --make-rshared /"]
    for number, (name, value) in enumerate(_KERNEL.items()):
        file = folder / f"kernel/{number}"
        file.write_text(f"{value}\n")
        lines.append(f"mount --bind {shlex.quote(str(file))} /proc/sys/{name}")
    return "\n".join(
        [
            *lines,
            f"containerd -c {place}/containerd.toml > {place}/containerd.log 2>&1 &",
            f"c='ctr -a {folder}/containerd.sock -n k8s.io'",
            "until $c version >/dev/null 2>&1; do sleep 0.2; done",
            f"$c images import {place}/images.tar",
            f'exec "$1/kubelet" --config {place}/kubelet.json --kubeconfig {place}/kubeconfig'
            f" --container-runtime remote --container-runtime-endpoint unix://{folder}/containerd.sock"
            f" --root-dir {place}/kubelet"
            f" --cert-dir {place}/kubelet-pki --hostname-override node1 --node-ip {_NODE}",
            "",
        ]
    )


def _images(path: Path) -> None:
    """Two images of the same layer: one for pods, and the one that holds a pod's network."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as made:
        folders = {"tmp", "var/tmp", "proc", "sys", "dev", "run", "root", *(each.strip("/") for each in _seen())}
        for name in sorted({str(each) for path in folders for each in (Path(path), *Path(path).parents)} - {"."}):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name.endswith("tmp") else 0o755
            made.addfile(entry)
        for name in ("bin", "sbin", "lib", "lib64"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, f"usr/{name}"
            made.addfile(entry)
        _add(made, "busybox", Path("/bin/busybox").read_bytes())
    manifest = []
    with tarfile.open(path, "w") as whole:
        _add(whole, "layer.tar", layer.getvalue())
        for name, entrypoint in (("agents:1", []), ("pause:1", ["/busybox", "sleep", "1000000000"])):
            about = {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"], "Entrypoint": entrypoint},
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer.getvalue()).hexdigest()}"]},
            }
            data = json.dumps(about).encode()
            file = f"{hashlib.sha256(data).hexdigest()}.json"
            _add(whole, file, data)
            manifest.append({"Config": file, "RepoTags": [name], "Layers": ["layer.tar"]})
        _add(whole, "manifest.json", json.dumps(manifest).encode())


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o755
    archive.addfile(entry, io.BytesIO(data))


def _json(path: Path, **data: Any) -> None:
    path.write_text(json.dumps(data))


def _shims(folder: Path) -> list[int]:
    return [pid for pid in _named(f"{folder}/containerd.sock") if pid in _named("containerd-shim")]


def _named(text: str) -> list[int]:
    """The processes with that in their arguments."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if text.encode() in path.read_bytes() and int(path.parent.name) != os.getpid():
                found.append(int(path.parent.name))
    return found
