"""What an agent inherits: everything of the person's, nothing of the program that AgentDeck was called from."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.agents.inheritance import GIVEN, LOOPBACK, describes_the_caller, inherited, past_the_proxy

PERSON = """
PATH HOME USER LOGNAME SHELL LANG LANGUAGE LC_ALL LC_CTYPE LC_TIME TZ SSH_AUTH_SOCK XDG_CONFIG_HOME XDG_RUNTIME_DIR
DISPLAY
WAYLAND_DISPLAY DBUS_SESSION_BUS_ADDRESS EDITOR VISUAL PAGER BROWSER NO_COLOR LS_COLORS CI MYAPP_SETTING DATABASE_URL
ANTHROPIC_API_KEY ANTHROPIC_AUTH_TOKEN ANTHROPIC_BASE_URL ANTHROPIC_MODEL OPENAI_API_KEY OPENAI_BASE_URL GEMINI_API_KEY
GEMINI_MODEL GOOGLE_APPLICATION_CREDENTIALS AWS_PROFILE AWS_SESSION_TOKEN GITHUB_TOKEN GH_TOKEN GITLAB_TOKEN NPM_TOKEN
CLAUDE_CONFIG_DIR CLAUDE_CODE_OAUTH_TOKEN CLAUDE_CODE_USE_BEDROCK CLAUDE_CODE_MAX_OUTPUT_TOKENS
CLAUDE_CODE_SUBAGENT_MODEL
CODEX_HOME CODEX_API_KEY CODEX_SQLITE_HOME GEMINI_CLI_HOME GEMINI_CLI_TRUST_WORKSPACE QWEN_HOME OPENCODE_CONFIG
OPENCODE_CONFIG_CONTENT OPENCODE_AUTH_CONTENT OPENCODE_DB CURSOR_API_KEY CURSOR_CONFIG_DIR COPILOT_GITHUB_TOKEN
COPILOT_HOME
AIDER_MODEL GOOSE_PROVIDER GOOSE_PATH_ROOT AGENTDECK_TMUX_SOCKET AGENTDECK_EDITOR HTTP_PROXY https_proxy NO_PROXY
SSL_CERT_FILE JAVA_HOME GOPATH CARGO_HOME RUSTFLAGS NODE_OPTIONS NVM_DIR PYTHONPATH VIRTUAL_ENV CONDA_PREFIX MAKEFLAGS
GIT_SSH_COMMAND GIT_AUTHOR_NAME GIT_CONFIG_GLOBAL GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_TRACE GIT_ASKPASS TERMINFO_DIRS
ELECTRON_MIRROR npm_config_registry AGENT_NAME WINDOW NVIM_APPNAME
""".split()
CALLER = """
TERM TERM_PROGRAM TERM_PROGRAM_VERSION TERM_SESSION_ID TERMINFO COLORTERM COLORFGBG WINDOWID LINES COLUMNS VTE_VERSION
KITTY_WINDOW_ID KITTY_LISTEN_ON WEZTERM_PANE ITERM_SESSION_ID ITERM_PROFILE LC_TERMINAL GHOSTTY_RESOURCES_DIR
ALACRITTY_WINDOW_ID KONSOLE_DBUS_SESSION WT_SESSION GNOME_TERMINAL_SCREEN GPG_TTY SSH_TTY SSH_CONNECTION
TMUX TMUX_PANE TMUX_TMPDIR TMUX_PLUGIN_MANAGER_PATH STY ZELLIJ ZELLIJ_SESSION_NAME ZELLIJ_PANE_ID
VSCODE_PID VSCODE_IPC_HOOK_CLI VSCODE_INJECTION CURSOR_TRACE_ID CURSOR_AGENT ZED_TERM NVIM NVIM_LISTEN_ADDRESS
VIMRUNTIME
INSIDE_EMACS TERMINAL_EMULATOR ELECTRON_RUN_AS_NODE
CLAUDECODE CLAUDE_CODE_ENTRYPOINT CLAUDE_CODE_SSE_PORT CLAUDE_CODE_SESSION_ID CLAUDE_CODE_SESSION_ACCESS_TOKEN
CLAUDE_PROJECT_DIR CLAUDE_ENV_FILE CODEX_THREAD_ID CODEX_SANDBOX CODEX_SANDBOX_NETWORK_DISABLED CODEX_CI GEMINI_CLI
GEMINI_CLI_IDE_SERVER_PORT GEMINI_CLI_IDE_AUTH_TOKEN QWEN_CODE OPENCODE OPENCODE_PID OPENCODE_CLIENT COPILOT_CLI
GOOSE_TERMINAL AI_AGENT AGENT
AGENTDECK_RUN AGENTDECK_AGENT AGENTDECK_TOKEN AGENTDECK_WORKTREE AGENTDECK_TIER AGENTDECK_FAILOVER_VARIABLES
INVOCATION_ID JOURNAL_STREAM NOTIFY_SOCKET LISTEN_FDS GITHUB_ENV GITHUB_OUTPUT GITHUB_STEP_SUMMARY RUNNER_TRACKING_ID
CI_JOB_ID BUILDKITE_JOB_ID JENKINS_SERVER_COOKIE SHLVL PWD OLDPWD _ npm_lifecycle_event MAKELEVEL DIRENV_DIFF
GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_PREFIX GIT_EXEC_PATH GIT_AUTHOR_DATE GIT_REFLOG_ACTION
""".split()
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
values = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@pytest.mark.parametrize("name", PERSON)
def test_what_is_the_persons_gets_through_as_it_is(name: str) -> None:
    assert inherited({name: "x y"}) == {name: "x y"}


@pytest.mark.parametrize("name", CALLER)
def test_what_tells_of_the_caller_does_not(name: str) -> None:
    assert inherited({name: "x", "PATH": "/bin"}) == {"PATH": "/bin"}


def test_the_author_and_the_editor_of_a_commit_stay_with_its_hook() -> None:
    hook = {"GIT_INDEX_FILE": "x", "GIT_EDITOR": ":", "GIT_AUTHOR_NAME": "Other", "GIT_AUTHOR_EMAIL": "other@x"}
    assert inherited(hook) == {}
    own = {"GIT_AUTHOR_NAME": "Me", "GIT_AUTHOR_EMAIL": "me@x", "GIT_EDITOR": "vi"}
    assert inherited(own) == own
    whole = own | {"GIT_COMMITTER_NAME": "Me", "GIT_COMMITTER_EMAIL": "me@x"}
    assert inherited(whole | {"GIT_INDEX_FILE": "x"}) == whole


def test_no_variable_by_which_git_finds_a_repository_gets_through() -> None:
    told = subprocess.run(["git", "rev-parse", "--local-env-vars"], capture_output=True, text=True, check=True)
    led = set(told.stdout.split()) - {"GIT_CONFIG_COUNT"}  # an option that people set, not a place
    assert inherited(dict.fromkeys(led, "x"), passed=["*"]) == {}


@given(st.dictionaries(st.one_of(names, st.sampled_from(PERSON + CALLER)), values))
def test_what_gets_through_is_a_part_of_the_callers_and_of_nobody_elses(caller: dict[str, str]) -> None:
    found = inherited(caller)
    assert found.items() <= caller.items()
    assert not [name for name in found if describes_the_caller(name)]
    assert inherited(found) == found


@given(st.dictionaries(names, values), st.sets(st.sampled_from(["PORT", "TMPDIR", "ANTHROPIC_BASE_URL", "OWN"])))
def test_what_a_parent_agent_was_given_gets_through_for_nobody(caller: dict[str, str], own: set[str]) -> None:
    whole = {**caller, **dict.fromkeys(own, "the parent's"), GIVEN: " ".join(sorted(own)), "AGENTDECK_RUN": "r"}
    found = inherited(whole, passed=["*"])
    assert not own & found.keys()
    assert "AGENTDECK_RUN" not in found
    assert GIVEN not in found


@given(st.dictionaries(st.one_of(names, st.sampled_from(CALLER)), values, min_size=1), st.data())
def test_patterns_let_through_and_hold_back_and_holding_back_wins(caller: dict[str, str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(caller)))
    if not name.startswith(("GIT_", "AGENTDECK_")):
        assert inherited(caller, passed=[name])[name] == caller[name]
        assert inherited(caller, passed=[name[:-1] + "?"])[name] == caller[name]
    assert name not in inherited(caller, passed=["*"], dropped=[name])
    assert inherited(caller, dropped=["*"]) == {}


@pytest.mark.parametrize(
    ("caller", "gone"),
    [
        ({"VIRTUAL_ENV": "/opt/own", "VIRTUAL_ENV_PROMPT": "own"}, {"VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT"}),
        ({"VIRTUAL_ENV": "/home/me/.venv"}, set()),
        ({"MAKELEVEL": "1", "MAKEFLAGS": " -j8 --jobserver-auth=3,4"}, {"MAKELEVEL", "MAKEFLAGS"}),
        ({"VSCODE_GIT_ASKPASS_MAIN": "/x", "GIT_ASKPASS": "/x"}, {"VSCODE_GIT_ASKPASS_MAIN", "GIT_ASKPASS"}),
        ({"STY": "1.a", "WINDOW": "0"}, {"STY", "WINDOW"}),
    ],
)
def test_a_persons_names_with_something_of_the_callers_in_them(caller: dict[str, str], gone: set[str]) -> None:
    assert inherited(caller, own_venv="/opt/own").keys() == caller.keys() - gone


hosts = st.lists(st.from_regex(r"[a-z0-9.*:]{1,12}", fullmatch=True), max_size=4)


@given(hosts, hosts, st.sampled_from(["HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]))
def test_loopback_goes_past_every_proxy_beside_the_persons_own_hosts(
    upper: list[str], lower: list[str], proxy: str
) -> None:
    told = {proxy: "http://proxy:3128", "NO_PROXY": ",".join(upper), "no_proxy": " , ".join(lower)}
    found = past_the_proxy(told)
    assert found["NO_PROXY"] == found["no_proxy"]
    assert set(found["NO_PROXY"].split(",")) == {*upper, *lower, *LOOPBACK}
    assert past_the_proxy(told | found) == found


def test_without_a_proxy_nothing_is_set() -> None:
    assert past_the_proxy({"NO_PROXY": "a", "HTTP_PROXY": ""}) == {}
    assert past_the_proxy({}, always=True)["no_proxy"] == ",".join(LOOPBACK)
