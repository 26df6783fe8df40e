"""A profile: how one kind of agent CLI is started, resumed, prompted and read. Data: one TOML file a kind."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from agentdeck.core.config.behaviour import ModelBehaviour, PermissionsBehaviour, ProfileBehaviour, WiringBehaviour
from agentdeck.core.providers.apis import Api


def _is_pattern(text: str) -> str:
    try:
        re.compile(text, re.MULTILINE)
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from error
    return text


def _finds_session(text: str) -> str:
    if text and "session" not in re.compile(text).groupindex:
        raise ValueError("has no group (?P<session>…)")
    return text


def _finds_model(text: str) -> str:
    if "model" not in re.compile(text).groupindex:
        raise ValueError("has no group (?P<model>…)")
    return text


Pattern = Annotated[str, AfterValidator(_is_pattern)]
Patterns = tuple[Pattern, ...]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CommandLines(_Section):
    """Command lines for one mode, each a list of words. The words may hold `{prompt}`, `{session}` and `{settings}`."""

    prompt: Annotated[tuple[str, ...], Field(min_length=1)]
    """With a task. Where no word holds `{prompt}`, the task is typed once the program is quiet."""
    bare: tuple[str, ...] = ()
    """Without a task; empty: this mode needs one."""
    resume: tuple[str, ...] = ()
    """Going on from the session `{session}`; empty: it can't, and is started anew."""
    resume_last: tuple[str, ...] = ()
    """Going on from the last session in this folder, when the session's id is not known."""
    resume_prompt: tuple[str, ...] = ()
    """Words added when something is said on resuming."""


class ScreenPatterns(_Section):
    """Regular expressions of Python's over what the screen shows while the program runs, tried in this order: the first
    that matches gives the state. A group `(?P<reason>…)` becomes the reason shown; else it is the matched line.
    """

    waiting: Patterns = ()
    """It needs a person: a permission, a login, an answer."""
    at_limit: Patterns = ()
    """A dialog that comes up at a limit. Escape closes it where the failover decides what follows; else it is a
    question."""
    survey: Patterns = ()
    """An optional question beside its input box, which a message of one digit would answer. It is no state: such a
    message waits until the question is gone."""
    limited: Patterns = ()
    """It stands at a limit of its provider."""
    failed: Patterns = ()
    """It shows an error that it does not get over by itself."""
    working: Patterns = ()
    """It is at work, although nothing new is printed."""
    done: Patterns = ()
    """It has done what it was told, and waits for more."""


class OutcomePatterns(_Section):
    """How its end is judged, where the exit code alone does not tell: regular expressions over the last 64 KiB that it
    printed. The first that matches of `limited`, `auth`, `provider`, `failed` is what went wrong, whatever the code.
    """

    ok_codes: tuple[int, ...] = (0,)
    """The exit codes of an end that went well."""
    limited: Patterns = ()
    """Its provider limited it: it is awaited, or another profile goes on. Times in the text are understood."""
    auth: Patterns = ()
    """Its login was refused."""
    provider: Patterns = ()
    """Its provider is down or overloaded."""
    failed: Patterns = ()
    """Any other failure that its exit code hides."""
    success: Patterns = ()
    """Where there are any, an end without one of them has failed."""
    finished: Patterns = ()
    """With such an exit code: all went well, whatever else was printed."""


class AnswerKeys(_Section):
    """What to press, by tmux's names for keys, when it asks for a permission."""

    yes: tuple[str, ...] = ("Enter",)
    """To allow it."""
    no: tuple[str, ...] = ("Escape",)
    """To refuse it."""


class Dialog(_Section):
    """A dialog of the CLI's own that is no question of an agent, in a table `[[dialogs]]` for each. An option is chosen
    by moving to it on the screen, whichever is marked at first."""

    kind: Literal["trust", "risk", "login", "theme", "update", "survey"]
    """What it is about."""
    asks: Pattern
    """What the screen shows then."""
    yes: Pattern = ""
    """The option that means yes; empty: there is none, and a person has to attach."""
    no: Pattern = ""
    """The option that means no; empty: there is none."""


class Reports(_Section):
    """How the CLI itself reports what it does, through its hooks."""

    kind: Literal["none", "claude", "codex"] = "none"
    """`claude`: `{settings}` is the path of a settings file with hooks; `codex`: it is the setting `hooks=…`, or
    `notify=…` of a headless run."""
    argv: tuple[str, ...] = ()
    """Words put right after the program's name."""


class Sandbox(_Section):
    """How the CLI's own sandbox is told what a commit in the agent's worktree writes outside of it."""

    argv: tuple[str, ...] = ()
    """Words put right after the program's name; `{roots}` is the list of the folders, in JSON, with those that the
    user has opened already. Empty: it has no sandbox, or none that holds git back."""


