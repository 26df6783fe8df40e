"""The gateway as the engine sees it: one process a user, in a tmux window, started when an agent needs it.

Reading who serves whom costs a look at one file, and no request.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.frozen import dataclass, field
from agentdeck.core.providers.serving import ProviderHealth, Serving
from agentdeck.engine.world import Note, World
from agentdeck.errors import DeckError, NotFoundError, RefusedError, StoreError, TmuxError
from agentdeck.system.files.files import read_json, state_home
from agentdeck.system.gateway.files import CONFIG, Address, GatewayFiles
from agentdeck.system.state.store import Store

if TYPE_CHECKING:
    from agentdeck.core.agents.agent import Agent
    from agentdeck.core.config.config import Config
    from agentdeck.core.config.gateway import ProviderConfig
    from agentdeck.core.config.profile import GatewayWiring, Profile

SESSION = WINDOW = "agentdeck-gateway"
"""No deck's session is called so: theirs end in the deck's id."""
_FILES = Path(__file__).parents[2] / "profiles"
_GREETING = 20.0
"""Seconds that it may take until it listens."""
_GOODBYE = 10.0
_CHECK = 150.0


@dataclass(frozen=True, slots=True)
class Wiring:
    """What points one agent's CLI at the gateway, and tells it what it may do."""

    argv: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    unset: frozenset[str] = frozenset()
    settings: dict[str, Any] = field(default_factory=dict)
    """Keys for the settings file that it is given."""
    wired: bool = False
    """Whether its requests go through the gateway."""
    login: bool = False
    """Whether they carry the CLI's own login."""


NOT_WIRED = Wiring()


def files() -> GatewayFiles:
    return GatewayFiles(state_home() / "gateway")


# Which agents use it


def bypass_note(config: Config, profile: Profile | None, tier: str) -> str:
    """Why an agent that was given a tier does not go through the gateway, in a sentence; empty where it does."""
    if not tier:
        return ""
    if config.gateway.use == "never":
        return f"the tier “{tier}” has no effect: [gateway] use is “never”"
    if profile is None or profile.gateway is None:
        who = profile.title if profile is not None else "a command"
        return f"the tier “{tier}” has no effect: {who} can't be pointed at the gateway and uses its own provider"
    return ""


def check(config: Config, profile: Profile | None, tier: str) -> None:
    """Raise NotFoundError where there is no such tier, and RefusedError, with the reason, where it can't serve such an
    agent."""
    way = _way(config, profile, tier)
    if way is None or profile is None:
        return

    from agentdeck.core.providers import tiers

    known = {*config.tiers, *tiers.HOME_TIERS, tiers.LOCAL, tiers.FALLBACK}
    if tier and tier not in known:
        raise NotFoundError(
            f"There is no tier “{tier}”.", hint=f"Available: {', '.join(sorted(known))}; [tiers] adds more."
        )
    reason = tiers.why_not(config.tiers, tier, config.providers, way.api)
    if not reason and not _targets(config, way, tier) and tiers.needs_discovery(config.tiers, tier):
        reason = "" if _found_local(config) else "no model server answers on this machine"
    if not reason and way.needs_model and not _model(config, way, tier):
        reason = "its first entry names no model, and this program needs one"
    if reason:
        shown = f"The tier “{tier}”" if tier else "The gateway"
        raise RefusedError(f"{shown} can't serve {profile.title}: {reason}.", hint="See [tiers] in agentdeck.toml.")


def missing_note(world: World, profile: Profile | None, tier: str) -> str:
    """Which providers of an agent's chain have no key, in a sentence; empty where all have one. Raise RefusedError
    where none has, and no gateway runs that may have been given one."""
    config = world.settings.config
    way = _way(config, profile, tier)
    if way is None or _keys_are_away(world):
        return ""
    targets = _targets(config, way, tier)
    known = _keys(world)
    lacking = [each for each in targets if (key := config.providers[each.provider].key_env) and key not in known]
    if not lacking:
        return ""
    names = list(dict.fromkeys(config.providers[each.provider].key_env for each in lacking))
    hint = f"export {names[0]}=…"
    if len(lacking) == len(targets) and files().address() is None:
        are = "is" if len(names) == 1 else "are"
        raise RefusedError(f"No provider of the tier “{tier}” has a key: {', '.join(names)} {are} not set.", hint=hint)
    return f"{', '.join(map(str, lacking))} can't serve: {', '.join(names)} not set here; “{hint}”"


