"""The executor of a control: the real one, with a part taken out."""

from scripts.day.control import take_out
from workers import executor
from workers.process import ChildContext, run_child


async def run(context: ChildContext) -> None:
    """Be the executor, but for that."""
    take_out()
    await executor.run(context)


if __name__ == "__main__":
    run_child(run)
