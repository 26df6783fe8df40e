"""Which variables of the caller an agent inherits.

What describes the person gets through: PATH, HOME, locale, keys, proxies, toolchains, and every name that is not known
here. What describes the caller does not: its terminal, multiplexer, editor, agent, git hook, unit, CI step or shell.
For those this is an allow-list: nothing in such a namespace gets through but the names it lets out, which configure a
program or log it in. `[agent] pass_env` and `drop_env` change both.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache

from agentdeck.core.frozen import dataclass

GIVEN = "AGENTDECK_GIVEN"
"""The variable of an agent that names, with a space between, what AgentDeck gave to it alone: agents that it starts
don't get these."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


@dataclass(frozen=True, slots=True)
class _Namespace:
    """Names that belong to a caller's program, and those of them that are the person's all the same. Patterns."""

    names: str
    let_out: str = ""


_LOGIN = "*_API_KEY *_TOKEN *_BASE_URL *_MODEL *_HOME *_CONFIG_DIR"
_AGENTS = (
    _Namespace("AGENTDECK_*", "AGENTDECK_TMUX_SOCKET AGENTDECK_EDITOR AGENTDECK_SSH"),
    _Namespace(
        "CLAUDECODE CLAUDE_*",
        "CLAUDE_CONFIG_DIR CLAUDE_CODE_USE_* CLAUDE_CODE_SKIP_* CLAUDE_CODE_DISABLE_* CLAUDE_CODE_ENABLE_* "
        "CLAUDE_CODE_MAX_* CLAUDE_CODE_AUTO_* CLAUDE_CODE_API_* CLAUDE_CODE_CLIENT_* CLAUDE_CODE_OAUTH_* "
        "CLAUDE_CODE_GIT_* CLAUDE_CODE_OTEL_* CLAUDE_CODE_SHELL* CLAUDE_CODE_PROXY_* CLAUDE_CODE_EFFORT_LEVEL "
        "CLAUDE_CODE_SUBAGENT_* CLAUDE_CODE_EXTRA_* CLAUDE_CODE_*_BASE_URL CLAUDE_BASH_* CLAUDE_AUTOCOMPACT_* "
        "CLAUDE_ENABLE_* CLAUDE_STREAM_*",
    ),
    _Namespace("CODEX_*", f"{_LOGIN} CODEX_*_HOME CODEX_OSS_* CODEX_CA_CERTIFICATE"),
    _Namespace("GEMINI_CLI GEMINI_CLI_*", "*_HOME GEMINI_CLI_SYSTEM_* GEMINI_CLI_TRUST* GEMINI_CLI_CUSTOM_*"),
    _Namespace("QWEN_CODE QWEN_CODE_*", f"{_LOGIN} QWEN_CODE_SYSTEM_*"),
    _Namespace(
        "OPENCODE OPENCODE_*",
        f"{_LOGIN} OPENCODE_CONFIG* OPENCODE_DB OPENCODE_DISABLE_* OPENCODE_ENABLE_* OPENCODE_EXPERIMENTAL* "
        "OPENCODE_PERMISSION OPENCODE_AUTH_* OPENCODE_MODELS_* OPENCODE_GIT_* OPENCODE_AUTO_*",
    ),
    _Namespace("CURSOR_*", f"{_LOGIN} CURSOR_API_*"),
    _Namespace("COPILOT_CLI* COPILOT_AGENT_*", "*_TOKEN"),
    _Namespace("GOOSE_TERMINAL AI_AGENT AGENT AGENT_SESSION_ID AMP_*THREAD_ID CLINE_ACTIVE ROO_ACTIVE AUGMENT_AGENT"),
)
_TERMINALS = (
    _Namespace("TERM TERMCAP TERMINFO TERM_* COLORTERM COLORFGBG COLUMNS LINES WINDOWID WINDOWPATH GPG_TTY"),
    _Namespace("LC_TERMINAL LC_TERMINAL_VERSION VTE_VERSION SSH_TTY SSH_CLIENT SSH_CONNECTION"),
    _Namespace("KITTY_* WEZTERM_* ITERM_* GHOSTTY_* ALACRITTY_* KONSOLE_* GNOME_TERMINAL_* PTYXIS_* XTERM_*"),
    _Namespace("WT_SESSION WT_PROFILE_ID TILIX_ID TERMINATOR_* GUAKE_* MINTTY_* RIO_* WAVETERM* CONEMU*"),
    _Namespace("WARP_* TABBY_*", "*_API_KEY *_TOKEN"),
    _Namespace("TMUX TMUX_* STY ZELLIJ ZELLIJ_* BYOBU_* DVTM* ABDUCO_*"),
    _Namespace("DESKTOP_STARTUP_ID XDG_ACTIVATION_TOKEN GIO_LAUNCHED_* BAMF_* CHROME_DESKTOP __CFBundleIdentifier"),
    _Namespace("XPC_SERVICE_NAME XPC_FLAGS SHELL_SESSION_*"),
)
_EDITORS = (
    _Namespace("VSCODE_* WINDSURF_* ZED_* ELECTRON_RUN_AS_NODE ELECTRON_NO_ATTACH_CONSOLE", "*_API_KEY"),
    _Namespace("NVIM NVIM_LISTEN_ADDRESS VIM VIMRUNTIME VIM_* MYVIMRC INSIDE_EMACS EMACS"),
    _Namespace("TERMINAL_EMULATOR JEDITERM_* INTELLIJ_* __INTELLIJ_* PYCHARM_HOSTED"),
)
_UNITS = (
    _Namespace("INVOCATION_ID JOURNAL_STREAM NOTIFY_SOCKET WATCHDOG_PID WATCHDOG_USEC LISTEN_PID LISTEN_FDS"),
    _Namespace("LISTEN_FDNAMES MAINPID MANAGERPID SYSTEMD_EXEC_PID MEMORY_PRESSURE_* CREDENTIALS_DIRECTORY"),
    _Namespace("GITHUB_ENV GITHUB_OUTPUT GITHUB_PATH GITHUB_STATE GITHUB_STEP_SUMMARY GITHUB_ACTION GITHUB_ACTION_*"),
    _Namespace("GITHUB_JOB GITHUB_RUN_* GITHUB_WORKFLOW* GITHUB_EVENT_* RUNNER_TEMP RUNNER_TRACKING_ID"),
    _Namespace("ACTIONS_*", "ACTIONS_ID_TOKEN_*"),
    _Namespace("CI_JOB_* CI_PIPELINE_* CI_COMMIT_* CI_RUNNER_*", "*_TOKEN"),
    _Namespace("BUILDKITE_*", "*_TOKEN"),
    _Namespace("JENKINS_*COOKIE HUDSON_*COOKIE EXECUTOR_NUMBER"),
)
_SHELLS = (
    _Namespace("_ SHLVL PWD OLDPWD INIT_CWD npm_lifecycle_* npm_package_* npm_command npm_execpath"),
    _Namespace("MAKELEVEL MFLAGS UV_RUN_RECURSION_DEPTH PYTEST_CURRENT_TEST __PYVENV_LAUNCHER__"),
    _Namespace("GIT_EXEC_PATH GIT_AUTHOR_DATE GIT_COMMITTER_DATE GIT_REFLOG_ACTION GIT_PUSH_OPTION_*"),
    _Namespace("DIRENV_*", "DIRENV_CONFIG DIRENV_LOG_FORMAT"),
)
_CALLER = (*_AGENTS, *_TERMINALS, *_EDITORS, *_UNITS, *_SHELLS)
_NAMES = " ".join(each.names for each in _CALLER)
# What `git rev-parse --local-env-vars` names, less the GIT_CONFIG_* by which people set options.
_HOOK = frozenset(
    "GIT_DIR GIT_WORK_TREE GIT_IMPLICIT_WORK_TREE GIT_INDEX_FILE GIT_PREFIX GIT_COMMON_DIR GIT_NAMESPACE "
    "GIT_GRAFT_FILE GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_QUARANTINE_PATH GIT_SHALLOW_FILE "
    "GIT_REPLACE_REF_BASE GIT_NO_REPLACE_OBJECTS GIT_INTERNAL_SUPER_PREFIX GIT_CONFIG GIT_CONFIG_PARAMETERS".split()
)


