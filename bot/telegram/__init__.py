"""The chat: what people see, tap and type. Texts here are pure; sending and receiving stand beside."""
