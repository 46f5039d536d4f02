"""Who asks the same at the same time is answered by one look, which begins after all of them asked."""

from __future__ import annotations

import asyncio

import pytest

from inference.jobs.looks import Looks


class Store:
    """Answers with how often it was asked, each time only when it is let."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.open = asyncio.Event()
        self.raises: Exception | None = None

    async def answer(self, question: str) -> int:
        self.asked.append(question)
        count = len(self.asked)
        await self.open.wait()
        if self.raises is not None:
            raise self.raises
        return count


def test_one_look_for_all_who_ask_together() -> None:
    async def run() -> None:
        store = Store()
        looks = Looks(store.answer)
        together = asyncio.gather(*(looks.ask("job") for _ in range(500)), looks.ask("other"))
        while len(store.asked) < 2:
            await asyncio.sleep(0)
        later = asyncio.ensure_future(looks.ask("job"))  # of something that the first look may have missed
        await asyncio.sleep(0)
        store.open.set()
        assert await together == [1] * 500 + [2]
        assert await later == 3
        assert store.asked == ["job", "other", "job"]

    asyncio.run(run())


def test_who_leaves_takes_no_answer_along() -> None:
    async def run() -> None:
        store = Store()
        looks = Looks(store.answer)
        leaver, stayer = (asyncio.ensure_future(looks.ask("job")) for _ in range(2))
        while not store.asked:
            await asyncio.sleep(0)
        leaver.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaver
        store.open.set()
        assert await stayer == 1

    asyncio.run(run())


def test_all_are_told_what_went_wrong() -> None:
    async def run() -> None:
        store = Store()
        store.raises, looks = LookupError("gone"), Looks(store.answer)
        store.open.set()
        told = await asyncio.gather(*(looks.ask("job") for _ in range(3)), return_exceptions=True)
        assert told == [store.raises] * 3

    asyncio.run(run())
