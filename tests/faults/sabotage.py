"""Sources that kill their own worker process at a given step, once: built inside the worker."""

import os
import signal
from pathlib import Path

import toy_problem as toy

from outergrad.engine.local import child
from outergrad.engine.local.protocol import PushReady
from outergrad.workers.program import Factory
from outergrad.workers.visits import Visits


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class Trigger:
    """Fires at step `step` of the first `times` processes that get there.

    `folder` is where processes leave word for those that replace them.
    """

    def __init__(self, folder, step, times=1):
        self.folder, self.step, self.times, self.count = Path(folder), step, times, 0

    def pull(self):
        self.count += 1
        if self.count != self.step:
            return False
        fired = len(list(self.folder.iterdir()))
        if fired == self.times:
            return False
        (self.folder / f"{fired}-{os.getpid()}").touch()
        return True


class MortalOuter(toy.ToyOuter):
    def __init__(self, folder, step, times=1):
        self.trigger = Trigger(folder, step, times)

    def compute(self, utterance):
        if self.trigger.pull():
            die()
        return super().compute(utterance)


class MortalInner(toy.ToyInner):
    def __init__(self, folder, step):
        self.trigger = Trigger(folder, step)

    def gradient(self, batch):
        if self.trigger.pull():
            die()
        return super().gradient(batch)


class StoppedOuter(toy.ToyOuter):
    """Stops its own process, as a debugger or a full machine would."""

    def __init__(self, folder, step):
        self.trigger = Trigger(folder, step)

    def compute(self, utterance):
        if self.trigger.pull():
            os.kill(os.getpid(), signal.SIGSTOP)
        return super().compute(utterance)


class StoppedInner(toy.ToyInner):
    def __init__(self, folder, step):
        self.trigger = Trigger(folder, step)

    def gradient(self, batch):
        if self.trigger.pull():
            os.kill(os.getpid(), signal.SIGSTOP)
        return super().gradient(batch)


class MortalEvaluator(toy.ToyEvaluator):
    def __init__(self, folder, step):
        self.trigger = Trigger(folder, step)

    def evaluate(self):
        if self.trigger.pull():
            die()
        return super().evaluate()


def killed_in_push(folder, step):
    """An inner source whose worker dies with half a mailbox written."""
    trigger = Trigger(folder, step)
    push = child._MailboxClient.push

    def torn(client, gradient, note):
        if trigger.pull():
            for mailbox in client._mailboxes:
                mailbox[: gradient.size // 2] = 1e6
            die()
        push(client, gradient, note)

    child._MailboxClient.push = torn
    return toy.ToyInner()


def killed_after_announcing(folder, step):
    """An inner source whose worker dies right after a push that the server will apply."""
    trigger = Trigger(folder, step)
    announce = child._Link.announce

    def last_words(link, ready):
        assert isinstance(ready, PushReady)
        announce(link, ready)
        if trigger.pull():
            die()

    child._Link.announce = last_words
    return toy.ToyInner()


def killed_in_message(folder, step):
    """An outer source whose worker dies with half a message in the pipe."""
    trigger = Trigger(folder, step)
    put = child._Link.put

    def torn(link, result):
        if trigger.pull():
            # A header that promises 10,000 bytes, and five of them.
            os.write(link._connection.fileno(), (10_000).to_bytes(4, "big") + b"outer")
            die()
        put(link, result)

    child._Link.put = torn
    return toy.ToyOuter()


def killed_at_start(folder, step):
    """A source whose worker dies before it says that it is ready."""
    if Trigger(folder, step).pull():
        die()
    return toy.ToyOuter()


class Poisoned(toy.ToyOuter):
    """One utterance kills whoever decodes it, always."""

    def __init__(self, poison="utterance-11"):
        self.poison = poison

    def compute(self, utterance):
        if utterance == self.poison:
            die()
        return super().compute(utterance)


def poisoned_last(config):
    """An outer source whose decoder dies over the utterance that is handed out last."""
    visits = Visits(toy.UTTERANCES, config.replicas, config.schedule.epochs, config.seed)
    for _ in toy.UTTERANCES:
        last = visits.take(0).utterance
    return Factory("sabotage:Poisoned", {"poison": last})


class Raising(toy.ToyOuter):
    """One utterance raises an exception, always."""

    def compute(self, utterance):
        if utterance == "utterance-11":
            raise ArithmeticError("the lattice is upside down")
        return super().compute(utterance)


class CutShort(toy.ToyOuter):
    """One utterance needs a file whose end is missing, always."""

    def compute(self, utterance):
        if utterance == "utterance-11":
            raise EOFError("no data left in features.npy")
        return super().compute(utterance)


def cut_short():
    raise BrokenPipeError("the pipe of the filter is broken")


class NotFinite(toy.ToyInner):
    """One gradient is nan."""

    def __init__(self, step):
        self.step = step

    def gradient(self, batch):
        self.step -= 1
        gradient = super().gradient(batch)
        return gradient * float("nan") if self.step == 0 else gradient


class Unbalanced(toy.ToyOuter):
    """Outer gradients of one utterance do not sum to zero."""

    def compute(self, utterance):
        outer = super().compute(utterance)
        if utterance == "utterance-11":
            outer.values[0] += 0.5
        return outer


class Unbuildable:
    def __init__(self):
        raise MemoryError("no room for the graph")


class Mortal:
    """Every decoder dies at its first utterance."""

    def load(self, parameters):
        pass

    def compute(self, utterance):
        die()
