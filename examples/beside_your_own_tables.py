"""Your rows and a session's state in one transaction: both are there, or neither."""

from __future__ import annotations

from sqlalchemy import orm, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from snakestore import SessionRepository, create_engine, upgrade


class Base(DeclarativeBase):
    """Your own tables; snakestore's stay out of their metadata."""


class Ticket(Base):
    """A support ticket that an agent works on."""

    __tablename__ = "tickets"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]


def open_ticket(engine_session: orm.Session, title: str) -> int:
    """Add a ticket and the session of its agent; the caller commits."""
    ticket = Ticket(title=title)
    engine_session.add(ticket)
    engine_session.flush()
    repo = SessionRepository(engine_session)
    repo.create_session(f"ticket-{ticket.id}", metadata={"title": title})
    repo.register_variable(
        f"ticket-{ticket.id}",
        "state",
        "choice",
        "open",
        constraints={"choices": ["open", "answered"]},
    )
    return ticket.id


def main() -> None:
    """Commit one ticket, roll another one back."""
    engine = create_engine("tickets.db")
    upgrade(engine)
    Base.metadata.create_all(engine)
    with orm.Session(engine) as work:
        kept = open_ticket(work, "It does not start")
        work.commit()
        gone = open_ticket(work, "Never mind")
        work.rollback()
    with orm.Session(engine) as work, work.begin():
        repo = SessionRepository(work)
        print("tickets:", work.scalars(select(Ticket.id)).all())
        print(
            "sessions there:",
            repo.session_exists(f"ticket-{kept}"),
            repo.session_exists(f"ticket-{gone}"),
        )
    engine.dispose()


if __name__ == "__main__":
    main()
