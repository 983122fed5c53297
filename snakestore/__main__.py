"""``python -m snakestore`` is the ``snakestore`` command."""

from snakestore.cli import main

if __name__ == "__main__":
    main()
