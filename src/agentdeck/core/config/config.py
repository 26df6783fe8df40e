"""`agentdeck.toml` as models. Every key has a default, so no file is needed; an unknown key is an error."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from agentdeck.core.box.network import split_rule
from agentdeck.core.config import placeholders
from agentdeck.core.config.accounts import Accounts
from agentdeck.core.config.dashboard import DashboardConfig
from agentdeck.core.config.fleet import FleetConfig
from agentdeck.core.config.gateway import BudgetsConfig, GatewayConfig, Plan, Providers
from agentdeck.core.config.mcp import McpConfig
from agentdeck.core.config.notify import NotifyConfig
from agentdeck.core.config.schedule import Schedules
from agentdeck.core.config.section import Seconds, Section
from agentdeck.core.config.trials import RaceConfig

PortNumber = Annotated[int, Field(ge=1024, le=65535)]


class AgentDefaults(Section):
    """The defaults of `agentdeck run`."""

    profile: str = "claude"
    """Profile of a new agent; `auto` takes the first one found on this machine."""
    base: str = ""
    """Branch that new branches start from; empty: the branch checked out in the main worktree."""
    branch: str = "agentdeck/{name}"
    """Name of a new branch; `{name}` is the agent's."""
    permission: Literal["", "ask", "edit", "all"] = ""
    """How much a new agent may do without asking: `ask` before it changes anything; `edit` files in its worktree,
    commit, and run the commands below; `all` that you can, which each `run` has to say as well. Empty: as its CLI is
    set up."""
    commands: list[str] = Field(default=[])
    """Commands that an agent with the permission `edit` runs without asking, such as `make test`, beside git's for
    committing and those of the gate."""
    preamble: str | None = None
    """What each agent is told of the place it works in, beside its task, where its profile has a way for that.
    `{worktree}`, `{branch}`, `{ports}` and `{database}`, the name of its variable, are the agent's. None: a few
    sentences on these; empty: nothing."""
    failover: list[str] = Field(default=[])
    """Profiles to go on with, in this order, when an agent's provider limits it, is down or refuses its login. The
    agent's own comes first, wherever it is in the list; `["claude"]` alone waits for the end of a limit."""
    tier: str = ""
    """The chain of models that a new agent is served by; empty: its CLI's own provider."""
    timeout: Seconds | None = None
    """Seconds after which a run is stopped; none: never."""
    env: dict[str, Annotated[str, AfterValidator(placeholders.check)]] = Field(default={})
    """Variables that every agent gets. `{name}`, `{branch}` and `{worktree}` in them are the agent's, `{port}` is its
    first port, `{index}` the lowest number from 1 that no other agent of the repository has; `{{name}}` is `{name}`."""
    pass_env: list[str] = Field(default=[])
    """Variables of the shell that agents are started from, as patterns such as `TERM_PROGRAM*`, that agents get
    although they describe that shell's terminal, editor, CI step or the like. Others get through anyway."""
    drop_env: list[str] = Field(default=[])
    """Variables of that shell, as patterns such as `AWS_*`, that no agent gets."""
    env_file: str = ""
    """A file of `KEY=VALUE` lines whose variables every agent gets, such as keys that cron does not have."""


class WorktreeConfig(Section):
    path: str = ".worktrees/{name}"
    """The path of worktrees, relative to the repository: `{name}` the agent's, `{repo}` the repository's."""
    copy_files: list[str] = Field(default=[".env", ".env.*"], alias="copy")
    """git-ignored files to copy into a new worktree, as patterns of a .gitignore; `.worktreeinclude` adds to them.
    Hooks in a git-ignored `core.hooksPath` always come along."""
    link: list[str] = Field(default=[])
    """git-ignored files or folders to link instead, such as `node_modules`."""
    submodules: bool = True
    """Whether submodules are checked out in a new worktree."""


class Hooks(Section):
    """Your own shell lines, run in the worktree with the agent's variables."""

    setup: list[str] = Field(default=[])
    """Run in the pane before the agent starts; one that fails stops the start."""
    teardown: list[str] = Field(default=[])
    """Run before the worktree is removed; one that fails is reported and does not stop the removal."""
    timeout: Seconds = 600.0
    """Time limit of one line, in seconds."""


