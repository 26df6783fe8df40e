"""The table `[fleet]`: engines that exist already, as sources of hosts and for the queue."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from agentdeck.core.config.section import Seconds, Section
from agentdeck.core.config.tasks import bytes_of_text, seconds_of_text

Duration = Annotated[Seconds, BeforeValidator(seconds_of_text)]


class SourceConfig(Section):
    """What every source of hosts has."""

    agents: Annotated[int, Field(ge=1)] = 4
    """How many agents run on one host before another is asked for."""
    hosts: Annotated[int, Field(ge=1)] = 4
    """The most hosts at once."""
    idle: Duration = 600.0
    """Seconds, or text such as `10m`, without a running agent and without a connection from home after which a host
    gives itself back."""
    drain: Duration = 300.0
    """Seconds, or text, before the end of a host's time at which its agents are stopped, saved and moved to another."""
    wait: Duration = 900.0
    """Seconds, or text, that a start waits for a new host."""
    program: str = "agentdeck"
    """AgentDeck on the host: a name in its PATH, or a path."""
    cpu: Annotated[int, Field(ge=1)] = 1
    """Cores of a host; a task that needs more gets a host with more."""
    memory: Annotated[int, BeforeValidator(bytes_of_text)] = Field(default=0, ge=0)
    """Memory of a host, in bytes or as text such as `8G`; 0: as the cluster says."""


class SlurmConfig(SourceConfig):
    """Hosts from Slurm: one job each, submitted by `sbatch` and reached by `srun --overlap`. It needs Slurm's commands
    here or on a login node, and AgentDeck, git and tmux on the nodes."""

    login: str = ""
    """A login node, as ssh knows it, where Slurm's commands are; empty: this machine."""
    partition: str = ""
    """The partition; empty: Slurm's default."""
    account: str = ""
    """The account that is charged; empty: your default."""
    qos: str = ""
    """The quality of service; empty: the default."""
    time: Duration = 4 * 3600.0
    """The time limit of a job, in seconds or as text such as `8h`."""
    gres: str = ""
    """Such as `gpu:a100:1`; empty: `gpu:N` for a task that needs N."""
    options: list[str] = Field(default=[])
    """More words for `sbatch`, such as `--constraint=ssd`."""


class KubernetesConfig(SourceConfig):
    """Hosts from Kubernetes: one pod each, reached by `kubectl exec`. It needs `kubectl`, and an image with AgentDeck,
    git, tmux and the agent CLIs; `agentdeck hosts image` prints a Dockerfile for one."""

    image: str
    """The image of a pod."""
    context: str = ""
    """The context of the kubeconfig; empty: the current one."""
    namespace: str = ""
    """The namespace; empty: that of the context."""
    kubeconfig: str = ""
    """The kubeconfig; empty: as `kubectl` finds it."""
    service_account: str = ""
    """The service account of a pod; empty: the namespace's default, without a token."""
    gpu: str = "nvidia.com/gpu"
    """The name of the resource that a task's GPUs are."""
    secret: str = ""
    """A secret whose keys every pod has as variables, such as API keys."""
    selector: dict[str, str] = Field(default={})
    """Labels that a node must have."""
    time: Duration | None = None
    """Seconds, or text, after which a pod ends; none: it has no limit."""


class TemporalConfig(Section):
    """How the Temporal server of `fleet.queue` is talked to."""

    tls: bool = False
    """Whether by TLS; a key or a certificate turns it on, too."""
    ca: str = ""
    """A PEM file with who may have signed the server's certificate; empty: whom this machine trusts."""
    certificate: str = ""
    """A PEM file with your own certificate, where the server asks for one."""
    certificate_key: str = ""
    """A PEM file with the key of that."""
    server_name: str = ""
    """The name in the server's certificate, where it is not the host's."""
    api_key: str = ""
    """A file with an API key, such as that of Temporal Cloud."""


class FleetConfig(Section):
    """Engines that run your hosts or your queue; only your own file can have this table."""

    queue: str = ""
    """Where the queue of `run -f` lives: empty for this process, or `temporal://HOST:PORT/NAMESPACE`."""
    key: str = ""
    """A file with the key that the queue's tasks are encrypted with; empty: one that is made in your state folder."""
    temporal: TemporalConfig = TemporalConfig()
    slurm: SlurmConfig | None = None
    kubernetes: KubernetesConfig | None = None
    providers: dict[str, dict[str, Any]] = Field(default={})
    """Tables for sources of hosts from other packages, by the name of their entry point in `agentdeck.providers`."""
