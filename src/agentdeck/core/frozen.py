"""What `dataclasses` has, under the same names, for classes that cost next to nothing until they are used.

The standard decorator compiles up to ten functions for each class, 0.6 ms, and imports `inspect`: half of what `ls`
took, for 78 classes of which it makes twenty. Here `__init__` is compiled for the third instance and the other methods
are shared. A type checker sees the standard functions, and those of `dataclasses` take these classes for theirs.
Not here: `order`, `kw_only`, `InitVar`, `hash=`. `asdict` copies lists, tuples and dictionaries, and nothing else.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace

__all__ = ["asdict", "dataclass", "field", "fields", "is_dataclass", "replace"]

_MISSING: Any = object()
_ABOUT = "__frozen_about__"
_FEW = 2
"""Instances for which it does not pay to compile."""


class _Field:
    __slots__ = ("compare", "default", "default_factory", "init", "name", "repr", "type")

    def __init__(
        self,
        default: Any = _MISSING,
        default_factory: Any = _MISSING,
        *,
        init: bool = True,
        repr: bool = True,
        compare: bool = True,
    ) -> None:
        self.default = default
        self.default_factory = default_factory
        self.init = init
        self.repr = repr
        self.compare = compare
        self.name = ""
        self.type = ""

    def options(self) -> dict[str, Any]:
        """By which the standard library's `field` makes the same."""
        given = {"default": self.default, "default_factory": self.default_factory}
        flags = {"init": self.init, "repr": self.repr, "compare": self.compare}
        return flags | {name: value for name, value in given.items() if value is not _MISSING}


class _About:
    """What is known of a class: its fields, those of its bases first."""

    def __init__(self, cls: type, fields: dict[str, _Field], frozen: bool) -> None:
        self.cls = cls
        self.fields = fields
        self.frozen = frozen
        self.init = [name for name, each in fields.items() if each.init]
        self.repr = [name for name, each in fields.items() if each.repr]
        compared = [name for name, each in fields.items() if each.compare]
        self.compared: Callable[[Any], Any] = attrgetter(*compared) if compared else lambda instance: ()
        self._standard: Any = None
        self._made = 0

    def fill(self, instance: Any, args: tuple[Any, ...], named: dict[str, Any]) -> bool:
        """Do what the compiled `__init__` does, more slowly. False, with nothing done, for a call that it would refuse,
        and for a class of which more are made."""
        self._made += 1
        if self._made > _FEW or len(args) > len(self.init):
            return False
        given = dict(zip(self.init, args, strict=False))
        if not named.keys() <= set(self.init[len(args) :]):
            return False
        values = {}
        for name, each in self.fields.items():
            if each.init and name in given:
                values[name] = given[name]
            elif each.init and name in named:
                values[name] = named[name]
            elif each.default_factory is not _MISSING:
                values[name] = each.default_factory()
            elif each.default is not _MISSING:
                values[name] = each.default
            elif each.init:
                return False
        put = object.__setattr__ if self.frozen else setattr
        for name, value in values.items():
            put(instance, name, value)
        if hasattr(self.cls, "__post_init__"):
            instance.__post_init__()
        return True

    def compiled_init(self) -> Callable[..., None]:
        given, lines = [], []
        known: dict[str, Any] = {"_missing": _MISSING, "_set": object.__setattr__}
        for name, each in self.fields.items():
            value = name
            if each.default_factory is not _MISSING:
                known[f"_make_{name}"] = each.default_factory
                value = f"_make_{name}()" + (f" if {name} is _missing else {name}" if each.init else "")
            elif each.default is not _MISSING:
                known[f"_default_{name}"] = each.default
                value = name if each.init else f"_default_{name}"
            elif not each.init:
                continue
            if each.init:
                fallback = "_missing" if each.default_factory is not _MISSING else f"_default_{name}"
                given.append(name if fallback not in known else f"{name}={fallback}")
            lines.append(f"_set(self,{name!r},{value})" if self.frozen else f"self.{name}={value}")
        if hasattr(self.cls, "__post_init__"):
            lines.append("self.__post_init__()")
        body = "\n ".join(lines or ["pass"])
        exec(f"def __init__({','.join(['self', *given])}):\n {body}", known)  # noqa: S102 - names of a class's own fields
        init: Callable[..., None] = known["__init__"]
        init.__qualname__ = f"{self.cls.__qualname__}.__init__"
        return init

    def standard(self) -> Any:
        """A class of the standard library's with the same fields."""
        if self._standard is None:
            from dataclasses import field, make_dataclass

            self._standard = make_dataclass(
                self.cls.__name__,
                [(name, each.type, field(**each.options())) for name, each in self.fields.items()],
                namespace={"__doc__": self.cls.__doc__ or "-"},
                init=False,
                repr=False,
                eq=False,
                frozen=self.frozen,
            )
        return self._standard


class _Standard:
    """An attribute that the functions of `dataclasses` look for, made when one does."""

    def __init__(self, about: _About, name: str) -> None:
        self._about, self._name = about, name

    def __get__(self, instance: object, owner: type) -> Any:
        return getattr(self._about.standard(), self._name)


def _field(**options: Any) -> Any:
    return _Field(**options)


