"""A client of a detector's server without a network, for its tests."""

import asyncio

import numpy as np


class PageClient:
    """Puts and gets as a client of Channel Access has them; whoever inherits has `prefix` and `channels`."""

    def get(self, name):
        value = self.channels[f"{self.prefix}{name}"].value
        if isinstance(value, bytes):
            return value.decode().rstrip("\0")
        return value[0] if isinstance(value, list | np.ndarray) and len(value) == 1 else value

    async def put(self, name, value):
        await self.channels[f"{self.prefix}{name}"].write(value)

    async def puts(self, **values):
        for name, value in values.items():
            await self.put(name.replace("_", ":", 1), value)

    async def until(self, name, value):
        async with asyncio.timeout(5.0):
            while self.get(name) != value:
                await asyncio.sleep(0.001)
