"""The long part of each verb's help: what the option lines can't say, and examples. At most 80 columns wide."""

from __future__ import annotations

ABOUT = """\
Run several coding agents on one repository, each in its own isolated worktree.
Without a verb, open the dashboard.
"""

PROGRAM = """\
examples:
  agentdeck                                      open the dashboard
  agentdeck run "Fix the login form" -a claude   start an agent and wait for it
  agentdeck run -d "Write the tests" -n tests    start one in the background
  agentdeck run -- ./bot.sh --fast               use any command as the agent
  agentdeck run -f tasks.toml --jobs 4           run a file of tasks
  agentdeck run --on dev1 "Fix the parser"       run one on another machine
  agentdeck ls; agentdeck logs -f tests          check on them

Data goes to standard output, progress to standard error. --json prints JSON
instead of text (docs/json.md). “agentdeck VERB --help” explains a verb.

exit codes:
  0 done            1 failed           2 invalid command line
  3 not found       4 refused          5 program missing
  6 done, nothing changed              7 done, uncommitted
  8 denied a tool   9 ended with a question
  70 a bug          75 provider limit reached, try later
  77 not approved, see “agentdeck trust --help”
  78 configuration error               124 timed out
  130 interrupted   141 output pipe closed

environment:
  NO_COLOR               turn colours off
  COLUMNS                width of tables
  XDG_CONFIG_HOME        folder of agentdeck/config.toml (default ~/.config)
  AGENTDECK_SSH          the ssh to call for other hosts, with options
  AGENTDECK_TMUX_SOCKET  name of the private tmux server (default “agentdeck”)
"""

RUN = """\
The agent gets its own worktree, branch, ports, database and tmux window. run
prints its name, reports progress on standard error and exits when the agent
ends: 0 done, 6 done with nothing changed, 7 done with uncommitted changes,
1 failed, 8 denied a tool, 9 ended with a question, 124 timed out, 130 stopped,
75 provider limit reached.

Ctrl-C (SIGINT) and SIGTERM stop the agent (INT, TERM, then KILL) and exit with
130; a second one exits at once. When the terminal closes (SIGHUP), the agent
keeps running, as with -d. If the --id is in use, run waits for that agent;
Ctrl-C won't stop it.

The agent starts in the same folder as you, inside its own worktree: from a
sub-folder of the repository it starts in that sub-folder; --top starts it at
the top of the repository. Hooks and the gate run at the top.

Without a terminal (cron, CI), a run that waits is --headless. Otherwise the
agent shows its own screen: “agentdeck attach” opens it.

--permission ask: the agent asks before it changes anything. edit: it edits
files in its worktree, commits, and runs the commands of the gate and of
agent.commands. all: it never asks. It needs --box full; where it is to do
anything that you can, give this option twice, and --no-box where a box could be
had. By default its CLI's own settings apply. A headless agent can't ask, so it
needs edit.

--box files: the agent sees the machine's programs, its worktree and the git
folder, and none of your other files. It can change its worktree and its own
branch, nothing else. --box full: it also reaches nothing of the network but its
own ports and database, the gateway, and the names in [box] allow_domains; the
gateway logs it in. Linux only; “agentdeck doctor” says whether it works here.

An agent waits to begin while the machine has no room: see [queue] in the
configuration for memory, load, disk and the number of agents at work. ls says
what it waits for; first come, first served. --now, or later “agentdeck queue
--now NAME”, begins it at once.

--issue 123: the task is that issue, read with gh or glab, with the comments of
people who may push; all of it is quoted as data. It starts once for each issue,
and its commit says “Closes: #123”.

--race claude,codex,claude@deep: each of these does the task, all from the same
commit; see “agentdeck race --help”. --land best lands the first of them.

TIME is 90, 90s, 15m, 2h or 1h30m.

A task file:
  [[task]]
  name = "parser"
  task = "Write the parser"     # or file = "parser.md", command = ["./bot.sh"]
  [[task]]
  name = "docs"
  task = "Document the parser"
  after = ["parser"]            # start when these are done
  agent = "codex"
  # also: branch, base, tier, model, permission, box, timeout, env, id,
  # on, needs, if_lost

With -f and -d, a window of its own starts the tasks: no terminal has to stay
open, hosts that don't answer are waited for, and after a restart the next verb
lets it go on. Nothing starts twice. “agentdeck queue” shows how they stand.

if_lost = "wait", "fail after 30m" or "restart after 10m" says what happens when
the host of a task stops answering; “restart” starts it again on another host.

With -f, run exits with 0 when all tasks are done. Otherwise it exits with the
code shared by the tasks that failed or could not start, or with 1 if their
codes differ.

examples:
  agentdeck run -d --issue 123
  agentdeck run --race claude,codex,claude@deep "Fix the login form"
  agentdeck run --race claude,codex --land best --metric 'make bench' "Speed up"
  agentdeck run "Fix the login form"
  agentdeck run -d -n login -b fix/login --base develop --task-file login.md
  echo "Update the copyright year" | agentdeck run --timeout 15m -
  agentdeck run --id nightly-$(date +%F) "Upgrade the dependencies"
  agentdeck run -n bot -- ./bot.sh --fast
  agentdeck run -f tasks.toml --jobs 4
"""