def _way(config: Config, profile: Profile | None, tier: str) -> GatewayWiring | None:
    use = config.gateway.use
    if profile is None or use == "never" or (use == "auto" and not tier):
        return None
    return profile.gateway


def _targets(config: Config, way: GatewayWiring, tier: str) -> list[Any]:
    from agentdeck.core.providers import tiers

    return list(tiers.chain(config.tiers, tier, way.api))


def names_model(config: Config, profile: Profile | None, tier: str) -> bool:
    """Whether the tier, which there must be, says which model serves such an agent at first."""
    way = _way(config, profile, tier)
    if way is None:
        return False
    targets = _targets(config, way, tier)
    return not targets or bool(targets[0].model)


def _model(config: Config, way: GatewayWiring, tier: str) -> str:
    """The first model of the chain, which may be one that was found on this machine; empty where it names none."""
    targets = _targets(config, way, tier)
    return str(targets[0].model) if targets else _found_local(config)


def _found_local(config: Config) -> str:
    from agentdeck.system.gateway.modelservers import first_model

    return first_model(config.providers)


def wire(world: World, agent: Agent, profile: Profile | None, beside: Sequence[str] = ()) -> Wiring:
    """Start the gateway where `agent` uses it, and say how its CLI is pointed there; `beside` are the accounts that go
    on before another provider does."""
    config = world.settings.config
    way = _way(config, profile, agent.tier)
    if way is None:
        return NOT_WIRED
    from agentdeck.system.gateway import tokens

    check(config, profile, agent.tier)
    at_home = _at_home(world, agent)
    port = at_home["port"] if at_home else ensure(world).port
    providers = [config.providers[target.provider] for target in _targets(config, way, agent.tier)]
    login = not at_home and _uses_login(world, profile, way, providers)
    account = profile.name if profile is not None and login else ""
    purse = (agent.parents or ("",))[0]
    others = tuple(beside) if account else ()
    bearer = tokens.Bearer(world.deck, agent.name, agent.tier, purse, agent.created, account, others)
    token = at_home["token"] if at_home else tokens.mint(tokens.secret(files().state), bearer)
    model = _model(config, way, agent.tier)
    values = {
        "{base_url}": tokens.base_url(port, token, way.api),
        "{plain_url}": tokens.base_url(port, "", way.api),
        "{token}": token,
        "{model}": model,
        "{files}": str(_FILES),
    }
    groups = [*way.argv, *(way.login_argv if login else ())]
    told = [group for group in groups if model or not any("{model}" in word for word in group)]
    env = way.env if login else {**way.env, **way.keyed_env}
    keys = {provider.key_env for provider in providers} - {""}
    return Wiring(
        tuple(_filled(word, values) for group in told for word in group),
        {name: _filled(value, values) for name, value in env.items()},
        frozenset(keys if login else {*keys, *way.keyed_unset}) - set(env),
        wired=True,
        login=login,
    )


def _keys_are_away(world: World) -> bool:
    """Whether this is the clone of another machine's deck, and its agents use the gateway of that one."""
    if world.settings.config.gateway.keys != "home":
        return False
    from agentdeck.system.config.settings import home_file

    return home_file(world.root) is not None


def _at_home(world: World, agent: Agent) -> dict[str, Any]:
    """Where an agent that another machine has here finds that one's gateway; nothing where it uses the one here."""
    if not _keys_are_away(world):
        return {}
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        found = read_json(world.store.folder / "orders" / f"{agent.name}.json")["gateway"]
        return {"port": int(found["port"]), "token": str(found["token"])}
    return {}