def inherited(
    caller: Mapping[str, str], *, passed: Iterable[str] = (), dropped: Iterable[str] = (), own_venv: str = ""
) -> dict[str, str]:
    """What of the `caller`'s variables an agent gets.

    The patterns `passed` let through what describes the caller; those in `dropped` hold anything back and win. What a
    parent agent was given, and what would lead git to another repository, gets through for nobody. `own_venv` is the
    virtual environment that AgentDeck itself runs in.
    """
    given, let, gone = set(caller.get(GIVEN, "").split()), " ".join(passed), " ".join(dropped)
    leaning = _leaning_on_the_caller(caller, own_venv)

    def gets_through(name: str) -> bool:
        runs_own = name.startswith("AGENTDECK_") and describes_the_caller(name)
        if runs_own or name in given or name in _HOOK or is_any(name, gone) or "\0" in caller[name]:
            return False
        return is_any(name, let) or not (name in leaning or describes_the_caller(name))

    return {name: value for name, value in caller.items() if gets_through(name)}


@cache
def describes_the_caller(name: str) -> bool:
    """Whether a variable of this name tells of the program that AgentDeck was called from, and not of the person."""
    if not is_any(name, _NAMES):  # as most
        return False
    return any(is_any(name, each.names) and not is_any(name, each.let_out) for each in _CALLER)


