"""Sends signals to random workers of a `local` run that goes on in this process."""

import random
import signal
import threading
from dataclasses import dataclass, field

from outergrad.engine.local import worker
from outergrad.engine.protocol import Role


@dataclass
class Killer:
    """Every `mean_seconds` or so, SIGKILL or SIGSTOP for a worker of the next role in turn."""

    kills: int
    mean_seconds: float
    seed: int = 0
    stops: float = 0.25
    """Share of SIGSTOP."""
    done: list[tuple[str, int, str]] = field(default_factory=list)
    """(role, index, signal), in order."""

    def __post_init__(self):
        self._random = random.Random(self.seed)
        self._workers = []
        self._over = threading.Event()
        self._init = worker.Worker.__init__
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def __enter__(self):
        killer = self

        def recording(self, *arguments):
            killer._init(self, *arguments)
            killer._workers.append(self)

        worker.Worker.__init__ = recording
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        self._thread.join()
        worker.Worker.__init__ = self._init

    def _loop(self):
        roles = [Role.DECODER, Role.REPLICA, Role.DECODER, Role.REPLICA, Role.EVALUATOR]
        while len(self.done) < self.kills:
            if self._over.wait(self._random.expovariate(1 / self.mean_seconds)):
                return
            role = roles[len(self.done) % len(roles)]
            alive = [w for w in self._workers if w.role is role and w.process.poll() is None]
            if not alive:
                continue
            victim = self._random.choice(alive)
            number = signal.SIGSTOP if self._random.random() < self.stops else signal.SIGKILL
            victim.process.send_signal(number)
            self.done.append((role.value, victim.index, number.name))
