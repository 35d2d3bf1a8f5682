"""Engine `simulated`: every worker in virtual time; same seed, same bits; hundreds of replicas."""

from outergrad.arrays import Float32Array
from outergrad.engine.frozen import FrozenClient
from outergrad.engine.memory import ParameterMemory, PrivateMemory
from outergrad.engine.session import Session
from outergrad.engine.simulated.config import SimulatedConfig
from outergrad.engine.simulated.cores import Cores
from outergrad.engine.simulated.desks import Clerk, Desks
from outergrad.engine.simulated.network import Machine, Mailboxes, Network
from outergrad.engine.simulated.sources import Shared, TimedEvaluation, TimedInner, TimedOuter
from outergrad.engine.simulated.world import DECODER, EVALUATOR, REPLICA, World
from outergrad.ps.partition import Partition, Selection
from outergrad.workers.config import AsyncConfig
from outergrad.workers.decoder import Decoder
from outergrad.workers.evaluator import Evaluator
from outergrad.workers.messages import PushNote
from outergrad.workers.program import Program
from outergrad.workers.replica import Replica


class SimulatedEngine:
    """Runs the roles in virtual time, with the costs of its configuration."""

    def __init__(self, config: SimulatedConfig | None = None) -> None:
        self._config = config or SimulatedConfig()
        self._time = 0.0
        self._world: World | None = None
        self.events = 0
        """Events so far."""
        self.machines: list[Machine] = []
        """What the machines of the shards had to do in the last run."""
        self.clerk: Clerk | None = None
        """What the coordinator had to do in it."""

    def now(self) -> float:
        """Virtual seconds."""
        return self._time if self._world is None else self._world.now

    def memory(self, program: Program, config: AsyncConfig) -> ParameterMemory:
        """Ordinary memory."""
        return PrivateMemory(Partition.even(program.parameters.size, config.shards))

    def run(self, session: Session) -> None:
        """Work until the session is finished."""
        if session.finished:
            return
        world = self._world = World(self._time)
        cores = Cores(world, self._config.cores)
        network = Network(world, session, self._config.network, cores)
        clerk = self.clerk = Clerk(cores, self._config.hand_out)
        desks = Desks(world, session, self._config.network.latency, clerk)
        self.machines = network.machines
        try:
            self._hire(session, world, network, desks, cores)
            world.run()
        finally:
            world.end()
            self._time = world.now
            self.events += world.events
            self._world = None

    def _hire(
        self, session: Session, world: World, network: Network, desks: Desks, cores: Cores
    ) -> None:
        """All workers, in the order in which they begin."""
        program, config, costs = session.program, session.config, self._config
        size, trained, seed = program.parameters.size, program.trained, config.seed
        shared = Shared(program.evaluator.build())
        timed = TimedEvaluation(shared, costs.evaluate, cores, costs, seed, "evaluator", 0)
        evaluator = Evaluator(size, timed, FrozenClient(session), desks.evaluator)
        world.spawn("evaluator 0", EVALUATOR, evaluator.run)
        inner, outer = Shared(program.inner.build()), Shared(program.outer.build())
        for index in range(config.replicas):
            gradient = TimedInner(inner, costs.step, cores, costs, seed, "replica", index)
            pushing = _PushingClient(session, network, desks, Mailboxes(world))
            replica = Replica(
                index, size, trained, gradient, config, pushing, desks.replica(index), session.now
            )
            world.spawn(f"replica {index}", REPLICA, replica.run)
        client = _Client(session, network)
        for index in range(config.replicas * config.decoders):
            source = TimedOuter(outer, costs.decode, cores, costs, seed, "decoder", index)
            desk = desks.decoder(index)
            decoder = Decoder(
                index,
                size,
                trained,
                source,
                config.fetch,
                client,
                desk,
                desk,
                session.now,
                config.gap,
            )
            world.spawn(f"decoder {index}", DECODER, decoder.run)


class _Client:
    """The parameter server behind the network."""

    def __init__(self, session: Session, network: Network) -> None:
        self._session = session
        self._network = network

    def versions(self) -> tuple[int, ...]:
        return self._session.server.versions

    def pull(self, out: Float32Array, parts: Selection | None = None) -> tuple[int, ...]:
        return self._network.pull(out, parts)


class _PushingClient(_Client):
    """The same for a replica."""

    def __init__(
        self, session: Session, network: Network, desks: Desks, mailboxes: Mailboxes
    ) -> None:
        super().__init__(session, network)
        self._desks = desks
        self._mailboxes = mailboxes

    def push(self, gradient: Float32Array, note: PushNote) -> None:
        self._mailboxes.take()

        def applied() -> None:
            self._mailboxes.give()
            self._desks.pushed()

        self._network.push(gradient, note, applied)
