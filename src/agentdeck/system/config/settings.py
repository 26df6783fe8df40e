"""Load the configuration: `agentdeck.toml` at the repository's root, over the user's own file, over the defaults."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentdeck.core.frozen import dataclass, field, replace
from agentdeck.core.text.hashes import sha256
from agentdeck.errors import ConfigError, StoreError
from agentdeck.system.config.tomlfile import (
    Problem,
    TomlFile,
    config_error,
    parse_toml,
    problems_of,
    read_small,
    read_toml,
)
from agentdeck.system.files.files import home_path, sign, state_home

if TYPE_CHECKING:
    from agentdeck.core.config.config import Config
    from agentdeck.core.config.tomllines import TomlPath
    from agentdeck.system.git.repository import Repository

DECK_FILE = "agentdeck.toml"
INCLUDE_FILE = ".worktreeinclude"
"""More patterns to copy, at the top of the repository; Claude Code, Codex and worktrunk read it too."""
DEFAULT = "default"
HOME_FILE = "agentdeck-home.toml"
"""In the clone of a deck that another machine's person has here."""


@dataclass(frozen=True, slots=True)
class Settings:
    config: Config
    origins: dict[str, str]
    """Where each value comes from, by its dotted key: `agentdeck.toml:12`, `~/.config/agentdeck/config.toml:3`,
    `default`."""
    include: tuple[str, ...] = ()
    """The lines of `.worktreeinclude`."""
    env_text: str | None = None
    """What `agent.env_file` holds where it lies in the repository; None where it is the user's own or not there."""
    values: dict[str, Any] = field(default_factory=dict)
    """The configuration as JSON, by the names that the files have for it."""


@dataclass(frozen=True)
class Sources:
    """The files of one configuration as they were read, once: what is checked is what is used."""

    root: Path
    own: TomlFile | None
    repository: TomlFile | None
    include: tuple[str, ...]
    env_file: Path | None
    """Where `agent.env_file` is, if it lies in the repository, so that others may have written it."""
    env_text: str | None

    @property
    def env_name(self) -> str:
        """The env file's path from the repository's top; “” for none that lies in it."""
        return os.path.relpath(os.path.realpath(self.env_file), os.path.realpath(self.root)) if self.env_file else ""

    @property
    def own_data(self) -> dict[str, Any]:
        return self.own.data if self.own is not None else {}

    @property
    def repository_data(self) -> dict[str, Any]:
        return self.repository.data if self.repository is not None else {}

    @cached_property
    def sensitive(self) -> dict[str, Any]:
        """What of the repository's files a person has to approve."""
        found: dict[str, Any] = {}
        if self.repository is not None:
            from agentdeck.core.config.trust import sensitive

            found = sensitive(self.repository_data, self.own_data)
        if self.include:
            found[".worktreeinclude"] = list(self.include)
        if self.env_text is not None:
            found |= {f"agent.env_file contents.{name}": value for name, value in _marks(self.env_text).items()}
        return found

    def settings(self) -> Settings:
        """Tables are merged key by key; lists and values replace. Raise ConfigError, which names every mistake by file,
        line and key."""
        from agentdeck.core.config.kept import kept
        from agentdeck.system.config.kept import recall

        def parsed(found: Any) -> Settings:
            origins, values = dict(found["origins"]), dict(found["values"])
            return Settings(kept(found["config"]), origins, self.include, self.env_text, values)

        return recall(self._name, self._mark, parsed) or self._validated()

    def remember(self, settings: Settings) -> None:
        """Let `settings`, which are these, be known without validating them again until a file of these changes."""
        from agentdeck.core.config.kept import Kept, keep
        from agentdeck.system.config.kept import remember

        if not isinstance(settings.config, Kept):
            value = {"config": keep(settings.config), "origins": settings.origins, "values": settings.values}
            remember(self._name, self._mark, value)

    @property
    def _name(self) -> str:
        return sha256(os.fsencode(self.root)).hexdigest()[:24]

    @cached_property
    def _mark(self) -> str:
        from agentdeck.system.config.kept import mark

        files = [f"{file.shown}\0{file.text}" if file is not None else "" for file in (self.own, self.repository)]
        return mark(str(self.root), *files)

    def _validated(self) -> Settings:
        from agentdeck.core.config.foreign import misplaced
        from agentdeck.core.config.tomllines import dotted

        files = [file for file in (self.own, self.repository) if file is not None]
        settings, place = _settings(files, self.include, self.env_text)
        found = misplaced(settings.config, self.repository_data, self.own_data, str(self.root))
        problems = [Problem(place(each.path), f"{dotted(each.path)} {each.text}", each.hint) for each in found]
        if problems:
            raise config_error(problems, DECK_FILE)
        return settings

    def harmless(self) -> Settings:
        """The same without all that a person has to approve."""
        files = [file for file in (self.own, self.repository) if file is not None]
        if self.repository is not None:
            from agentdeck.core.config.trust import harmless

            left = harmless(self.repository_data, self.own_data)
            files[-1] = replace(self.repository, data=left)
        return _settings(files, (), None)[0]


