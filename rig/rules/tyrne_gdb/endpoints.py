"""The endpoints and notifications: who waits, and what waits for whom."""

from __future__ import annotations

from . import style
from .caps import Caps
from .kernel import Kernel
from .memory import enumerators, member, number
from .names import NONE, RIGHTS, rights_words
from .tasks import Tasks

_WITH_MESSAGE = ("SEND_PENDING", "RECV_COMPLETE")
_WITH_RECEIVER = ("RECV_WAITING", "RECV_COMPLETE")


class Endpoints:
    """The IPC objects of one stop."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._kernel = tasks.kernel
        self._caps = Caps(tasks)
        self._states = enumerators("endpoint_state")
        self._endpoints = member(self._kernel.ipc, "endpoints")

    def state(self, index: int) -> str:
        """The enum's name without its prefix."""
        value = number(self._endpoints[index], "state")
        return self._states.get(value, f"unknown state {value}").removeprefix("ENDPOINT_")

    def receiver(self, index: int) -> int:
        """The task that waits, or for which a message has come; NONE."""
        return number(self._endpoints[index], "receiver")

    def message(self, index: int) -> str:
        """The label and the words of the message, in hexadecimal."""
        held = member(self._endpoints[index], "message")
        words = member(held, "words")
        first, last = words.type.range()
        shown = " ".join(f"{int(words[at]):#x}" for at in range(first, last + 1))
        return f"label {number(held, 'label'):#x}, words {shown}"

    def state_words(self, index: int) -> str:
        """The state as a sentence."""
        state, receiver = self.state(index), self._tasks.label(self.receiver(index))
        match state:
            case "IDLE":
                return "idle: no message, nobody waits"
            case "SEND_PENDING":
                return f"a message waits for a receiver: {self.message(index)}"
            case "RECV_WAITING":
                return f"{receiver} waits for a message"
            case "RECV_COMPLETE":
                return f"{receiver} has a message that it has not fetched: {self.message(index)}"
        return state

    def holders(self, kind: str, index: int, right: str) -> str:
        """The tasks with a capability for the object that gives the right."""
        generation = self._kernel.arenas[kind].generation(index)
        found = []
        for task in self._tasks.live():
            for slot in self._caps.used(task):
                same = (slot.object.index, slot.object.generation) == (index, generation)
                if slot.kind == kind and same and slot.rights & RIGHTS[right]:
                    found.append(str(task))
        return ", ".join(dict.fromkeys(found)) or "nobody"

    def lines(self) -> list[str]:
        """Every endpoint and notification that exists."""
        shown = []
        live = self._kernel.arenas["endpoint"].live()
        shown.append(style.head(f"{len(live)} of {self._caps.parked} endpoints"))
        for index in live:
            shown.append(f"  endpoint {index}: {self.state_words(index)}")
            parked = self._caps.parked_at(index)
            if parked is not None:
                what = f"{self._caps.object_words(parked)}, {rights_words(parked.rights)}"
                shown.append(f"    with it comes a capability: {what}")
            can_send, can_receive = (self.holders("endpoint", index, r) for r in ("send", "recv"))
            shown.append(style.dim(f"    may send: {can_send}; may receive: {can_receive}"))
        live = self._kernel.arenas["notification"].live()
        words = member(self._kernel.ipc, "notifications")
        room = self._kernel.arenas["notification"].capacity
        shown.append(style.head(f"{len(live)} of {room} notifications"))
        for index in live:
            shown.append(f"  notification {index}: word {int(words[index]):#x}")
            notify, poll = (self.holders("notification", index, r) for r in ("notify", "recv"))
            shown.append(style.dim(f"    may notify: {notify}; may read: {poll}"))
        return shown + style.broken(self.problems(), self._kernel.in_kernel)

    def problems(self) -> list[str]:
        """Where endpoints and tasks contradict each other."""
        found = []
        for index in self._kernel.arenas["endpoint"].live():
            found += self._wrong(index)
        for task in self._tasks.live():
            if self._tasks.state(task) != "blocked":
                continue
            endpoint = self._tasks.waits_on(task)
            if endpoint is None or not self._kernel.arenas["endpoint"].has(endpoint):
                found.append(f"{self._tasks.label(task)} is blocked on no endpoint that exists")
            elif self.receiver(endpoint) != task:
                found.append(
                    f"{self._tasks.label(task)} is blocked on endpoint {endpoint}, which does not "
                    "know it: nothing wakes it"
                )
        return found

    def _wrong(self, index: int) -> list[str]:
        state, receiver = self.state(index), self.receiver(index)
        if state.startswith("unknown"):
            return [f"endpoint {index} has an {state}"]
        if (receiver != NONE) != (state in _WITH_RECEIVER):
            has = f"receiver {receiver}" if receiver != NONE else "no receiver"
            return [f"endpoint {index} is {state} with {has}"]
        if receiver != NONE and not self._kernel.arenas["task"].has(receiver):
            return [f"the receiver of endpoint {index} is {self._tasks.label(receiver)}"]
        if self._caps.parked_at(index) is not None and state not in _WITH_MESSAGE:
            return [f"a capability is parked at endpoint {index}, which has no message"]
        return []


def lines() -> list[str]:
    """What `tyrne endpoints` prints."""
    return Endpoints(Tasks(Kernel())).lines()
