"""The state of an agent that lives on from run to run, used like a dict; idle sessions are swept."""

from __future__ import annotations

from snakestore import SessionRepository


def main() -> None:
    """Remember how often we ran, and what was said last."""
    with SessionRepository.open("agent.db", default_ttl=7 * 24 * 3600) as repo:
        repo.create_session("assistant", metadata={"owner": "ada"}, exist_ok=True)
        state = repo.session("assistant")
        state["runs"] = state.get("runs", 0) + 1
        state["transcript"] = [
            *state.get("transcript", []),
            {"role": "user", "text": f"hello for the {state['runs']}. time"},
        ]

        print("ran", state["runs"], "times; said last:", state["transcript"][-1]["text"])
        for name in state:
            variable = repo.get_variable("assistant", name)
            print(f"  {name}: {variable.type}, version {variable.version}")
        print("swept:", repo.delete_expired())


if __name__ == "__main__":
    main()
