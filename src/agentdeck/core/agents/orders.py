"""What the engine tells a runner to do: one JSON file, read once when the runner starts.

Standard library only: the runner loads it at every start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentdeck.core.agents.agent import Mode
from agentdeck.core.agents.failover import Policy
from agentdeck.core.agents.prompts import fill, takes_prompt
from agentdeck.core.frozen import asdict, dataclass, field, replace
from agentdeck.core.transcripts.formats import Place

if TYPE_CHECKING:
    from agentdeck.core.agents.admission import Admission
    from agentdeck.core.box.network import Network

SET_UP = "set-up"
"""The file in an agent's folder that names the worktree where the set-up hooks have run; empty while they have not."""
VARIABLES = "AGENTDECK_FAILOVER_VARIABLES"
"""The runner's own variable for what each profile's environment has beside the first one's, as JSON: values by name by
profile, null for one that it has not. In the environment, because that never touches the disk; no agent sees it."""
PERSON_PROXY = "AGENTDECK_PERSON_PROXY"
"""The runner's own variable for the proxy by which the person reaches the internet: it may hold a password."""


@dataclass(frozen=True, slots=True)
class Detectors:
    """Regular expressions over an agent's screen (its lines joined by newlines, colours stripped), tried in this order.

    The first of `waiting`, `limited`, `failed`, `working`, `done` that matches gives the state. A named group `reason`
    in the pattern becomes the reason shown; without one it is the matched line. `at_limit` are dialogs that come up at
    a limit, `survey` are questions beside the input box that a digit answers.
    """

    waiting: tuple[str, ...] = ()
    at_limit: tuple[str, ...] = ()
    survey: tuple[str, ...] = ()
    limited: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    working: tuple[str, ...] = ()
    done: tuple[str, ...] = ()

    @property
    def only_waiting(self) -> Detectors:
        return Detectors(waiting=(*self.waiting, *self.at_limit))

    @property
    def only_survey(self) -> Detectors:
        return Detectors(waiting=self.survey)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the end of the agent's process is judged, where the exit code alone does not tell.

    The patterns are searched in the last 64 KiB of its output, escape sequences stripped. The first that matches of
    `limited`, `auth`, `provider`, `failed` names the fault, whatever the exit code; none and a code in `ok_codes` is
    success. Where `success` is set, an exit that matches none of its patterns has failed too.
    """

    ok_codes: tuple[int, ...] = (0,)
    limited: tuple[str, ...] = ()
    auth: tuple[str, ...] = ()
    provider: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    success: tuple[str, ...] = ()
    finished: tuple[str, ...] = ()
    """Say that all went well: with a code in `ok_codes`, whatever else was printed, as text that it read may be."""


@dataclass(frozen=True, slots=True)
class ChainEntry:
    """One profile that an agent can fail over to: how it is started and read. Its variables are not here: they may be
    keys, and these orders are a file."""

    profile: str
    start: tuple[str, ...]
    """The command line for a prompt, with `{prompt}` and `{settings}` in it."""
    resume: tuple[str, ...] = ()
    """From the session `{session}`; empty: it can't."""
    resume_last: tuple[str, ...] = ()
    """From the last session in the folder."""
    settings: str = ""
    go_on: str = "continue"
    detectors: Detectors = field(default_factory=Detectors)
    outcome: Outcome = field(default_factory=Outcome)
    reports: str = ""
    session_pattern: str = ""
    transcript: Place = field(default_factory=Place)
    wired: bool = False
    """Whether it sends its requests to the gateway."""
    by_tier: bool = False
    """Whether a tier is its account."""
    sessions: str = ""
    """Which sessions of the same CLI it goes on with: of other `accounts`, or `all`, those that a tier served too."""
    export: tuple[str, ...] = ()
    """The command that prints the session `{session}`, where its transcript is no file to copy."""
    imports: tuple[str, ...] = ()
    """The command that takes such a session from `{file}`."""
    box: tuple[str, ...] = ()
    """Its own words of `Orders.box`: no login of another profile is in them."""

    def line(self, prompt: str, session: str, *, resume: bool) -> tuple[tuple[str, ...], str, bool]:
        """The command line, what is to be typed because the command line does not take it, and whether it resumes."""
        back = ((self.resume if session else ()) or self.resume_last) if resume else ()
        words = back or self.start
        values = {"prompt": prompt, "session": session, "settings": self.settings}
        typed = "" if takes_prompt(words) else prompt
        return tuple(fill(word, values) for word in words), typed, bool(back)


