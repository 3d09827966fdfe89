"""The feed of a control: the real one, with a part taken out."""

from scripts.day.control import take_out
from workers import feed
from workers.process import ChildContext, run_child


async def run(context: ChildContext) -> None:
    """Be the feed, but for that."""
    take_out()
    await feed.run(context)


if __name__ == "__main__":
    run_child(run)