LS = """\
States: starting, working, waiting (needs a person), limited (waiting for a
provider limit to end), done, failed, stopped, landed.

examples:
  agentdeck ls
  agentdeck ls --json
"""

SHOW = """\
examples:
  agentdeck show login
  agentdeck show --screen login      print its terminal's current screen
  agentdeck show --failovers login   list the commits made on a backup provider
"""

LOGS = """\
Print the log of the agent's last run: what was said, each tool with its
arguments and its result, denials and errors, from the transcript that the CLI
writes. A program without one has the lines that scrolled off its screen, and
those on it. --raw prints the recording byte for byte. On a terminal its escape
sequences take effect, so use --raw there only if you trust the agent.
--network prints what its full box let out to the network and refused.

TIME is an age (90s, 10m, 2h) or a date (2026-01-31, 2026-01-31T14:30).
PATTERN is a Python regular expression.

examples:
  agentdeck logs -f login
  agentdeck logs --since 10m --grep 'error|failed' login
"""

ATTACH = """\
Press F12, or C-b d, to detach; the agent keeps running. F11 shows its changes
over the screen. With --json, attach only prints the command that would attach.

examples:
  agentdeck attach login
"""

GRID = """\
For a second monitor: each agent's own terminal, live. Keys go to the one that
you are in. Those that wait for you come first. An agent that starts gets a
place, and one that ends gives its place up. With NAMEs only those are shown.

Go to another one with the mouse, or with C-b and an arrow. C-b z zooms. Press
F12, or C-b d, to leave; the agents keep running. With --json, grid only prints
who would be shown.

examples:
  agentdeck grid
  agentdeck grid login search
"""

SEND = """\
An agent that works gets the text when it is idle; --now types it at once. send
exits when the agent has begun to work on the text, or when the text waits. An
agent that asks something gets no text: “agentdeck answer” answers it.

KEYS are one or more of tmux's key names: Enter, Escape, C-c, Up, Tab, y. They
are pressed at once, after the text.

examples:
  agentdeck send login "Use the existing helper"
  agentdeck send login --keys "Down Enter"
  agentdeck send login --file answer.md
  agentdeck send login --no-enter "/mod"
"""

MESSAGES = """\
Messages wait while an agent works, or while a person types at its terminal, and
are given to it one by one when it is idle. One that was typed but began no turn
is kept: look at the agent's screen, then send it --again or delete it with
--take-back. In the dashboard, type an empty message to the agent to do the
same.

examples:
  agentdeck messages
  agentdeck messages login --take-back 2
  agentdeck messages login --again 1
"""

ASKS = """\
One row for each question that waits for a person, with its options and what it
is about. --queue lists what the agents of your batches in Temporal ask; it
works on any machine that has [fleet] queue and its key.

examples:
  agentdeck asks
  agentdeck asks --queue
  agentdeck asks --json
"""