class PortsConfig(Section):
    per_agent: Annotated[int, Field(ge=0, le=100)] = 4
    """How many ports an agent gets: PORT, PORT_1, …"""
    range: Annotated[tuple[PortNumber, PortNumber], Field(strict=False)] = (20000, 29999)
    """The first and the last port to hand out."""
    names: list[str] = Field(default=[])
    """More names for PORT_1, PORT_2, … in order, such as `API_PORT`."""

    @model_validator(mode="after")
    def _room(self) -> PortsConfig:
        if self.range[1] - self.range[0] + 1 < self.per_agent:
            raise ValueError("the range has fewer ports than one agent needs")
        return self

    @field_validator("names")
    @classmethod
    def _variables(cls, names: list[str]) -> list[str]:
        for name in names:
            if not name.isidentifier():
                raise ValueError(f"{name!r} is not the name of a variable")
        return names


class DatabaseConfig(Section):
    engine: Literal["auto", "none", "sqlite", "postgres", "redis", "command"] = "auto"
    """`auto`: sqlite where `template` names a file, else none."""
    template: str = ""
    """sqlite: the file to copy; postgres: the database to copy."""
    path: str = ".agentdeck/db.sqlite3"
    """sqlite: the path of the copy, relative to the worktree."""
    url: str = ""
    """postgres, redis: the server; empty: what PGHOST and the others, or localhost, say. `$NAME` comes from the
    environment."""
    mode: Literal["database", "schema", "index", "prefix"] = "database"
    """postgres: `database` or `schema`; redis: `index` or `prefix`."""
    own_role: bool = True
    """postgres: whether an agent in a box logs in as a role of its own, which owns its database and nothing else."""
    variable: str = "DATABASE_URL"
    """The variable that gets its URL."""
    variables: dict[str, str] = Field(default={})
    """More variables, from `{url}`, `{name}`, `{host}`, `{port}`, `{user}`, `{schema}`, `{prefix}`, `{path}`."""
    create: str = ""
    """command: the shell line that creates a database and prints its URL; AGENTDECK_DATABASE is the name to use."""
    drop: str = ""
    """command: the shell line that drops it."""
    dump: str = ""
    """command: the shell line that writes a dump to the file AGENTDECK_DUMP."""
    restore: str = ""
    """command: the shell line that restores the dump AGENTDECK_DUMP."""
    keep_dump: bool = True
    """Whether a database is dumped before it is dropped."""

    @model_validator(mode="after")
    def _whole(self) -> DatabaseConfig:
        modes = {"postgres": ("database", "schema"), "redis": ("index", "prefix")}
        if self.engine == "redis" and self.mode == "database":
            object.__setattr__(self, "mode", "index")
        if self.engine in modes and self.mode not in modes[self.engine]:
            raise ValueError(f"{self.engine} has the modes {' and '.join(modes[self.engine])}, not {self.mode}")
        if self.engine == "command" and not self.create:
            raise ValueError("engine “command” needs the command `create`")
        return self


class EnvFileConfig(Section):
    path: str = ".env.local"
    """The file, relative to the worktree, that gets the managed block; empty: none."""
    caches: list[str] = Field(default=[])
    """Variables, such as `XDG_CACHE_HOME` or `TURBO_CACHE_DIR`, that name a folder of the agent's own."""


class RunnerConfig(Section):
    grace_interrupt: Seconds = 5.0
    """Seconds between INT and TERM when an agent is stopped."""
    grace_terminate: Seconds = 5.0
    """Seconds between TERM and KILL."""
    processes: Annotated[int, Field(ge=16)] | None = None
    """How many processes an agent may have at once. At four fifths it is told; above it the youngest are ended, though
    never the agent's own program. Linux only."""
    memory_mb: Annotated[int, Field(ge=64)] | None = None
    """Megabytes of memory that all processes of an agent may use together, pages that they share counted for each. At
    four fifths it is told; above it the largest of them is ended, though never the agent's own program. Linux only."""
    cpu: Annotated[float, Field(ge=0.1, le=1024)] | None = None
    """How many processors all processes of an agent may use together. Where your systemd can hold them to that, it
    does; elsewhere they run on so many of the processors, rounded up. Linux only."""
    recording_max_mb: Annotated[int, Field(ge=1)] = 32
    """Size in megabytes at which a recording rotates."""
    recording_keep: Annotated[int, Field(ge=0)] = 1
    """Number of full recordings to keep beside the current one."""
    quiet: Seconds = 0.4
    """Seconds without output after which the screen is read for the agent's state."""


