"""Two optimisers improve one variable in turn, and neither undoes what the other found."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from snakestore import Lease, LeaseLostError, SessionRepository, VariableLockedError

STEP = 0.01


def score(temperature: float) -> float:
    """The score to maximise, in place of running a program on examples."""
    return 1.0 - (temperature - 0.42) ** 2


def climb(lease: Lease) -> int:
    """Take small steps down as long as they improve the score; the number of steps."""
    steps = 0
    best = lease.variable.value  # the current value, which only this block can write
    while score(best - STEP) > score(best):
        best = round(best - STEP, 2)
        lease.update(best, metadata={"score": score(best)})
        steps += 1
    return steps


def optimise(repo: SessionRepository) -> int:
    """Climb from the current value, once no other optimiser holds the lease."""
    while True:
        try:
            # renewed in the background, however long the work takes
            with repo.lease("tuning", "temperature", seconds=60) as lease:
                return climb(lease)
        except LeaseLostError:
            # this process slept past its lease, and others may have written since. This one wrote
            # nothing: start again, re-read, and decide again
            continue
        except VariableLockedError:
            time.sleep(0.05)  # another optimiser holds it


def main() -> None:
    """Let two optimisers work, and show what they found."""
    with SessionRepository.open("optimise.db") as repo:
        repo.create_session("tuning", ttl=None, exist_ok=True)
        repo.register_variable(
            "tuning",
            "temperature",
            "float",
            1.0,
            constraints={"min": 0.0, "max": 2.0},
            metadata={"score": score(1.0)},
            exist_ok=True,
        )

        with repo.lease("tuning", "temperature") as lease:
            try:
                repo.update_variable("tuning", "temperature", 1.5)
            except VariableLockedError as locked:
                print("others can only read:", locked.holder == lease.optimizer_id)

        with ThreadPoolExecutor(2) as optimisers:
            steps = [optimisers.submit(optimise, repo) for _ in range(2)]
        print("steps of both:", sorted(each.result() for each in steps))

        found = repo.get_variable("tuning", "temperature")
        print(
            f"temperature {found.value}, version {found.version}, score"
            f" {found.metadata['score']:.4f}"
        )
        print(
            "the last three versions:",
            [past.value for past in repo.variable_history("tuning", "temperature", limit=3)],
        )


if __name__ == "__main__":
    main()
