"""Draws pictures with matplotlib; only the process behind `charts.Charts` imports this."""

from bot.drawing import candles, results
from bot.pictures import CandlePicture, Picture


def draw(picture: Picture) -> bytes:
    """The picture as PNG, `style.WIDTH` by `style.HEIGHT` pixels."""
    if isinstance(picture, CandlePicture):
        return candles.draw(picture)
    return results.draw(picture)