Step = Literal["account", "provider", "profile", "wait"]


class FailoverConfig(Section):
    """What follows on a limit or an outage, and how long it waits; see `agent.failover` and `[accounts.NAME]`."""

    order: list[Step] = Field(default=["account", "provider", "profile", "wait"])
    """What is tried, in this order: another `account` of the same CLI, which gets the conversation; the other providers
    of the agent's tier, or an account that is served by another `provider` (a tier); another `profile` of the list,
    which gets a brief; to `wait` for the end of the limit. What is not in the list is not done."""
    ask: bool = False
    """Whether you are asked at a limit, instead: the agent waits until it ends, unless your answer is another profile.
    Nobody is asked in the quiet hours of `[notify]`."""

    patience: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 120.0
    """Seconds to wait for a limit to end, or for a CLI that retries by itself, although another profile is ready."""
    silence: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 900.0
    """Seconds without output, transcript or a running tool after which a provider without the gateway is taken to hang:
    the next profile continues, or you are asked; 0: never."""
    longest_wait: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 6 * 3600.0
    """Seconds that a run waits in total when no profile is ready."""
    attempts: Annotated[int, Field(ge=0)] = 20
    """How often one run may be restarted or told to continue."""
    first_pause: Seconds = 60.0
    """Seconds to pause a provider that names no reset time; doubles with each fault in a row."""
    longest_pause: Seconds = 1800.0
    """The longest such pause, in seconds."""
    back: Literal["turn", "start", "never"] = "turn"
    """When an agent goes back to its own profile once that can serve it again: between two turns, when it is started
    again, or never by itself."""
    settle: Seconds = 3.0
    """Seconds for which a limit must stay on the screen of a running program."""


class QueueConfig(Section):
    """What an agent waits for before it begins, however it was started; `agentdeck queue --now NAME` begins it."""

    jobs: Annotated[int, Field(ge=0)] = 0
    """How many tasks of a file run at once; 0: one per processor."""
    agents: Annotated[int, Field(ge=0)] = 0
    """How many agents of yours work at once on this machine, in all repositories; 0: any number. The next one waits."""
    max_load: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Beside one that works, no agent begins above this load per processor; unset: at any."""
    min_free_mb: Annotated[int, Field(ge=0)] = 512
    """Beside one that works, no agent begins with less memory available."""
    min_disk_mb: Annotated[int, Field(ge=0)] = 512
    """No agent begins with less room on the disk of its worktree."""


class LandingConfig(Section):
    """How finished branches land on their base branch."""

    method: Literal["merge", "squash", "rebase", "ff-only"] = "merge"
    """A merge commit, one commit, the commits one by one, or a fast-forward only."""
    gate: list[str] = Field(default=[])
    """Shell lines that must exit with 0 before a base branch moves; they run in their own worktree, in order."""
    timeout: Seconds = 3600.0
    """Time limit of a gate, in seconds."""
    on: str = ""
    """The host that gates run on, or `any`; empty: this machine."""
    remove: bool = False
    """Whether an agent is removed once it has landed."""
    trailers: bool = True
    """Whether the commit names the agent, its profile and its models, as `Assisted-by: PROGRAM:MODEL` and in lines of
    AgentDeck's own."""
    protected: list[str] = Field(default=[])
    """Branches, as patterns, that reject landings; use `agentdeck pr` for them."""
    gate_after_failover: bool = False
    """Whether work made on a backup provider of the tier needs a gate to land."""
    retries: Annotated[int, Field(ge=0)] = 5
    """How often a landing starts over if its base moves during the gate."""


