"""What senders send, read as a `Signal`: the fields, each kind of sender, the sender's own names.

`bot/inlet.py` calls these for every request. All of it is pure: no clock, no network, no log;
what is wrong is a `BadField` that names the field and the fix.
"""
