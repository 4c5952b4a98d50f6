from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.lab.shop.shop_lab import ShopLab, shop_lab


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncGenerator[ShopLab]:
    async with shop_lab(tmp_path) as served:
        yield served
