"""Keep the state and the chat of an agent between runs; delete idle sessions."""

from __future__ import annotations

from snakestore import SessionRepository


def main() -> None:
    """Count the runs, and add a turn to the chat."""
    with SessionRepository.open("agent.db", default_ttl=7 * 24 * 3600) as repo:
        repo.create_session("assistant", metadata={"owner": "ada"}, exist_ok=True)
        repo.register_variable("assistant", "runs", "integer", 0, exist_ok=True)
        # atomic, so that no run is lost when two start at the same time
        runs = repo.modify_variable("assistant", "runs", lambda count: count + 1).value

        # what only grows is a log: a turn costs the same however long the chat is
        chat = repo.log("assistant", "chat")
        chat.append({"role": "user", "text": f"hello for the {runs}. time"})

        print("ran", runs, "times; last message:", chat[-1]["text"])
        for turn in chat[-20:]:  # what a model gets to see
            print(f"  {turn['role']}: {turn['text']}")
        print("expired sessions deleted:", repo.delete_expired())


if __name__ == "__main__":
    main()
