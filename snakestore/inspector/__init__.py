"""The browser inspector, and the questions that an operator asks of a store.

questions     the ten questions as SQL over the views; ``docs/inspecting.md`` shows them
"""
