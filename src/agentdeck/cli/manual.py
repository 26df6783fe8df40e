"""The long part of each verb's help: examples, and what the options' lines can't say."""

from __future__ import annotations

ABOUT = """\
Run several coding agents on one repository, each in a world of its own.
Without a verb it opens the dashboard.
"""

PROGRAM = """\
examples:
  agentdeck                                        the dashboard
  agentdeck run "Fix the login form" -a claude     start an agent and wait for it
  agentdeck run -d "Write the tests" -n tests      start one and come back at once
  agentdeck run -- ./bot.sh --fast                 any command as the agent
  agentdeck run -f tasks.toml --jobs 4             many, in their order
  agentdeck ls; agentdeck logs -f tests            see how they fare

Data goes to standard output, narration to standard error. --json prints JSON instead
of text (docs/json.md). “agentdeck VERB --help” says more about a verb.

exit codes:
  0 done            1 failed           2 usage            3 not found
  4 refused         5 program missing  70 a bug           75 provider's limit, try later
  77 not approved, see “agentdeck trust --help”           78 configuration
  124 timed out     130 interrupted    141 the reader went away

environment:
  NO_COLOR               no colours
  COLUMNS                width of tables
  XDG_CONFIG_HOME        where agentdeck/config.toml lies (default ~/.config)
  AGENTDECK_TMUX_SOCKET  another private tmux server than “agentdeck”
"""

RUN = """\
The agent gets a worktree, a branch, ports, a database and a tmux window of its own.
run prints its name, tells on standard error what happens, and exits as the agent
ends: 0 done, 1 failed, 124 timed out, 130 stopped, 75 given up on a provider's limit.

SIGINT (Ctrl-C) and SIGTERM stop the agent (INT, TERM, then KILL) and exit with 130; a
second one leaves at once. When the terminal is closed (SIGHUP) the agent goes on; so it
does with -d. A call that found its --id in use only waits, and stops nothing.

The agent begins in the folder that you are in, as it is in its own worktree: in a
sub-folder of the repository it begins in that one; --top makes it the repository's top.
Hooks and the gate run at the top.

Without a terminal (cron, CI) a run that waits is --headless; otherwise the agent shows
its own screen, to be seen with “agentdeck attach”.

TIME is 90, 90s, 15m, 2h or 1h30m.

A file of tasks:
  [[task]]
  name = "parser"
  task = "Write the parser"        # or file = "parser.md", or command = ["./bot.sh"]
  [[task]]
  name = "docs"
  task = "Document the parser"
  after = ["parser"]               # starts when these are done
  agent = "codex"                  # also: branch, base, tier, timeout, env, id

With -f, run exits with 0 when all are done, with their code when all that were not
agree, and else with 1.

examples:
  agentdeck run "Fix the login form"
  agentdeck run -d -n login -b fix/login --base develop --task-file login.md
  echo "Update the copyright year" | agentdeck run --timeout 15m -
  agentdeck run --id nightly-$(date +%F) "Upgrade the dependencies"
  agentdeck run -n bot -- ./bot.sh --fast
  agentdeck run -f tasks.toml --jobs 4
"""

LS = """\
The states: starting, working, waiting (needs a person), limited (backs off from a
provider's limit), done, failed, stopped, landed.
"""

SHOW = """\
examples:
  agentdeck show login
  agentdeck show --screen login        what its terminal shows now
  agentdeck show --failovers login     what was done while another provider served it
"""

LOGS = """\
The log of the agent's last run, one line of its output a line, escape sequences
stripped. --raw prints the recording byte for byte, wherever it goes: on a terminal its
escape sequences act, so read it there only if you trust the agent.

TIME is how long ago (90s, 10m, 2h) or when (2026-01-31, 2026-01-31T14:30). PATTERN is a
regular expression of Python's.

examples:
  agentdeck logs -f login
  agentdeck logs --since 10m --grep 'error|failed' login
"""

ATTACH = """\
Detach with the keys C-b d; the agent goes on. With --json nothing is attached: the
command that would attach is printed.
"""

SEND = """\
Text arrives as one paste, then Enter is pressed. KEYS are tmux's names, one or more:
Enter, Escape, C-c, Up, Tab, y. They are pressed after the text.

examples:
  agentdeck send login "Use the existing helper"
  agentdeck send login --keys "Down Enter"
  agentdeck send login --file answer.md
  agentdeck send login --no-enter "/mod"
"""

STOP = """\
The agent's whole process tree gets INT, then TERM, then KILL. Its worktree, branch and
leases stay; “agentdeck resume” starts it again.
"""

RESUME = """\
Starts an agent that has ended, in its worktree, and from its session where its program
can. It comes back at once, as run -d does; --wait waits, as run does.

examples:
  agentdeck resume login
  agentdeck resume --wait login "The tests still fail; go on."
"""

FAILOVER = """\
Ends what runs (INT, TERM, KILL) and lets another profile take over in the same worktree,
with a brief of the task and of what was done. An agent that has ended is started again.
By itself this happens when a provider limits the agent, is down or refuses its login,
and profiles are listed:

  [agent]
  failover = ["claude", "codex", "aider"]    # or: agentdeck run --failover codex,aider …

The agent's own profile comes first. [failover] says how patient it is, and when it goes
back; “agentdeck show NAME” tells what was done.

examples:
  agentdeck failover login
  agentdeck failover login --to codex
  agentdeck failover login --back
"""

DIFF = """\
All that the agent changed since its base, committed or not.
"""