class AuditConfig(Section):
    """What your company says of this repository's use of models; `agentdeck audit` puts it beside each landing."""

    risk_class: str = ""
    """The class of risk that you have put it in."""
    role: str = ""
    """Your role, such as `deployer`."""
    oversight: str = ""
    """Who oversees it."""


class TrashConfig(Section):
    """What a removal keeps, so that it can be undone."""

    ignored: bool = False
    """Whether git-ignored files of a worktree are kept too."""
    keep_days: Annotated[int, Field(ge=1)] = 30
    """Days after which `agentdeck prune` offers to delete it."""


def _domain(rule: str) -> str:
    split_rule(rule)
    return rule


class BoxConfig(Section):
    """What agents see of this machine, beside its programs, their repository and their worktree. Linux only."""

    mode: Literal["off", "files", "full"] = "off"
    """`files`: an agent sees no other files of yours, and of the repository it can change its own branch alone; `full`:
    and it reaches nothing of the network but its own ports and database, the gateway and `allow_domains`; `off`: it can
    do what you can."""
    allow_domains: list[Annotated[str, AfterValidator(_domain)]] = Field(default=[])
    """What agents in a `full` box connect to, such as `pypi.org`, `*.npmjs.org` or `localhost:11434`: names for ports
    80 and 443, or `NAME:PORT`. A name may not lead to this machine or its network, but for networks that are named as
    well, such as `10.20.0.0/16`. Only your own file can have this key."""
    gate_network: bool = False
    """Whether the gate and tear-down hooks in a box reach what the agent does. They run code that it wrote."""
    read: list[str] = Field(default=[])
    """More files and folders that agents in a box see, such as `~/.m2`; only your own file can have this key."""
    write: list[str] = Field(default=[])
    """More that they see and change; only your own file can have this key."""


class TrustConfig(Section):
    """Repositories that are always trusted; only your own file can have this table."""

    roots: list[str] = Field(default=[])
    """Folders: what the configuration of a repository below one of them says is used as if you had approved it."""


class Config(Section):
    agent: AgentDefaults = AgentDefaults()
    worktree: WorktreeConfig = WorktreeConfig()
    hooks: Hooks = Hooks()
    ports: PortsConfig = PortsConfig()
    database: DatabaseConfig = DatabaseConfig()
    env_file: EnvFileConfig = EnvFileConfig()
    runner: RunnerConfig = RunnerConfig()
    accounts: Accounts = Field(default={})
    """More accounts of an agent CLI, by name: see `[accounts.NAME]`. Only your own file can have this table."""
    failover: FailoverConfig = FailoverConfig()
    queue: QueueConfig = QueueConfig()
    landing: LandingConfig = LandingConfig()
    trash: TrashConfig = TrashConfig()
    box: BoxConfig = BoxConfig()
    trust: TrustConfig = TrustConfig()
    providers: Providers = Field(default={}, validate_default=True)
    """Model servers by name: the known ones need no table."""
    tiers: dict[str, list[str] | Literal["auto"]] = Field(default={})
    """Chains by name, each a list of `provider:model`; `local = "auto"` finds local model servers."""
    gateway: GatewayConfig = GatewayConfig()
    budgets: BudgetsConfig = BudgetsConfig()
    race: RaceConfig = RaceConfig()
    mcp: McpConfig = McpConfig()
    audit: AuditConfig = AuditConfig()
    notify: NotifyConfig = NotifyConfig()
    fleet: FleetConfig = FleetConfig()
    schedule: Schedules = Field(default={})
    """What the clock starts, by name: see `[schedule.NAME]`."""
    dashboard: DashboardConfig = DashboardConfig()
    keys: dict[str, str] = Field(default={})
    """Other keys for the dashboard, by the names in its help (`?`): `"agent.stop" = "S,ctrl+s"`."""

    @model_validator(mode="after")
    def _ports_are_there(self) -> Config:
        for name, value in self.agent.env.items():
            if "port" in placeholders.used(value) and not self.ports.per_agent:
                raise ValueError(f"agent.env.{name} uses {{port}}, and ports.per_agent is 0")
        return self

    def plan(self) -> Plan:
        """What the gateway has to know of this deck."""
        return Plan(providers=self.providers, tiers=self.tiers, gateway=self.gateway, budgets=self.budgets)