def _uses_login(world: World, profile: Profile | None, way: GatewayWiring, providers: Sequence[ProviderConfig]) -> bool:
    """Whether the CLI shall send its own login: one of `providers` takes it, and it has one or needs one."""
    taking = [provider for provider in providers if provider.uses_own_login and way.api in provider.apis]
    if not taking or profile is None:
        return False
    variables = world.environment()
    keys = {provider.login_key_env for provider in taking if variables.get(provider.login_key_env)}
    if not profile.login.how:
        return not keys
    from agentdeck.system.config.clifiles import has_login

    lane = world.lanes.get(profile.name)
    if lane is not None and lane.key:
        return lane.key in variables
    names = [name for name in profile.login.variables if name not in keys]
    variables = {each: value for each, value in variables.items() if each not in profile.env_unset}
    if has_login(profile.files, names, profile.login.paths, {**variables, **profile.env}):
        return True
    return not keys and len(taking) == len(providers)


def _filled(word: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        word = word.replace(name, value)
    return word


# The process


def ensure(world: World) -> Address:
    """See that the gateway runs, knows this deck's plan, and has its keys."""
    home = files()
    world.store.open()
    config = world.settings.config
    from agentdeck.core.config.kept import plan_of

    home.put_plan(world.deck, plan_of(config), world.store.folder)
    keys = _keys(world)
    address = home.address() or _start(world, home)
    from agentdeck.system.gateway.client import ask

    ask(home, "POST", "/keys", {"deck": world.deck, "keys": keys})
    return address


def _keys(world: World) -> dict[str, str]:
    """The values that this deck's providers' `key_env` name, from where agents' variables come from too."""
    merged = {**world.environment(), **world.handed}
    names = {name for provider in world.settings.config.providers.values() for name in provider.key_variables}
    return {name: merged[name] for name in sorted(names) if merged.get(name)}


def keys_for(world: World, used: Iterable[str]) -> dict[str, str]:
    """The values of `key_env` of the providers in these tiers, as far as they are set here; of an agent's own provider
    none is needed."""
    from agentdeck.core.providers import tiers
    from agentdeck.core.providers.apis import Api

    config, names = world.settings.config, set[str]()
    for tier in used:
        named = tiers.FALLBACK if tiers.is_home(config.tiers, tier) else tier
        if named in config.tiers:
            targets = tiers.chain(config.tiers, named, Api.MESSAGES)
            names |= {config.providers[target.provider].key_env for target in targets}
    merged = world.environment()
    return {name: merged[name] for name in sorted(names) if name and merged.get(name)}


def missing_keys(world: World) -> list[str]:
    """The variables that the providers in this deck's tiers take their keys from, and that are not set here."""
    from agentdeck.core.providers.tiers import LOCAL

    config = world.settings.config
    chains = [chain for chain in config.tiers.values() if not isinstance(chain, str)]
    names = {step.partition(":")[0].strip() for chain in chains for step in chain if step != LOCAL}
    known = [config.providers[name] for name in names if name in config.providers]
    return sorted({provider.key_env for provider in known} - {""} - set(_keys(world)))


def _start(world: World, home: GatewayFiles) -> Address:
    from agentdeck.engine.environment import clean_environment

    home.want(True)
    argv = [sys.executable, "-I", "-m", "agentdeck.gateway"]
    argv += ["--state", str(home.state), "--config", str(home.state / CONFIG), "--guarded"]
    world.tmux.open_window(SESSION, WINDOW, argv, cwd=home.state, env=clean_environment())
    deadline = time.monotonic() + _GREETING
    while (address := home.address()) is None:
        window = world.tmux.window(SESSION, WINDOW)
        if window is None or window.command_dead or time.monotonic() > deadline:
            screen = world.tmux.screen(SESSION, WINDOW).strip() if window else ""
            raise TmuxError("The gateway did not start.", detail=screen[-2000:], hint="agentdeck gateway status")
        time.sleep(0.02)
    return address


def stop(world: World) -> bool:
    """End it; requests under way have a few seconds. Return whether there was one. Agents that use it fail then."""
    import signal

    from agentdeck.system.files.files import lock_holder
    from agentdeck.system.gateway.files import LOCK
    from agentdeck.system.machine.process import send_signal

    home = files()
    home.want(False)
    was = home.alive()
    for sign in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + _GOODBYE
        pid = lock_holder(home.state / LOCK) if home.alive() else None
        if pid is not None:
            send_signal(pid, sign)
        while home.alive() and time.monotonic() < deadline:
            time.sleep(0.02)
    world.tmux.close_window(SESSION, WINDOW)
    if home.alive():
        raise DeckError("The gateway did not end, even after KILL.")
    return was


def check_providers(world: World) -> list[dict[str, Any]]:
    """Send one tiny request to each provider of each of this deck's tiers, and return for each `tier`, `provider`,
    `model`, `ok` (None where it can't be tried from here), `text` and `seconds`."""
    ensure(world)
    from agentdeck.system.gateway.client import ask

    found = ask(files(), "POST", "/check", {"deck": world.deck}, timeout=_CHECK)["targets"]
    return list(found)


def metrics() -> str:
    """The counters of the gateway that runs, as Prometheus reads them."""
    from agentdeck.system.gateway.client import text

    return text(files(), "GET", "/metrics")


def is_missing() -> bool:
    """Whether it should be there and is not; costs a look at two files."""
    try:
        home = files()
    except StoreError:  # a user without a home has none
        return False
    return home.wanted and not home.alive()


def revive(world: World, note: Note) -> None:
    """Start it again where it died while an agent of this deck may need it; where no agent runs, nobody wants it."""
    if not is_missing():
        return
    if not any(world.lives(name) for name in world.store.names()):
        if not _is_needed():
            files().want(False)
        return
    ensure(world)
    note(Event(EventKind.GATEWAY_RESTARTED, "", "the gateway had died; it was restarted"))


# What it wrote down


def serving(world: World) -> dict[str, Serving]:
    """Who serves each agent of this deck, by the agent's name, as far as the gateway knows."""
    try:
        entries = files().board().get("agents", [])
    except StoreError:  # a user without a home has no gateway
        return {}
    if not (entries and world.store.exists):
        return {}
    keys = ("provider", "model", "primary", "reason", "since")
    try:
        return {
            entry["agent"]: Serving(*(entry[key] for key in keys)) for entry in entries if entry["deck"] == world.deck
        }
    except (KeyError, TypeError):  # of another version
        return {}


def health(world: World) -> tuple[ProviderHealth, ...]:
    """The breakers of the providers in this deck's tiers, and of others that it was refused by; () without a gateway.

    Breakers are kept by address: what another deck calls by the same name may be another server, and the other way."""
    home = files()
    if not (home.alive() and world.store.exists):
        return ()
    now = time.time()
    plan = home.config().get("decks", {}).get(world.deck, {})
    steps = [step for chain in plan.get("tiers", {}).values() if isinstance(chain, list) for step in chain]
    names = [step.partition(":")[0] for step in steps if step != "local"]
    found = {name: ProviderHealth(name, "closed") for name in names}
    providers: dict[str, dict[str, Any]] = plan.get("providers", {})
    for breaker in home.board().get("breakers", []):
        until, ours = breaker.get("until"), world.deck in breaker.get("decks", ())
        if until is None or not (ours or breaker.get("what") == "health"):
            continue
        state = "open" if until > now else "half-open"
        reason, about = breaker["reason"], breaker.get("model", "")
        for name, provider in providers.items():
            old = found.get(name)
            if provider.get("base_url") != breaker.get("address") or (old is None and not ours):
                continue
            if about and provider.get("key_env", "") != breaker.get("key_env", ""):
                continue  # the limit of another key
            if old is None or old.until is None or old.until < until:
                found[name] = ProviderHealth(name, state, f"{reason} ({about})" if about else reason, until)
    return tuple(found.values())


def is_idle() -> bool:
    """Whether it runs, and no agent of any deck that it knows does."""
    return files().alive() and not _is_needed()


def _is_needed() -> bool:
    known = [Store(Path(folder)) for folder in files().config().get("stores", {}).values()]
    return any(store.runner_lives(name) for store in known for name in store.names())


def forgotten() -> list[str]:
    """The decks that the gateway has a plan for, and whose store is gone."""
    return [deck for deck, folder in files().config().get("stores", {}).items() if not Path(folder).is_dir()]


def forget(deck: str) -> None:
    files().put_plan(deck, None, Path())
