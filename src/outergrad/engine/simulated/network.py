"""Pulls and pushes in virtual time: latency, bytes, and servers that answer one by one."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from outergrad.arrays import Float32Array
from outergrad.engine.session import Session
from outergrad.engine.simulated.config import NetworkCost
from outergrad.engine.simulated.cores import Cores
from outergrad.engine.simulated.world import SERVER, Fiber, World
from outergrad.ps.partition import Selection
from outergrad.randomness import rng
from outergrad.workers.messages import PushNote

MAILBOXES = 2
"""Pushes of a replica that may be on their way, as in engine `local`; a further one waits."""


@dataclass(slots=True)
class Line:
    """One direction of a server machine's link: in order of arrival, one thing at a time."""

    busy: float = 0.0
    """Seconds of work so far."""
    free: float = 0.0
    """When all that has arrived will be done."""

    def take(self, now: float, seconds: float) -> float:
        """When work that arrives `now` will be done."""
        self.busy += seconds
        self.free = max(now, self.free) + seconds
        return self.free


@dataclass(slots=True)
class Machine:
    """A machine that holds shards, and what it had to do.

    It answers pulls while pushes come in, as network links do, so that it has a line for each.
    """

    requests: int = 0
    """Pulls and pushes."""
    bytes: float = 0.0
    """Sent and received."""
    pulls: Line = field(default_factory=Line)
    """What it sends."""
    pushes: Line = field(default_factory=Line)
    """What it receives and applies; where cores are shared, all that it does."""
    queue: deque[tuple[float, Callable[[], None]]] = field(default_factory=deque)
    """Seconds and continuation of what waits or is under way; where cores are shared."""

    @property
    def busy(self) -> float:
        """Seconds of work of the busier direction."""
        return max(self.pulls.busy, self.pushes.busy)


@dataclass(frozen=True, slots=True)
class _Part:
    """What a machine has to do with a request."""

    machine: Machine
    shards: tuple[int, ...]
    bytes: float


class _Request:
    """A pull or a push on its way to several machines."""

    __slots__ = ("end", "left", "sent", "serve", "then")

    def __init__(
        self,
        left: int,
        sent: float | None,
        serve: Callable[[Sequence[int]], None],
        then: Callable[[float], None],
    ) -> None:
        self.left = left
        self.sent = sent
        """When a push can have come in whole; None: a pull."""
        self.serve = serve
        self.then = then
        self.end = 0.0

    def done(self, end: float, machines: int = 1) -> None:
        """So many machines will be done, or are, at `end`."""
        self.end = max(self.end, end)
        self.left -= machines
        if not self.left:
            self.then(self.end)


