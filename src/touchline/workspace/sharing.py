"""In: how a store is opened. Out: the store, opened once for every actor of a workspace. Writes no interactions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar, cast

T = TypeVar("T")


class Stores:
    """What is open already: name -> store. Threads that ask at once get the same one."""

    def __init__(self) -> None:
        self._open: dict[str, Any] = {}
        self._opening = threading.RLock()
        self._threads = threading.local()

    def get(self, name: str, opens: Callable[[], T]) -> T:
        """The store of that name, opened if need be."""
        if name not in self._open:
            with self._opening:
                if name not in self._open:
                    self._open[name] = opens()
        return cast("T", self._open[name])

    def here(self, name: str, opens: Callable[[], T]) -> T:
        """The same for what one thread alone may use: each gets its own."""
        own = self._threads.__dict__
        if name not in own:
            own[name] = opens()
        return cast("T", own[name])

    def put(self, name: str, store: object) -> None:
        """This is the store of that name from now on."""
        with self._opening:
            self._open[name] = store

    def forget(self, *names: str) -> None:
        """Open these again when they are asked for next."""
        with self._opening:
            for name in names:
                self._open.pop(name, None)


class HasStores(Protocol):
    """Whatever shares its stores with its copies."""

    stores: Stores


class shared(Generic[T]):  # noqa: N801 - used as a decorator, like `property`
    """A property that is made once, and is the same for all copies that share `stores`."""

    def __init__(self, opens: Callable[[Any], T]) -> None:
        self._opens = opens
        self.__doc__ = opens.__doc__

    def __set_name__(self, _: type, name: str) -> None:
        self._name = name

    def __get__(self, owner: Any, _: type | None = None) -> T:
        if owner is None:
            return cast("T", self)
        return cast("HasStores", owner).stores.get(self._name, lambda: self._opens(owner))