ANSWER = """\
CHOICE is the number of an option as “agentdeck asks” shows it, “1,3” for
several, or yes or no where the question has them. --text answers in your own
words, or refuses a tool and says why. Where the agent's program waits with a
hook, the hook answers; else keys are pressed and the screen is checked.

--queue sends the answer to the agent's batch in Temporal, from any machine. The
batch's worker gives it, unless the agent asks something else by then.

examples:
  agentdeck answer login 2
  agentdeck answer --queue login 2
  agentdeck answer login yes
  agentdeck answer login --text "Use the test database"
"""

STOP = """\
Stop the agent's whole process tree with INT, then TERM, then KILL. Its
worktree, branch, ports and database stay; “agentdeck resume” starts it again.

examples:
  agentdeck stop login
  agentdeck stop --all
"""

RESUME = """\
Start the agent again in its worktree. It continues its session if its program
can. resume returns at once, like run -d; --wait waits, like run.

examples:
  agentdeck resume login
  agentdeck resume --wait login "The tests still fail; fix them."
"""

FAILOVER = """\
Stop the running program (INT, TERM, KILL) and let another profile continue in
the same worktree. It gets a brief: the task, and the work so far. An agent that
has ended starts again. AgentDeck does this by itself when a provider limits the
agent, is down or refuses its login, if you list profiles:

  [agent]
  failover = ["claude", "codex", "aider"]   # or: agentdeck run --failover …

The agent's own profile comes first. [failover] sets how long it waits, and when
it goes back. “agentdeck show NAME” lists the failovers.

examples:
  agentdeck failover login
  agentdeck failover login --to codex
  agentdeck failover login --back
"""

DIFF = """\
Print all changes since the agent's base, committed or not.

examples:
  agentdeck diff login
  agentdeck diff --stat login
  agentdeck diff login > login.patch
"""

RM = """\
rm first saves the worktree (with uncommitted changes) and the branch's tip in
the trash, and dumps the database. It saves worktrees and clones inside the
worktree too. If something can't be saved, or is still being written, nothing
changes. If something else is in the worktree's place, such as a link, it stays.

On a terminal, rm asks first. rm needs the full name. It deletes only branches
that AgentDeck or the agent made. It lists the git-ignored files that it won't
save; trash.ignored = true saves them.

examples:
  agentdeck rm login
  agentdeck rm --stop --keep-branch login tests
"""

RADAR = """\
Merge each agent's work, committed or not, with every other agent's and with its
base, in memory: · clean, ~ touches the same files, ✗ conflicts. Below the
matrix are the files and lines, and the landing order with the fewest conflicts.
Line numbers refer to the file of the agent named first. NAMEs are compared with
all others.

examples:
  agentdeck radar
  agentdeck radar login tests
  agentdeck radar --watch
  agentdeck radar --sides login
"""

MERGE = """\
Merge each agent's work (the HEAD of its worktree) with its base. The gate's
commands run on the result, in a worktree with its own ports and database
(“agentdeck logs -f gate-NAME” shows them). Then the base moves, and its
checkout with it. Several agents land in order, each on top of the one before.
An agent that conflicts or fails is set aside with a reason: nothing about it
changes. --batch tests all of them together, once. --dry-run shows what would
land; it runs neither the gate nor commit hooks.

The gate is [landing] gate in agentdeck.toml, or --gate. merge exits with 0 when
all agents landed, 4 when something prevented it, 1 when a gate failed or an
agent did not resolve its conflict.

Work that changes what agentdeck.toml runs, reaches or loosens needs a person:
merge shows the change and asks on a terminal; elsewhere --accept-config lands
it. The landing itself uses the approved configuration; the new one needs
“agentdeck trust”.

examples:
  agentdeck merge login
  agentdeck merge --squash --gate "make test" --remove login
  agentdeck merge --all --batch            land every agent that is done
  agentdeck merge --dry-run --commit login tests docs
  agentdeck merge --resolve login          resolve a conflict yourself
  agentdeck merge --hand-back login        let the agent resolve it
"""