class Network:
    """Between all workers and the shards of a session."""

    def __init__(self, world: World, session: Session, cost: NetworkCost, cores: Cores) -> None:
        self._world = world
        self._session = session
        self._cost = cost
        self._cores = cores
        count = session.partition.num_shards
        self.machines = [Machine() for _ in range(min(cost.servers or count, count))]
        real = 4 * session.partition.num_parameters
        self._entry_bytes = 4 * (cost.parameter_bytes or real) / real
        self._jitter = rng(session.config.seed, "network") if cost.jitter else None
        self._sending: dict[int, Line] = {}
        self._parts_of: dict[Selection | None, Sequence[_Part]] = {}
        self._free_of_cost = not (cost.latency or cost.jitter or cost.bandwidth or cost.serve)

    def pull(self, out: Float32Array, parts: Selection | None) -> tuple[int, ...]:
        """Fetch parameters; the calling fiber waits for them."""
        world, server, cost = self._world, self._session.server, self._cost
        # Whoever has to push before this is seen at equal times goes first.
        world.sleep_until(world.now)
        if self._free_of_cost:
            return server.pull(out, parts)
        machines = self._parts(parts)
        own = self._seconds(sum(part.bytes for part in machines))
        if cost.shared_memory:
            versions = server.pull(out, parts)
            self._cores.use(own)
            return versions
        seen = list(server.versions)
        fiber, start = world.fiber, world.now

        def serve(shards: Sequence[int]) -> None:
            versions = server.pull(out, parts, shards)
            for shard in shards:
                seen[shard] = versions[shard]

        def then(end: float) -> None:
            world.wake(fiber, max(end, start + cost.latency + own) + cost.latency)

        self._send(machines, None, serve, then)
        world.wait()
        return tuple(seen)

    def push(self, gradient: Float32Array, note: PushNote, applied: Callable[[], None]) -> None:
        """Send a gradient; `applied` is called once all shards have had their part."""
        session, cost, world = self._session, self._cost, self._world
        if self._free_of_cost and not cost.update:
            session.push(gradient, note)
            applied()
            return
        machines = self._parts(session.program.trained)
        own = self._seconds(sum(part.bytes for part in machines))
        if cost.shared_memory:
            # The replica itself does the writing; a network card works beside it.
            self._cores.use(own)
        push = session.arriving(gradient, note)
        sent = later = 0.0
        if not cost.shared_memory:
            # The card sends what two mailboxes hold one after the other.
            sent = self._sending.setdefault(note.replica, Line()).take(world.now, own)
            later = sent - own - world.now
            sent += cost.latency

        def then(end: float) -> None:
            session.pushed(push)
            applied()

        self._send(machines, sent, push.apply, then, later)

    def _parts(self, parts: Selection | None) -> Sequence[_Part]:
        """Which machines have to do with `parts`, and how much."""
        known = self._parts_of.get(parts)
        if known is None:
            partition, count = self._session.partition, len(self.machines)
            pieces = partition.pieces(parts or partition.whole)
            known = []
            for index, machine in enumerate(self.machines):
                mine = [piece for piece in pieces if piece.shard % count == index]
                size = sum(piece.within.size for piece in mine) * self._entry_bytes
                if mine:
                    known.append(_Part(machine, tuple(piece.shard for piece in mine), size))
            self._parts_of[parts] = known
        return known

    def _seconds(self, size: float) -> float:
        return size / self._cost.bandwidth if self._cost.bandwidth else 0.0

    def _send(
        self,
        machines: Sequence[_Part],
        sent: float | None,
        serve: Callable[[Sequence[int]], None],
        then: Callable[[float], None],
        later: float = 0.0,
    ) -> None:
        """Reach the machines, at the earliest `later` and a latency from now; `serve(shards)` is
        called for each, `then(end)` when all are done."""
        request = _Request(len(machines), sent, serve, then)
        world, latency = self._world, self._cost.latency + later
        if self._jitter is not None:
            for part in machines:
                late = latency + float(self._jitter.exponential(self._cost.jitter))
                self._arrive_at(world.now + late, request, (part,))
        elif latency:
            self._arrive_at(world.now + latency, request, machines)
        else:
            self._arrive(request, machines)

    def _arrive_at(self, time: float, request: _Request, machines: Sequence[_Part]) -> None:
        self._world.at(time, SERVER, lambda: self._arrive(request, machines))

    def _arrive(self, request: _Request, machines: Sequence[_Part]) -> None:
        """Let the machines answer a pull, or take in a push, each when its turn comes.

        What a machine has begun to send no longer changes, and what it still receives has not
        changed anything; one moment stands for all machines that a request reaches together.
        """
        cost, now, push = self._cost, self._world.now, request.sent is not None
        shards = [shard for part in machines for shard in part.shards]
        for part in machines:
            part.machine.requests += 1
            part.machine.bytes += part.bytes
        work = [cost.serve + (part.bytes * cost.update if push else 0.0) for part in machines]
        if cost.shared_memory:
            request.serve(shards)
            for part, seconds in zip(machines, work, strict=True):
                self._enqueue(part.machine, seconds, lambda: request.done(self._world.now))
            return
        lines = [part.machine.pushes if push else part.machine.pulls for part in machines]
        begin = max(now, *(line.free for line in lines))
        end = max(
            request.sent or 0.0,
            *(
                line.take(now, seconds + self._seconds(part.bytes))
                for line, part, seconds in zip(lines, machines, work, strict=True)
            ),
        )

        def serve() -> None:
            request.serve(shards)
            request.done(end, len(machines))

        when = end if push else begin
        if when > now:
            self._world.at(when, SERVER, serve)
        else:
            serve()

    def _enqueue(self, machine: Machine, seconds: float, then: Callable[[], None]) -> None:
        """Give work to a machine that shares cores with the workers."""
        machine.pushes.busy += seconds
        machine.queue.append((seconds, then))
        if len(machine.queue) == 1:
            self._work(machine)

    def _work(self, machine: Machine) -> None:
        """Let a machine that shares cores with the workers do the next thing."""
        seconds, then = machine.queue[0]

        def done() -> None:
            machine.queue.popleft()
            then()
            if machine.queue:
                self._work(machine)

        self._cores.run(seconds, done)


class Mailboxes:
    """Lets a replica have so many pushes under way and no more."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._used = 0
        self._waiting: Fiber | None = None

    def take(self) -> None:
        """Wait until one is free and use it."""
        while self._used == MAILBOXES:
            self._waiting = self._world.fiber
            self._world.wait()
        self._used += 1

    def give(self) -> None:
        """A push has been applied."""
        self._used -= 1
        if self._waiting is not None:
            self._world.wake(self._waiting)
            self._waiting = None
