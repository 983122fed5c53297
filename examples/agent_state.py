"""Keep the state of an agent between runs and use it like a dict; delete idle sessions."""

from __future__ import annotations

from snakestore import SessionRepository


def main() -> None:
    """Count the runs and keep the transcript."""
    with SessionRepository.open("agent.db", default_ttl=7 * 24 * 3600) as repo:
        repo.create_session("assistant", metadata={"owner": "ada"}, exist_ok=True)
        state = repo.session("assistant")
        state["runs"] = state.get("runs", 0) + 1
        state["transcript"] = [
            *state.get("transcript", []),
            {"role": "user", "text": f"hello for the {state['runs']}. time"},
        ]

        print("ran", state["runs"], "times; last message:", state["transcript"][-1]["text"])
        for name in state:
            variable = repo.get_variable("assistant", name)
            print(f"  {name}: {variable.type}, version {variable.version}")
        print("expired sessions deleted:", repo.delete_expired())


if __name__ == "__main__":
    main()