QUEUE = """\
List the landings of this repository, the newest first: how far each agent is,
why one was set aside, and what was undone. While a landing runs, --drop takes
an agent out of it, with its gate; nothing of it is moved. The other options
change the order of those whose turn is still to come. Then the tasks of
“agentdeck run -f TASKS -d”; --drop with the name of their list starts no more
of them.

Above them are the agents that wait until this machine has room for them, of all
your repositories, and what each waits for. --now begins one at once.

examples:
  agentdeck queue
  agentdeck queue --now login
  agentdeck queue --drop login
  agentdeck queue --first login
"""

UNDO = """\
Restore removed agents with their worktree, branch, index, changes and database.
Move a base branch back, unless someone has added commits to it since; agents
that the landing removed come back in any case. An undo can be undone too.

examples:
  agentdeck undo                undo the latest removal, landing or prune
  agentdeck undo --list
  agentdeck undo --step 12
"""

PRUNE = """\
Delete agents that landed, their merged branches (also by squash or rebase),
git's records of deleted worktrees, ports, databases, windows and files that no
agent owns, and logs and trash older than [trash] keep_days. prune lists them
and asks first.

examples:
  agentdeck prune --dry-run
  agentdeck prune --yes
"""

PULL = """\
Fast-forward the branch and its checkout. A branch with commits of its own is
refused.

examples:
  agentdeck pull
  agentdeck pull develop
"""

PR = """\
With NAME: push the agent's branch and open the pull request with gh or glab,
whichever the remote's host needs. If the host's name doesn't tell, choose one
with --with. Nothing is pushed until the program is installed and logged in.

Without NAME: list the pull requests that were opened, as they were when they
were looked at last; ls and the dashboard have the same in a column.

--watch looks each minute while checks run, else each five, until all are merged
or closed. On the commit that was pushed from here, it sends what failed to the
agent that made it: the end of the log, what reviewers who may push wrote, a
conflict with the base. An agent that ended is resumed; one that works gets it
when its turn is over; one that asks something gets it after the answer. What it
commits is pushed. Each check and conflict goes to it twice at most, then you
are told. What others wrote is quoted as data. Nothing is merged for you.

--check does the same once; “agentdeck schedule tick” does so too.

examples:
  agentdeck pr login
  agentdeck pr --draft --into develop login
  agentdeck pr --watch
"""

SEARCH = """\
Search the logs and the changes, committed or not, of all agents, or of NAMEs.
PATTERN is a regular expression; without a capital letter in it, upper and lower
case are the same. search exits with 3 when nothing matches.

examples:
  agentdeck search "rate limit"
  agentdeck search 'def total' login basket
"""

COMMENT = """\
Comment on a line of an agent's changes, as you see it in “agentdeck diff”. The
comment is kept until “agentdeck review NAME” sends all of them in one message.

examples:
  agentdeck comment login src/app.py:12 "Log the error too"
  agentdeck comment login src/app.py "Split this file"
  agentdeck comment login src/app.py:30 --old "Why is this gone?"
"""

REVIEW = """\
Send all comments on an agent's changes to it, each with its file, its line and
what stands there. An agent that has ended is resumed with them.

examples:
  agentdeck review login --dry-run
  agentdeck review login --delete 2
  agentdeck review login
"""

PORTS = """\
List the ports of all your agents, in all repositories.

examples:
  agentdeck ports
"""

GATEWAY = """\
The gateway is a local process. Agents with a --tier send their requests to it
instead of to their provider. It tries the tier's providers in order, moves on
when one fails, returns when it recovers, and records what each request cost.
All repositories share it; it starts with the first agent that needs it.

check sends one tiny request to each provider of each tier, and exits with 1 if
one doesn't answer. presets lists the providers that need no table: export the
key's variable and name the provider in a tier. metrics prints counters in
Prometheus text format, for the textfile collector of node_exporter.

examples:
  agentdeck gateway                    show its state and the providers' health
  agentdeck gateway check
  agentdeck gateway presets            list the known providers and their keys
"""