class FolderTrust(_Section):
    """How the CLI is told for one run that it may trust a worktree. It is told so only where the user has trusted the
    main checkout in the CLI's own file; a CLI that finds that out by itself needs nothing here."""

    env: dict[str, str] = {}
    """Variables that it gets."""


class ModelChoice(ModelBehaviour, _Section):
    """How the CLI is told which model to use, and which it has. Without `argv` and `env` it can't be told."""

    argv: tuple[str, ...] = ()
    """Words put right after the program's name, with the model as `{model}`."""
    env: dict[str, str] = {}
    """Variables that it gets, with the model as `{model}`."""
    default: str = ""
    """The model of new agents, unless a tier names one; empty: the CLI's own."""
    names: tuple[str, ...] = ()
    """Names that the CLI knows, to pick from; any other can be typed."""
    lists: tuple[str, ...] = ()
    """The command that prints more of them; empty: there is none."""
    listed: Annotated[Pattern, AfterValidator(_finds_model)] = r"^(?P<model>\S+)$"
    """Finds each in what that prints, as the group `model`."""
    provider: str = ""
    """The provider whose list of models is asked for more of them, where its key is set here."""
    address: str = ""
    """The variable with the provider's address, where the CLI heeds one."""


class Login(_Section):
    """How AgentDeck can tell that the CLI has no login, so that it can say so before a start. Empty: it can't."""

    how: str = ""
    """How a person logs in, in a few words."""
    variables: tuple[str, ...] = ()
    """Variables one of which is enough, as patterns such as `ANTHROPIC_*`."""
    paths: tuple[str, ...] = ()
    """Files one of which is enough, such as `$CODEX_HOME/auth.json`; one whose variable is not set is not meant."""


class AccountSupport(_Section):
    """How the CLI is run with another login than its usual one: see `[accounts.NAME]` of the configuration."""

    folder: str = ""
    """The variable that names the folder with its login, settings and sessions; empty: it can't have several."""
    home: str = ""
    """That folder where the variable is not set, such as `~/.codex`."""
    key: str = ""
    """The variable from which it takes an API key."""
    login: tuple[str, ...] = ()
    """The command by which a person logs in."""
    check: tuple[str, ...] = ()
    """The command that exits with 0 where it has a login."""
    links: tuple[str, ...] = ()
    """What each account shares with the usual one: settings in that folder, never a login."""
    sessions: Literal["", "accounts", "all"] = ""
    """Where a session goes on once its transcript is there: with another of the `accounts`, or with `all` that serve
    the CLI, a tier too; empty: nowhere."""
    export: tuple[str, ...] = ()
    """Where the transcript is no file to copy: the command that prints the session `{session}`."""
    imports: Annotated[tuple[str, ...], Field(alias="import")] = ()
    """The command that takes such a session from `{file}`."""


class Preamble(_Section):
    """How the CLI is told where it works: its worktree, ports and database, and how to commit. `agent.preamble` of the
    configuration is the text."""

    argv: tuple[str, ...] = ()
    """Words put right after the program's name, with the text as `{preamble}` or, quoted as in JSON, as `{quoted}`.
    Empty: it is not told."""
    files: dict[str, str] = {}
    """Files that are written for the agent, outside of its worktree and not in a box, with the text as above;
    `{folder}` in them, in `argv` and in `env` is the folder that they are in."""
    env: dict[str, str] = {}
    """Variables that lead the CLI to them, where the user has not set them already."""
    sandbox: str = ""
    """What its sandbox holds back, told as well on its own level and on `edit`."""
    no_commits: str = ""
    """The same where it can't commit in its worktree."""


class DeckTools(_Section):
    """How the CLI is told of the deck's tools, an MCP server, where `mcp.agents` of the configuration is on."""

    argv: tuple[str, ...] = ()
    """Words put right after the program's name: `{command}` is the server's program, quoted as in JSON, and `{args}`
    the list of its words. Empty: it is not told."""


class BoxFiles(_Section):
    """What the CLI needs in a box beside its program, where its home is another one. Paths begin with `~/`."""

    copies: Annotated[tuple[str, ...], Field(alias="copy")] = ()
    """Settings, which are copied once."""
    share: tuple[str, ...] = ()
    """Logins: the person's own file, so that one that is refreshed is not lost."""
    unset: tuple[str, ...] = ()
    """Variables by which it would look elsewhere."""
    domains: tuple[str, ...] = ()
    """What it connects to with its own login."""


class Grant(_Section):
    """What the CLI is told on one level."""

    argv: tuple[str, ...] = ()
    """Words put right after the program's name."""
    command_argv: tuple[str, ...] = ()
    """More words for each command that it may run: `{command}` is the command, `{program}` its first word."""
    env: dict[str, str] = {}
    """Variables that it gets; `{rules}` is `"COMMAND*":"allow",` for each of those commands."""
    settings: dict[str, Any] = {}
    """Keys of the settings file that `reports.kind` writes."""