def _settings(
    files: Sequence[TomlFile], include: tuple[str, ...], env_text: str | None
) -> tuple[Settings, Callable[[Sequence[str | int]], str]]:
    from pydantic import ValidationError

    from agentdeck.core.config.config import Config
    from agentdeck.core.config.tomllines import dotted, leaves

    merged = _Merged(files)
    try:
        config = Config.model_validate(merged.data)
    except ValidationError as error:
        problems = problems_of(error, Config, merged.data, merged.place)
        shown = {problem.place.rpartition(":")[0] for problem in problems}
        raise config_error(problems, " and ".join(sorted(shown))) from error
    values = config.model_dump(mode="json", by_alias=True)
    origins = {dotted(path): merged.origin(path) for path, _ in leaves(values)}
    return Settings(config, origins, include, env_text, values), merged.place


def load(root: Path, *, environ: Mapping[str, str] | None = None) -> Settings:
    """The configuration of the repository at `root`, whether approved or not."""
    return read(root, environ=environ).settings()


def read(root: Path, *, environ: Mapping[str, str] | None = None) -> Sources:
    """Read the configuration's files; raise ConfigError for one that can't be read."""
    environ = os.environ if environ is None else environ
    own, repository = _with_home(_user_file(environ), root), read_toml(root / DECK_FILE, DECK_FILE)
    include = _lines(read_small(root / INCLUDE_FILE, INCLUDE_FILE))
    env_file = _env_file(root, own, repository)
    return Sources(root, own, repository, include, env_file, _text(env_file))


def home_file(root: Path) -> Path | None:
    """Where what another machine's person has configured for that deck of theirs here lies; None for any other."""
    with contextlib.suppress(StoreError):  # a user without a home has none of these
        return root / ".git" / HOME_FILE if root.parent == state_home() / "decks" else None
    return None


def _with_home(own: TomlFile | None, root: Path) -> TomlFile | None:
    """The user's own file with the tables of that, which go before those of the same name."""
    path = home_file(root)
    theirs = read_toml(path, HOME_FILE) if path is not None else None
    if theirs is None:
        return own
    import tomlkit

    document = tomlkit.parse(own.text if own is not None else "")
    for table, values in theirs.data.items():
        document.setdefault(table, tomlkit.table()).update(values)
    text = tomlkit.dumps(document)
    return TomlFile(own.shown if own is not None else HOME_FILE, text, document.unwrap())


def read_commit(like: Sources, repo: Repository, commit: str) -> Sources:
    """The configuration as it is in a commit of the repository; the user's own file as it was read before."""

    def blob(name: str) -> bytes | None:
        asked = os.fsencode(f"{commit}:{name}\0")
        first, _, rest = repo.run("cat-file", "--batch", "-z", "--follow-symlinks", stdin=asked).out.partition(b"\n")
        words = first.split()
        return rest[: int(words[2])] if len(words) == 3 and words[1] == b"blob" else None

    found = blob(DECK_FILE)
    repository = parse_toml(found, DECK_FILE) if found is not None else None
    env_file = _env_file(like.root, like.own, repository)
    sources = Sources(like.root, like.own, repository, _lines(blob(INCLUDE_FILE)), env_file, None)
    text = blob(sources.env_name) if env_file is not None else None
    return replace(sources, env_text=text.decode("utf-8", "surrogateescape") if text is not None else None)


def _lines(data: bytes | None) -> tuple[str, ...]:
    """The patterns of a file in the format of .gitignore."""
    lines = (data or b"").decode("utf-8", "surrogateescape").splitlines()
    return tuple(line for line in lines if line.strip() and not line.startswith("#"))


