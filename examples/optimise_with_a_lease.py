"""An optimiser holds a lease on a variable and writes to it; others can only read meanwhile."""

from __future__ import annotations

from snakestore import SessionRepository, VariableLockedError

OPTIMISER = "hill-climber"


def score(temperature: float) -> float:
    """The score to maximise, in place of running a program on examples."""
    return 1.0 - (temperature - 0.42) ** 2


def main() -> None:
    """Climb in small steps and renew the lease at each."""
    with SessionRepository.open("optimise.db") as repo:
        repo.create_session("tuning", exist_ok=True)
        repo.register_variable(
            "tuning",
            "temperature",
            "float",
            1.0,
            constraints={"min": 0.0, "max": 2.0},
            exist_ok=True,
        )
        repo.update_variable("tuning", "temperature", 1.0, metadata={"why": "new run"})

        best = repo.start_optimization("tuning", "temperature", OPTIMISER, lease=60).value
        try:
            repo.update_variable("tuning", "temperature", 1.5)
        except VariableLockedError as locked:
            print(f"locked by {locked.holder}")

        while score(best - 0.01) > score(best):
            best = round(best - 0.01, 2)
            # renews the lease
            repo.start_optimization("tuning", "temperature", OPTIMISER, lease=60)
            repo.update_variable(
                "tuning",
                "temperature",
                best,
                metadata={"score": score(best)},
                optimizer_id=OPTIMISER,
            )
        repo.end_optimization("tuning", "temperature", OPTIMISER)

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
