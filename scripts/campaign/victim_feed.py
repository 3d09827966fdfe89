"""The feed of an engine under attack: the real one, which connects as often as it is killed."""

from scripts.campaign.lavishness import spend_freely
from workers import feed
from workers.process import ChildContext, run_child


async def run(context: ChildContext) -> None:
    """Be the feed."""
    spend_freely()
    await feed.run(context)


if __name__ == "__main__":
    run_child(run)