def _env_file(root: Path, own: TomlFile | None, repository: TomlFile | None) -> Path | None:
    value: Any = None
    for file in (own, repository):
        table = file.data.get("agent") if file is not None else None
        value = table.get("env_file", value) if isinstance(table, dict) else value
    if not isinstance(value, str) or not value:
        return None
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        path = root / home_path(value)
        if Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
            return path
    return None


def _text(path: Path | None) -> str | None:
    """What the file holds; None where it can't be read, which who needs it tells."""
    with contextlib.suppress(ConfigError):
        data = read_small(path, str(path)) if path is not None else None
        return data.decode("utf-8", "surrogateescape") if data is not None else None
    return None


def _marks(text: str) -> dict[str, str]:
    """The variables that `text` sets, each with a mark of its value: it may be a key, and is kept and shown nowhere."""
    from agentdeck.system.machine.envfile import parse

    try:
        found = parse(text)
    except ConfigError:
        found = {"unreadable": text}
    digests = ((name, sha256(value.encode("utf-8", "surrogateescape"))) for name, value in found.items())
    return {name: f"sha256 {digest.hexdigest()[:16]}" for name, digest in digests}


def signs(root: Path, *more: Path) -> tuple[tuple[int, ...], ...]:
    """Others whenever a file was written that the configuration or the profiles are read from."""
    folder = user_folder(os.environ)
    own = f"{folder}/profiles" if folder is not None else ""
    try:
        profiles = sorted(os.listdir(own)) if own else []  # noqa: PTH208 - asked by every deed and every look
    except OSError:
        profiles = []
    shared: tuple[str | Path, ...] = (f"{root}/{DECK_FILE}", f"{root}/{INCLUDE_FILE}", f"{folder}/config.toml", *more)
    places = (*shared, *(f"{own}/{name}" for name in profiles))
    return tuple(sign(place) for place in places)


def peek(root: Path, *path: str) -> Any:
    """One value as the files write it, unchecked; None where none of them can be read and has it."""
    value: Any = None
    with contextlib.suppress(ConfigError, OSError):
        for file in (_user_file(os.environ), read_toml(root / DECK_FILE, DECK_FILE)):
            found: Any = file.data if file is not None else {}
            for key in path:
                found = found.get(key) if isinstance(found, dict) else None
            value = found if found is not None else value
    return value


def user_folder(environ: Mapping[str, str]) -> Path | None:
    """Where the user's own files for agentdeck lie; None for a user without a home."""
    folder, home = Path(environ.get("XDG_CONFIG_HOME") or ""), _home(environ)
    if folder.is_absolute():
        return folder / "agentdeck"
    return home / ".config" / "agentdeck" if home is not None else None


def _user_file(environ: Mapping[str, str]) -> TomlFile | None:
    folder, home = user_folder(environ), _home(environ)
    if folder is None:
        return None
    path = folder / "config.toml"
    shown = f"~/{path.relative_to(home)}" if home is not None and path.is_relative_to(home) else str(path)
    return read_toml(path, shown)


def _home(environ: Mapping[str, str]) -> Path | None:
    """The user's home; cron and containers may know of none."""
    if named := environ.get("HOME"):
        return Path(named)
    try:
        return Path.home()
    except RuntimeError:
        return None


class _Merged:
    """The files as one table, later ones over earlier ones, and the place each key came from."""

    def __init__(self, files: Sequence[TomlFile]) -> None:
        self.data: dict[str, Any] = {}
        self.files = files
        self.sources: dict[TomlPath, TomlFile] = {}
        for file in files:
            self._merge(self.data, file.data, file, ())

    def _merge(self, into: dict[str, Any], table: Mapping[str, Any], file: TomlFile, path: tuple[str, ...]) -> None:
        for key, value in table.items():
            here = (*path, key)
            self.sources[here] = file
            if isinstance(value, dict) and isinstance(into.get(key), dict):
                self._merge(into[key], value, file, here)
            elif isinstance(value, dict):
                into[key] = {}
                self._merge(into[key], value, file, here)
            else:
                into[key] = value

    def _source(self, path: Sequence[str | int]) -> TomlFile | None:
        found = (self.sources.get(tuple(path[:length])) for length in range(len(path), 0, -1))
        return next((file for file in found if file is not None), None)

    def place(self, path: Sequence[str | int]) -> str:
        file = self._source(path)
        return file.place(path) if file is not None else self.files[-1].shown

    def origin(self, path: Sequence[str | int]) -> str:
        file = self.sources.get(tuple(path))
        return file.place(path) if file is not None else DEFAULT