MODELS = """\
List the models of each local model server (Ollama, vLLM, llama.cpp, LM Studio,
and [providers] with local = true), and time one short completion.

serve loads a GGUF file with llama.cpp (pip install xllamacpp) in a tmux window;
the tier “local” then uses it.

examples:
  agentdeck models
  agentdeck models serve ~/models/coder.gguf
  agentdeck models stop
"""

SPEND = """\
Costs come from the gateway's ledger. For agents that bypass it, they come from
what Claude Code and Codex report at the end of a headless run. Prices are the
published ones, or those of [providers.NAME] prices. TIME is an age (7d, 12h) or
a date.

examples:
  agentdeck spend --since 7d
  agentdeck spend --by day --csv > spend.csv
"""

LINT = """\
Advice on what agents are told, by rules and without a model: a task without an
outcome or a way to check it, lists of steps (worse for the tiers routine and
local), roles, vague words, paths that are not there, several tasks in one, what
contradicts the deck (git push, port 3000), secrets; in AGENTS.md and the like
also folder trees and length. It never blocks; --strict exits with 1 after a
warning. Without words it reads AGENTS.md, CLAUDE.md and GEMINI.md.

examples:
  agentdeck lint "Fix the login form"
  agentdeck lint tasks.toml
  agentdeck lint --strict AGENTS.md
"""

AUDIT = """\
The record of landings: commit, agent, the models that served it (also after a
failover), task, gate and its result, who approved it and how, overrides, cost.
An approval by a rule says so. Each line has the hash of the line before: audit
exits with 1 and names the lines that were changed later. It can't notice that
the end was cut off, or that all of it was written anew.

It states what AgentDeck saw, and claims nothing about any law. [audit] in
agentdeck.toml adds what your company says: risk_class, role, oversight. Commits
name program and model as “Assisted-by: claude-code:claude-sonnet-4-5”, unless
landing.trailers is false.

examples:
  agentdeck audit --since 30d
  agentdeck audit --csv > landings.csv
  agentdeck audit --inventory > ai_inventory.yaml
"""

DIGEST = """\
One screen about this repository: what needs you, failed, landed, is done or at
work, the cost against its budget, and failovers. What can't be read is named:
a digest that is not whole says so. --send sends it where [notify] says, once a
day however often it is called; cron or a schedule of yours may call it.

examples:
  agentdeck digest
  agentdeck digest --send
  agentdeck digest --since 8h
"""

NOTIFY = """\
Get a notice when an agent asks you something, fails or has spent its budget:
the question with its choices, what it is about, and for how long. One notice a
question; agents that need you at the same time come in one. Set in your own
~/.config/agentdeck/config.toml (a repository can't say where notices go):

  [notify]
  urls = ["ntfy://my-topic"]      # any address of Apprise
  quiet = "22:00-07:00"

Addresses need the extra: pip install 'agentdeck[notify]'. [notify] command is a
program of yours that gets each notice as JSON. Without --test, print what would
be told now.

With replies = "https://ntfy.sh/a-long-secret" you can answer from your phone:
a notice says what to send to that topic, and ntfy shows buttons for it. A
message answers that one question, with one of its choices, or nothing.

examples:
  agentdeck notify
  agentdeck notify --test
"""

ACCOUNTS = """\
List your logins of agent CLIs, and what is used of their limits. Each beside
the usual one is a table of your own configuration; with it the CLI is a profile
of its own: claude@work.

add writes that table, makes a folder for the account with links to your own
settings, and runs the CLI's own login there; --folder takes one that you have,
--key a variable with an API key, --tier a tier. No login is copied. check asks
each CLI whether it is logged in. rm takes the table out and keeps the folder
with the login and its conversations; --login deletes what AgentDeck made.

A new agent begins with the account that has most left; --account of run names
one (“default” is the usual one). At a limit, failover.order decides. Whether
the terms of your accounts let you use them so is yours to know.

examples:
  agentdeck accounts
  agentdeck accounts add work --agent claude
  agentdeck accounts check
"""

