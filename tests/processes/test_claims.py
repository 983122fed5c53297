"""Several processes share work by claim_variable: each variable goes to one of them."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from snakestore import SessionRepository
from tests.processes import test_one_file
from tests.processes.test_one_file import PATIENCE, SPAWN, WORKERS, stand_ready

JOBS = [f"trial/{number:02}" for number in range(66)]


def claim_all(path, worker):
    """Claim until nothing is left; what was claimed."""
    claimed = []
    with SessionRepository.open(path) as repo:
        test_one_file._start.wait(PATIENCE)
        while (job := repo.claim_variable("s", "trial/*", f"w{worker}", lease=300)) is not None:
            claimed.append(job.name)
    return claimed


def test_each_of_66_variables_is_claimed_once_by_eight_processes(tmp_path):
    path = tmp_path / "s.db"
    with SessionRepository.open(path) as repo:
        repo.create_session("s")
        for name in [*JOBS, "other"]:
            repo.register_variable("s", name, "json", {})

    with ProcessPoolExecutor(
        WORKERS, mp_context=SPAWN, initializer=stand_ready, initargs=(SPAWN.Barrier(WORKERS),)
    ) as pool:
        workers = [pool.submit(claim_all, path, worker) for worker in range(WORKERS)]
        claimed = Counter(name for worker in workers for name in worker.result(PATIENCE))

    assert claimed == Counter(JOBS)
    with SessionRepository.open(path) as repo:
        free = [each.name for each in repo.list_variables("s") if not each.optimizing]
    assert free == ["other"]