RM = """\
Before anything is removed, the worktree (with what is not committed) and the branch's
tip are saved in the trash, and the database is dumped. Worktrees and clones inside it are
saved too. Where something can't be saved, or is still being written, nothing is changed.
What lies in the worktree's place and is not the worktree, such as a link, is left as it is.
On a terminal it asks first. Names have to be whole. Only branches that AgentDeck or the
agent made are deleted.
rm says which files that git ignores are not saved; trash.ignored = true saves them.

examples:
  agentdeck rm login
  agentdeck rm --stop --keep-branch login tests
"""

RADAR = """\
What each agent has done, committed or not, is merged with every other's and with its
base, in memory: · clean, ~ touches the same files, ✗ conflicts. Below the matrix are the
files and lines, and the order to land in with the fewest conflicts. Lines are counted in
the file of the agent that is named first. NAMES are compared with all others.

examples:
  agentdeck radar
  agentdeck radar login tests
  agentdeck radar --watch
"""

MERGE = """\
Each agent's work (what HEAD of its worktree is on) is merged with its base. The gate's
commands run on the result in a worktree with ports and a database of its own (“agentdeck
logs -f gate-NAME” shows it). Then the base moves, and its checkout with it. Several names land in their order,
each on top of the one before; one that conflicts or fails is set aside with its reason.
Nothing is changed for those: they are neither stopped nor their work committed.
--batch tests all together, once. --dry-run tells what the same command would do; it
runs neither the gate nor the hooks of a commit.

The gate is [landing] gate in agentdeck.toml, or what --gate says. Exits with 0 when all
landed, 4 when something stood in the way, 1 when a gate failed or an agent that was
asked to did not resolve its conflict.

Work that changes what agentdeck.toml runs, reaches or loosens needs a person: merge shows
the change and asks at a terminal; elsewhere --accept-config lands it. The landing itself
uses the approved configuration, and the new one waits for “agentdeck trust”.

examples:
  agentdeck merge login
  agentdeck merge --squash --gate "make test" --remove login
  agentdeck merge --all --batch                every agent that is done
  agentdeck merge --dry-run --commit login tests docs
  agentdeck merge --resolve login              resolve a conflict yourself
  agentdeck merge --hand-back login            let the agent do it
"""

UNDO = """\
Brings back removed agents with their worktree, branch, index, changes and database, and
moves a base branch back that nobody has built on since. Where somebody has, agents that
the landing removed come back all the same. An undo is a step too.

examples:
  agentdeck undo                the latest removal, landing or prune
  agentdeck undo --list
  agentdeck undo --step 12
"""

PRUNE = """\
Agents that landed, branches of theirs that are merged (also by squash or rebase), git's
records of worktrees that are gone, ports, databases, windows and files without an agent,
and logs and trash older than [trash] keep_days. It lists them, and asks.
"""

PULL = """\
Fast-forwards the branch and its checkout. One that has commits of its own is refused.
"""

PR = """\
Pushes the agent's branch and opens the pull request with gh or glab: the one that the
remote's host needs. --with names it where the host's name does not tell. Nothing is
pushed before the program is there and logged in.
"""

PORTS = """\
The ports of all of this user's agents, in all repositories.
"""

GATEWAY = """\
The gateway is a process on this machine that agents with a --tier talk to in place of
their provider. It tries the providers of the tier in their order, goes on to the next
when one fails, comes back when it recovers, and writes down what each request cost. It
is shared by all repositories and starts by itself with the first agent that needs it.

check sends one tiny request to each provider of each tier, and exits with 1 when one
does not answer. metrics prints its counters as Prometheus reads them, for the textfile
collector of its node exporter.

examples:
  agentdeck gateway                    whether it runs, and how the providers fare
  agentdeck gateway check
"""

MODELS = """\
Asks each model server of this machine (Ollama, vLLM, llama.cpp, LM Studio, and those of
[providers] with local = true) what it offers, and for one short completion.

serve loads a GGUF file with llama.cpp (pip install xllamacpp) in a tmux window;
the tier “local” then uses it.

examples:
  agentdeck models
  agentdeck models serve ~/models/coder.gguf
  agentdeck models stop
"""

SPEND = """\
From the gateway's own books, and for agents that go past it from what Claude Code and
Codex report at the end of a headless run. Prices are the published ones, or those of
[providers.NAME] prices. TIME is how long ago (7d, 12h) or a date.

examples:
  agentdeck spend --since 7d
  agentdeck spend --by day --csv > spend.csv
"""

TRUST = """\
A repository's agentdeck.toml can run commands, name servers and files, and loosen rules.
AgentDeck uses those parts once you have approved their content, and asks again when it
changes. The approval is kept in your own state folder, not in the repository; a copy or
a moved repository asks again. ls, show, logs, diff, radar, config and doctor work
without it, and so do stop, send and attach; any other verb asks at a terminal, and
exits with 77 without one.

--yes is for scripts. [trust] roots in your own ~/.config/agentdeck/config.toml names
folders whose repositories you always trust. An agent can't approve anything.

It does not cover what agents and commands run by themselves: Makefile, package.json,
AGENTS.md, the project settings of the agents' own programs.

examples:
  agentdeck trust
  agentdeck trust --show
  agentdeck trust --yes
"""

CONFIG = """\
Each value with where it comes from: agentdeck.toml at the repository's root goes over
~/.config/agentdeck/config.toml, which goes over the defaults.
"""

DOCTOR = """\
What is missing on this machine and what is not as it should be, each with what to do.
Exits with 1 when something that is needed is wrong; – marks what is optional.
"""

VERSION = ""

COMPLETION = """\
bash:  echo 'eval "$(agentdeck completion bash)"' >> ~/.bashrc
zsh:   echo 'eval "$(agentdeck completion zsh)"' >> ~/.zshrc       (after compinit)
fish:  agentdeck completion fish > ~/.config/fish/completions/agentdeck.fish
"""
