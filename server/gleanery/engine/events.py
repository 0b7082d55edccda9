"""Who hears of changes: listeners are called in the loop, after the commit, in the order of the commits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gleanery.store.values import Change

Listener = Callable[[Sequence[Change]], None]


class ChangeFeed:
    """A list of listeners. `publish` is what a store calls; a listener must be quick and must not raise."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear every change from now on; call what is returned to stop."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def publish(self, changes: Sequence[Change]) -> None:
        for listener in tuple(self._listeners):
            listener(changes)