class Permissions(PermissionsBehaviour, _Section):
    """The levels of permission, `ask`, `edit` and `all`, in the CLI's own words; it has none that is missing."""

    level: Literal["", "ask", "edit", "all"] = ""
    """The level of new agents; empty: that of the configuration."""
    unattended: Literal["works", "refuses"] = "works"
    """What it does on its own level where nobody can answer: whether it refuses what it would ask for."""
    ask: Grant | None = None
    edit: Grant | None = None
    all: Grant | None = None


TranscriptFormat = Literal["claude", "codex", "copilot", "gemini", "opencode", "qwen"]


class Transcript(_Section):
    """Where the CLI keeps the transcripts of its sessions, and in which format."""

    format: TranscriptFormat
    """Which reader reads them."""
    roots: Annotated[tuple[str, ...], Field(min_length=1)]
    """Folders that it keeps them in, such as `$CODEX_HOME` and `~/.codex`; the first whose variable is set is meant."""
    files: str
    """A pattern of files below that: the transcript of the session `{session}`. `{slug}` is the agent's folder with `-`
    for all but letters and digits."""
    newest: str = ""
    """The transcripts of which the newest that names the agent's folder is meant, until the session is known."""
    subagents: str = ""
    """The transcripts of sub-agents, beside that of the session; `{stem}` is its name without the suffix."""
    folder_in: str = ""
    """The file, as seen from the transcript, that names the agent's folder, where the transcript does not."""
    prints: TranscriptFormat | Literal[""] = ""
    """The format of what a headless run prints; empty: text."""


class GatewayWiring(WiringBehaviour, _Section):
    """How the CLI is pointed at the gateway, by the means that it honours.

    `{base_url}` is the agent's own address there, `{plain_url}` the same without its token, `{token}` the token,
    `{model}` the first model of the tier, and `{files}` the folder of the profiles that come with AgentDeck.
    """

    api: Api
    """The format that the CLI speaks."""
    env: dict[str, str] = {}
    """Variables that it gets."""
    keyed_env: dict[str, str] = {}
    """More variables where no provider gets the user's own login: most CLIs want to see some key, and any will do."""
    keyed_unset: tuple[str, ...] = ()
    """Variables with the user's own login, which then go nowhere."""
    argv: tuple[tuple[str, ...], ...] = ()
    """Words put right after the program's name; those with `{model}` are left out where the tier names none."""
    login_argv: tuple[tuple[str, ...], ...] = ()
    """More words where a provider gets the user's own login."""


class Profile(ProfileBehaviour, _Section):
    name: str
    """What the file is called; it is not written in it."""
    title: str
    """What a person calls the CLI."""
    command: str
    """The program to look up in PATH."""
    install: str
    """The one command that installs it."""
    interactive: CommandLines | None = None
    headless: CommandLines | None = None
    env: dict[str, str] = {}
    """Variables that the agent gets."""
    env_unset: tuple[str, ...] = ()
    """Variables of the caller's that it does not get."""
    leaves: tuple[str, ...] = ()
    """Files that it leaves in its worktree, as patterns of git's; they are put into `.git/info/exclude`."""
    screen: ScreenPatterns = ScreenPatterns()
    ended: OutcomePatterns = Field(default=OutcomePatterns(), alias="outcome")
    answer: AnswerKeys = AnswerKeys()
    dialogs: tuple[Dialog, ...] = ()
    """Dialogs of the CLI itself, such as “trust this folder?”, and how to answer them."""
    reports: Reports = Reports()
    files: Literal["", "claude", "codex", "gemini"] = ""
    """Whose own files say what it may do and which folders it may write; empty: they are not read."""
    trust: FolderTrust = FolderTrust()
    model: ModelChoice = ModelChoice()
    login: Login = Login()
    account: AccountSupport = AccountSupport()
    preamble: Preamble = Preamble()
    permission: Permissions = Permissions()
    sandbox: Sandbox = Sandbox()
    tools: DeckTools = DeckTools()
    box: BoxFiles = BoxFiles()
    transcript: Transcript | None = None
    """None: the log is what a terminal would have kept."""
    gateway: GatewayWiring | None = None
    """None: the CLI can't be pointed at the gateway."""
    judged: bool = True
    """Whether an end with exit code 0 is judged by what was done, too."""
    session_pattern: Annotated[Pattern, AfterValidator(_finds_session)] = ""
    """Finds the session's id in the output, as the group `session`."""
    go_on: str = "continue"
    """What is typed to it when a limit is over that it waits at."""