def _leaning_on_the_caller(caller: Mapping[str, str], own_venv: str) -> Collection[str]:
    """Names that are a person's by themselves, and that here say something of the caller."""
    found = []
    if "VSCODE_GIT_ASKPASS_MAIN" in caller:
        found.append("GIT_ASKPASS")  # an editor's script, which asks through a socket of the editor's
    if "VSCODE_IPC_HOOK_CLI" in caller and "/helpers/" in caller.get("BROWSER", ""):
        found.append("BROWSER")
    if "STY" in caller:
        found.append("WINDOW")
    if "MAKELEVEL" in caller:
        found.append("MAKEFLAGS")  # with the descriptors of that make's jobs
    if caller.get("GIT_EDITOR") == ":":
        found.append("GIT_EDITOR")  # git's, for the hooks of a commit that wants no editor
    if "GIT_INDEX_FILE" in caller and "GIT_COMMITTER_NAME" not in caller:
        found += ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL"]  # of the commit whose hook this is, which may be anybody's
    if own_venv and caller.get("VIRTUAL_ENV") == own_venv:
        found += ["VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT"]
    return found


def past_the_proxy(variables: Mapping[str, str], *, always: bool = False) -> dict[str, str]:
    """NO_PROXY in both cases, with loopback beside the person's own hosts; {} where no proxy is set, unless `always`.

    Programs differ in which of the two they read, so each gets what either says.
    """
    if not always and not any(variables.get(name) or variables.get(name.upper()) for name in _PROXIES):
        return {}
    told = [host for name in ("NO_PROXY", "no_proxy") for host in re.split(r"[,\s]+", variables.get(name, "")) if host]
    hosts = ",".join(dict.fromkeys([*told, *LOOPBACK]))
    return {"NO_PROXY": hosts, "no_proxy": hosts}


def is_any(name: str, patterns: str) -> bool:
    names, begins, ends, others = _by_kind(patterns)
    is_plain = name in names or name.startswith(begins) or name.endswith(ends)
    return is_plain or any(fnmatchcase(name, each) for each in others)


@cache
def _by_kind(patterns: str) -> tuple[frozenset[str], tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The patterns that are names, those that say how a name begins, how it ends, and the rest. Nearly all are of the
    first three kinds, and to compile them would take longer than anything else of a start."""
    names, begins, ends, others = set[str](), list[str](), list[str](), list[str]()
    for each in patterns.split():
        special = [char for char in each if char in "*?["]
        if not special:
            names.add(each)
        elif special == ["*"] and each.endswith("*"):
            begins.append(each[:-1])
        elif special == ["*"] and each.startswith("*"):
            ends.append(each[1:])
        else:
            others.append(each)
    return frozenset(names), tuple(begins), tuple(ends), tuple(others)
