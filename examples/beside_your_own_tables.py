"""Write your own rows and the state of a session in one transaction."""

from __future__ import annotations

from sqlalchemy import orm, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from snakestore import SessionRepository, create_engine, upgrade


class Base(DeclarativeBase):
    """Base of your own tables, with a metadata separate from snakestore's."""


class Ticket(Base):
    """A support ticket, which an agent handles."""

    __tablename__ = "tickets"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]


def open_ticket(db: orm.Session, title: str) -> int:
    """Add a ticket and the session of its agent. The caller commits."""
    ticket = Ticket(title=title)
    db.add(ticket)
    db.flush()
    repo = SessionRepository(db)
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
    """Commit one ticket and roll back another one."""
    engine = create_engine("tickets.db")
    upgrade(engine)
    Base.metadata.create_all(engine)
    with orm.Session(engine) as db:
        committed = open_ticket(db, "It does not start")
        db.commit()
        rolled_back = open_ticket(db, "Never mind")
        db.rollback()
    with orm.Session(engine) as db, db.begin():
        repo = SessionRepository(db)
        print("tickets:", db.scalars(select(Ticket.id)).all())
        print("session of the committed ticket:", repo.session_exists(f"ticket-{committed}"))
        print("session of the other ticket:", repo.session_exists(f"ticket-{rolled_back}"))
    engine.dispose()


if __name__ == "__main__":
    main()
