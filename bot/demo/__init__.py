"""`countersign demo`: the whole product on embedded defaults, with a chat page in the browser.

Everything in it is real but Telegram (`bot/playground/`) and the exchange (the paper venue). It must
stay a user of the product: nothing else knows that it exists.
"""

from bot.demo.process import run_demo

__all__ = ["run_demo"]