SCHEDULE = """\
Start agents by the clock. A schedule is a table of agentdeck.toml; install lets
those of this repository run, by one timer of yours (systemd, else a marked line
of your crontab; launchd on macOS) that calls “agentdeck schedule tick” each
minute. remove ends that. run starts one now.

A slot starts once at most, however often tick is called. A missed slot starts
once if it is no older than catch_up; else that is told in ls and runs.log. A
slot while the last run works is skipped, or waits with overlap = "queue". One
for which the machine has no room stays due. A time that a change of the clock
leaves out comes right after it; one that comes twice counts once.

On a server, timers of systemd stop at your logout: loginctl enable-linger

examples:
  agentdeck schedule
  agentdeck schedule run deps
  agentdeck schedule install
"""

MCP = """\
Serve tools to a Model Context Protocol client on standard input and output:
list_agents, read_agent, read_log, diff_agent, check_files, start_agent,
wait_for_agents, message_agent, request_landing and, for an agent, ask_person.
Needs the extra: pip install 'agentdeck[mcp]'.

No tool removes, undoes, approves, answers or skips the gate. request_landing
asks you; with [mcp] land = "gate" the gate decides. An agent that starts agents
keeps within [mcp] depth, children and descendants and its own budget, and they
get no more than it has. With [mcp] agents = true, Claude Code and Codex agents
get these tools by themselves, each over a socket of its own.

--http serves loopback only and wants a bearer token on every route: the one in
AGENTDECK_MCP_TOKEN, or a new one that it prints. Ctrl-C ends it.

examples:
  claude mcp add agentdeck -- agentdeck mcp
  codex mcp add agentdeck -- agentdeck mcp
  agentdeck mcp --http --port 7878
"""

SKILL = """\
Print a SKILL.md that tells an agent when to use which verb. install writes it
for Claude Code and Codex where they are set up (their folder “skills”), remove
deletes it. It costs an agent less context than the tools of “agentdeck mcp”.

examples:
  agentdeck skill
  agentdeck skill install
"""

HOSTS = """\
Agents can run on other machines: name one with “agentdeck run --on NAME”, or
let AgentDeck choose with “--on any”. A host needs ssh access without a password
prompt, git, tmux, and uv or Python 3.11. Nothing but the agents keeps running
there, and no port is opened. The base branch goes to the host,
the agents' branches come back, and they land here. Files that git ignores
don't travel.

add takes any name of your ssh configuration; --ssh gives another destination,
--label marks what is special there, --install installs this version for you
alone, without root, and updates a host that you have. --exec takes a command
that runs others on a host: a container of this machine, for instance. check
looks at one host, or at all. After drain nothing new starts there, and undrain
ends that. rm forgets a host without agents. why shows which host a task would
start on, and of an agent why it is where it is.

With [fleet.slurm] or [fleet.kubernetes] in your own config.toml, “run --on
slurm” gets hosts from there, as many as it takes. Those that nobody uses give
themselves back; rm gives one back at once.

A host that doesn't answer is “unreachable”: its agents go on there, and nothing
starts again by itself. lose gives a host up: what ran there starts again on
another host, from the last copy of its work. When the host is back, check stops
the old agents there and keeps both versions. adopt takes over agents that a
host has and this repository doesn't know, for example after you lost your disk.

examples:
  agentdeck hosts add dev1 --install
  agentdeck hosts add gpu1 --ssh me@10.0.0.7 --label gpu
  agentdeck hosts add box --exec "podman exec -i box"
  agentdeck hosts why --memory 8G --label gpu
"""

HOST = """\
Another machine's agentdeck calls this over ssh, to run agents on this one. It
speaks JSON on standard input and output, and ends with the connection.

examples:
  agentdeck host serve
"""

