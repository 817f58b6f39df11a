"""The playground's records as the Bot API's JSON objects: User, Chat, Message, ChatMember and their kin.

The chat builds updates with it and the methods build results. Pure; never reads state by itself: what a message
refers to (its chat, photo, reply) is handed in.
"""

from __future__ import annotations

from collections.abc import Iterable

from bot.playground.records import Button, ChatInfo, Json, Message, Photo, PlaygroundPerson, Sender

_RIGHTS = [
    "can_manage_chat",
    "can_delete_messages",
    "can_manage_video_chats",
    "can_restrict_members",
    "can_promote_members",
    "can_change_info",
    "can_invite_users",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
    "can_pin_messages",
    "can_manage_topics",
]


def user_json(sender: Sender) -> Json:
    user: Json = {"id": sender.id, "is_bot": sender.is_bot, "first_name": sender.name}
    return user | ({"username": sender.username} if sender.username else {})


def person_json(person: PlaygroundPerson) -> Json:
    return user_json(Sender(person.id, person.name, username=person.username))


def chat_json(chat: ChatInfo) -> Json:
    if chat.is_private:
        return {"id": chat.id, "type": "private", "first_name": chat.title}
    return {"id": chat.id, "type": "supergroup", "title": chat.title}


def full_chat_json(chat: ChatInfo) -> Json:
    """ChatFullInfo, with the fields it must have."""
    gifts = [
        "unlimited_gifts",
        "limited_gifts",
        "unique_gifts",
        "premium_subscription",
        "gifts_from_channels",
    ]
    return chat_json(chat) | {
        "accent_color_id": 0,
        "max_reaction_count": 11,
        "accepted_gift_types": dict.fromkeys(gifts, False),
    }


def photo_json(photo: Photo) -> list[Json]:
    """One PhotoSize: the playground keeps no thumbnails."""
    size = {
        "file_id": photo.id,
        "file_unique_id": f"unique-{photo.id}",
        "file_size": photo.size,
    }
    return [size | {"width": photo.width, "height": photo.height}]


def button_json(button: Button) -> Json:
    raw: Json = {"text": button.text}
    if button.data:
        raw["callback_data"] = button.data
    if button.url:
        raw["url"] = button.url
    if button.copy_text:
        raw["copy_text"] = {"text": button.copy_text}
    return raw | ({"style": button.style} if button.style else {})


def keyboard_json(keyboard: Iterable[Iterable[Button]]) -> Json:
    return {"inline_keyboard": [[button_json(button) for button in row] for row in keyboard]}


def message_json(
    message: Message, chat: ChatInfo, photo: Photo | None = None, reply: Json | None = None
) -> Json:
    """`reply` is the answered message as `message_json` gives it, itself without a reply, as in Telegram."""
    raw: Json = {
        "message_id": message.id,
        "date": int(message.date.timestamp()),
        "chat": chat_json(chat),
        "from": user_json(message.sender),
    }
    if message.sender.sender_chat is not None:
        raw["sender_chat"] = chat_json(ChatInfo(message.sender.sender_chat, message.sender.name))
    if message.edited_at:
        raw["edit_date"] = int(message.edited_at.timestamp())
    if message.thread_id:
        raw |= {"message_thread_id": message.thread_id, "is_topic_message": True}
    if reply:
        raw["reply_to_message"] = reply
    if photo:
        raw["photo"] = photo_json(photo)
    text, entities = ("caption", "caption_entities") if message.photo else ("text", "entities")
    if message.text:
        raw[text] = message.text
    if message.entities:
        raw[entities] = list(message.entities)
    if message.keyboard:
        raw["reply_markup"] = keyboard_json(message.keyboard)
    return raw


def owner_json(person: PlaygroundPerson) -> Json:
    return {"status": "creator", "user": person_json(person), "is_anonymous": False}


def member_json(person: PlaygroundPerson) -> Json:
    return {"status": "member", "user": person_json(person)}


def administrator_json(sender: Sender) -> Json:
    """ChatMemberAdministrator with every right: the bot in its own chat."""
    rights = dict.fromkeys(_RIGHTS, True)
    return {
        "status": "administrator",
        "user": user_json(sender),
        "can_be_edited": False,
        "is_anonymous": False,
    } | rights