def _dataclass(
    cls: type | None = None, *, frozen: bool = False, slots: bool = False, eq: bool = True
) -> type | Callable[[type], type]:
    if cls is None:
        return lambda cls: _made(cls, frozen, slots, eq)
    return _made(cls, frozen, slots, eq)


def _made(cls: type, frozen: bool, slots: bool, eq: bool) -> type:
    own = _own_fields(cls)
    fields = {name: each for base in cls.__mro__[-1:0:-1] for name, each in _fields_of(base).items()} | own
    if slots:
        cls = _slotted(cls, own)
    else:
        for name, each in own.items():
            if each.default is not _MISSING:
                setattr(cls, name, each.default)
            elif name in cls.__dict__:
                delattr(cls, name)
    about = _About(cls, fields, frozen)
    methods: dict[str, Any] = {"__init__": _first_init(about), "__repr__": _repr, "__match_args__": tuple(about.init)}
    if eq:
        methods["__eq__"] = _eq
        if cls.__dict__.get("__hash__") is None:  # Python puts None there beside an __eq__
            cls.__hash__ = _hash if frozen else None  # type: ignore[assignment, method-assign]
    if frozen:
        methods |= {"__setattr__": _setattr, "__delattr__": _delattr}
        if slots:
            methods |= {"__getstate__": _getstate, "__setstate__": _setstate}
    for name, method in methods.items():
        if name not in cls.__dict__:
            setattr(cls, name, method)
    setattr(cls, _ABOUT, about)
    for name in ("__dataclass_fields__", "__dataclass_params__"):
        setattr(cls, name, _Standard(about, name))
    return cls


def _fields_of(base: type) -> dict[str, _Field]:
    about: _About | None = base.__dict__.get(_ABOUT)
    return about.fields if about else {}


def _own_fields(cls: type) -> dict[str, _Field]:
    """Those it names itself. Annotations are strings everywhere here."""
    own = {}
    for name, kind in cls.__annotations__.items():
        if not kind.startswith(("ClassVar", "typing.ClassVar")):
            value = cls.__dict__.get(name, _MISSING)
            own[name] = value if isinstance(value, _Field) else _Field(value)
            own[name].name, own[name].type = name, kind
    return own


def _slotted(cls: type, own: dict[str, _Field]) -> type:
    """The same class with slots, which a class can only be made with."""
    inherited = {slot for base in cls.__mro__[1:-1] for slot in getattr(base, "__slots__", ())}
    left_out = {*own, "__dict__", "__weakref__"}
    namespace = {name: value for name, value in cls.__dict__.items() if name not in left_out}
    namespace["__slots__"] = tuple(name for name in own if name not in inherited)
    namespace["__qualname__"] = cls.__qualname__
    return type(cls)(cls.__name__, cls.__bases__, namespace)


def _first_init(about: _About) -> Callable[..., None]:
    def __init__(self: Any, *args: Any, **named: Any) -> None:
        if about.fill(self, args, named):
            return
        init = about.compiled_init()
        about.cls.__init__ = init  # type: ignore[misc]
        init(self, *args, **named)

    return __init__


def _about(instance: object) -> _About:
    about: _About = getattr(instance, _ABOUT)
    return about


def _repr(self: Any) -> str:
    values = ", ".join(f"{name}={getattr(self, name)!r}" for name in _about(self).repr)
    return f"{type(self).__qualname__}({values})"


def _eq(self: Any, other: object) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    values = _about(self).compared
    return values(self) == values(other)


def _hash(self: Any) -> int:
    about = _about(self)
    return hash(about.compared(self))


def _setattr(self: Any, name: str, value: Any) -> None:
    _refuse(self, name, "assign to")
    object.__setattr__(self, name, value)


def _delattr(self: Any, name: str) -> None:
    _refuse(self, name, "delete")
    object.__delattr__(self, name)


def _refuse(instance: object, name: str, act: str) -> None:
    about = _about(instance)
    if type(instance) is about.cls or name in about.fields:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot {act} field {name!r}")


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, name) for name in _about(self).fields]


def _setstate(self: Any, state: list[Any]) -> None:
    for name, value in zip(_about(self).fields, state, strict=True):
        object.__setattr__(self, name, value)


def _replace(instance: Any, /, **changes: Any) -> Any:
    for name in _about(instance).init:
        changes.setdefault(name, getattr(instance, name))
    return type(instance)(**changes)


def _fields(of: object) -> tuple[_Field, ...]:
    return tuple(_about(of).fields.values())


def _is_dataclass(value: object) -> bool:
    return hasattr(value, _ABOUT)


def _asdict(instance: Any) -> dict[str, Any]:
    return {name: _plain(getattr(instance, name)) for name in _about(instance).fields}


def _plain(value: Any) -> Any:
    kind = type(value)
    if _is_dataclass(kind):
        return _asdict(value)
    if isinstance(value, dict):
        return kind((_plain(key), _plain(each)) for key, each in value.items())
    if isinstance(value, (list, tuple)):
        plain = [_plain(each) for each in value]
        return kind(*plain) if hasattr(kind, "_fields") else kind(plain)
    return value


if not TYPE_CHECKING:
    dataclass, field, fields, is_dataclass = _dataclass, _field, _fields, _is_dataclass
    replace, asdict = _replace, _asdict