TRUST = """\
A repository's agentdeck.toml can run commands, name servers and files, and
loosen rules. AgentDeck uses those parts once you have approved their content,
and asks again when it changes. It keeps the approval in your own state folder,
not in the repository; a copied or moved repository needs a new one. Without
approval, ls, show, logs, diff, radar, config, doctor, stop, send and attach
work; other verbs ask on a terminal, and exit with 77 without one.

--yes is for scripts. To always trust the repositories in some folders, list
them as [trust] roots in your own ~/.config/agentdeck/config.toml. An agent
can't approve anything.

Approval does not cover what agents and commands run by themselves: Makefile,
package.json, AGENTS.md, the project settings of the agent programs.

examples:
  agentdeck trust
  agentdeck trust --show
  agentdeck trust --yes
"""

CONFIG = """\
Print each value and its source. agentdeck.toml at the top of the repository
overrides ~/.config/agentdeck/config.toml, which overrides the defaults.

examples:
  agentdeck config
  agentdeck config --json
"""

DOCTOR = """\
List what is missing or broken on this machine, and how to fix it. doctor exits
with 1 if something required is wrong; – marks what is optional.

examples:
  agentdeck doctor
"""

VERSION = """\
examples:
  agentdeck version
"""

COMPLETION = """\
Add the line for your shell to its start-up file; for zsh, below compinit.

examples:
  eval "$(agentdeck completion bash)"      # in ~/.bashrc
  eval "$(agentdeck completion zsh)"       # in ~/.zshrc
  agentdeck completion fish > ~/.config/fish/completions/agentdeck.fish
"""

RACE = """\
Compare agents that did the same task from the same commit (run --race). Each
that has ended is put on its base branch as it is now, as merge would, and the
gate runs on the result. Those that fail, conflict or have nothing are out. The
others are ordered by the metric (race.metric, or --metric of run), then by the
smaller change, the lower cost, the shorter time. Equal ones share a place. What
is not known of all is not compared.

The gate and the metric are those of the base branch, whatever a racer changed.
The table says who changed test files.

An agent that asks something holds up nobody: answer it and call this again.
What was judged before is not tested again.

--land NAME, or --land best, lands it through the gate and removes the others,
as “agentdeck rm” does: “agentdeck undo” brings each back.

exit codes: 0 somebody can land, or has; 1 nobody can

examples:
  agentdeck race
  agentdeck race --diff
  agentdeck race --land login-form-2
"""

BENCH = """\
Run each task of a suite with each tier, and check what the agents made with
files that none of them could see. Results are added to a file, one JSON object
a line, as they come; the agents are removed. A run whose provider failed says
nothing of the model and does not count.

A suite:
  agent = "claude"                  # default: the configured profile
  [[task]]
  name = "pagination"
  commit = "v1.4"                   # where the agent begins
  task = "Let GET /orders take page and size"     # or file = "task.md"
  checks = "checks/pagination"      # copied over the work when it has ended
  check = ["python -m pytest -q tests/test_pagination.py"]
  timeout = "20m"

Agents run in boxes, so they can't read the checks; a suite whose checks are in
the repository's history, or where boxes show them, is refused. What a later
commit of the repository has, agents can read.

The tables show the pass rate with its 95 % interval, cost, tokens and time of a
run. Where a cheaper model's lower bound reaches the floor on enough runs, or
the leader of the tier falls below it, a change of [tiers] is printed as a diff.
It is never applied. A nightly benchmark is a schedule whose file of tasks has
the command; see docs/configuration.md.

examples:
  agentdeck bench suite.toml --tiers routine,trial --repeat 20
  agentdeck bench suite.toml --tiers routine --id night --out night.jsonl
  agentdeck bench suite.jsonl --tiers routine
"""

ROUTE = """\
Say which of the tiers routine, reasoning and deep a task should get, by rules
over its words, the files that it names and the size of the repository. No model
is asked. It also shows what each tier has cost, what all of that would have
cost in the tier deep, and warns above budgets.deep_share.

examples:
  agentdeck route "Fix the typo in README.md"
  agentdeck route "Find the root cause of the deadlock" --json
"""