@dataclass(frozen=True, slots=True)
class Orders:
    """One run of one agent. Paths are absolute strings; times are seconds; sizes are bytes."""

    agent: str
    run: str
    """Unique to this run; every process of it carries `AGENTDECK_RUN=<run>` in its environment."""
    deck: str
    argv: tuple[str, ...]
    cwd: str
    folder: str
    """The agent's folder in the store."""
    log: str
    """The time-stamped text log of this run."""
    runs_log: str
    """The deck's one greppable file of START, OK, FAIL and TIMEOUT lines."""
    start_in: str = ""
    """The folder in `cwd`, as a path relative to that, in which the agent begins; hooks run in `cwd`."""
    env: dict[str, str] = field(default_factory=dict)
    """Added to the pane's environment; already holds ports, database and the env file's variables."""
    env_unset: tuple[str, ...] = ()
    mode: Mode = Mode.INTERACTIVE
    setup: tuple[str, ...] = ()
    """Shell lines run in `cwd` before the agent; one that fails ends the run as a `setup` fault."""
    set_up: str = ""
    """What the file `SET_UP` says once these have run: the mark of the worktree."""
    typed: str = ""
    """Text typed to the agent once it is quiet, for a CLI that takes no prompt on its command line."""
    timeout: float | None = None
    quiet: float = 0.4
    """How long output must rest before the screen is looked at."""
    detectors: Detectors = field(default_factory=Detectors)
    outcome: Outcome = field(default_factory=Outcome)
    reports: str = ""
    """The kind of the CLI's own hooks that report through the inbox, so that the screen decides only what they can't;
    empty: there are none."""
    session_pattern: str = ""
    """A pattern whose group `session` finds the CLI's session id in its output."""
    transcript: Place = field(default_factory=Place)
    wired: bool = False
    """Whether the program sends its requests to the gateway, which then counts them."""
    grace_interrupt: float = 5.0
    grace_terminate: float = 5.0
    memory: int = 0
    """Bytes of memory that its processes may use together; 0: any."""
    processes: int = 0
    """How many processes it may have at once; 0: any."""
    cpu: float = 0.0
    """How many processors its processes may use together; 0: all."""
    scope: tuple[str, ...] = ()
    """Words to put before each command line, before those of a box, by which the kernel holds it to these caps; empty:
    only the runner does."""
    recording_max: int = 32 * 1024 * 1024
    """The recording and the log each rotate at this size, and `recording_keep` older files are kept."""
    recording_keep: int = 1
    profile: str = ""
    """The one that `argv` starts; empty for a command."""
    primary: str = ""
    """The agent's own profile, to which it goes back."""
    go_on: str = "continue"
    resumes: bool = False
    """Whether `argv` goes on from a session."""
    told: bool = True
    """Whether the program is told what to do when it starts."""
    level: str = ""
    """The permission level; empty: as the CLI is set up."""
    judged: bool = False
    """Whether an end that went well is judged by what was done, too; the exit code of a command tells all of it."""
    task: str = ""
    base_commit: str = ""
    tools: tuple[str, ...] = ()
    """The command line of the deck's tools for this agent, started for each of its processes that calls; empty: it has
    none."""
    box: tuple[str, ...] = ()
    """Words to put before each command line, so that it runs in the agent's box; empty: it has none."""
    network: Network | None = None
    """What the box reaches beside itself, where its reach is `joined`."""
    own_git: str = ""
    """The folder of what its git writes in the box; empty: it has no box."""
    own_branches: str | None = None
    """The folder of branches, without `refs/heads/`, in which it can make and move them there; None: nowhere."""
    meters: str = ""
    """The folder with what is known of the limits of accounts."""
    notice: str = ""
    """The shell line that tells a person what the agent needs; empty: nobody wants to be told."""
    chain: tuple[ChainEntry, ...] = ()
    """The profiles to fail over to and back, the agent's own first; empty: it ends when its provider fails."""
    policy: Policy = field(default_factory=Policy)
    admission: Admission | None = None
    """What must be at hand before the run begins; None: it waits for nothing."""

    def on(self, entry: ChainEntry, argv: tuple[str, ...], typed: str) -> Orders:
        """The same run with another profile."""
        return replace(
            self,
            profile=entry.profile,
            argv=argv,
            typed=typed,
            go_on=entry.go_on,
            detectors=entry.detectors,
            outcome=entry.outcome,
            reports=entry.reports,
            session_pattern=entry.session_pattern,
            transcript=entry.transcript,
            wired=entry.wired,
            box=entry.box or self.box,
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Orders:
        fields = dict(data)
        for key in ("argv", "env_unset", "setup", "tools", "box", "scope"):
            fields[key] = tuple(fields.get(key, ()))
        fields["mode"] = Mode(fields["mode"])
        if fields.get("network") is not None:
            from agentdeck.core.box.network import Network

            fields["network"] = Network.from_json(fields["network"])
        if fields.get("admission") is not None:
            from agentdeck.core.agents.admission import Admission

            fields["admission"] = Admission(**fields["admission"])
        _read_rules(fields)
        for entry in fields.get("chain", ()):
            _read_rules(entry)
            for key in ("start", "resume", "resume_last", "box"):
                entry[key] = tuple(entry.get(key, ()))
        fields["chain"] = tuple(ChainEntry(**entry) for entry in fields.get("chain", ()))
        policy = fields.get("policy", {})
        fields["policy"] = Policy(**{**policy, **({"order": tuple(policy["order"])} if "order" in policy else {})})
        return cls(**fields)


def _read_rules(fields: dict[str, Any]) -> None:
    fields["detectors"] = Detectors(**{key: tuple(value) for key, value in fields["detectors"].items()})
    fields["outcome"] = Outcome(**{key: tuple(value) for key, value in fields["outcome"].items()})
    place = fields.get("transcript", {})
    fields["transcript"] = Place(**{**place, "roots": tuple(place.get("roots", ()))})
