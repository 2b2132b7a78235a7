"""Reply templates, and the words no reply may have."""

from __future__ import annotations

from collections.abc import Callable

from helpdesk.prompts import reply_prompt

__all__ = ["BANNED", "acknowledgement", "banned_phrases", "draft_reply"]

BANNED = (
    "as stated",
    "calm down",
    "per our policy",
    "you should have",
    "obviously",
    "your fault",
)

_RECEIVED = {
    "en": "Dear {name}, we have your message and answer within {hours} hours. Larkmoor Kitchen",
    "nl": "Beste {name}, we hebben uw bericht ontvangen en antwoorden binnen {hours} uur. Larkmoor Kitchen",
    "de": "Guten Tag {name}, wir haben Ihre Nachricht erhalten und antworten binnen {hours} Stunden. Larkmoor Kitchen",
    "fr": "Bonjour {name}, nous avons bien reçu votre message et répondons sous {hours} heures. Larkmoor Kitchen",
}


def acknowledgement(name: str, language: str, hours: int) -> str:
    """The automatic answer to a new ticket; English when we do not speak the language."""
    return _RECEIVED.get(language, _RECEIVED["en"]).format(name=name, hours=hours)


def banned_phrases(text: str) -> list[str]:
    """The phrases in a text that make customers angrier than they were."""
    lowered = text.lower()
    return [phrase for phrase in BANNED if phrase in lowered]


def draft_reply(ask: Callable[[str], str], ticket: str) -> str:
    """Have a model draft a reply.

    Args:
        ask: sends a prompt to a model and gives its answer.
        ticket: the customer's words.

    Raises:
        ValueError: the draft has a banned phrase, so an agent must write it.
    """
    draft = ask(reply_prompt(ticket)).strip()
    if found := banned_phrases(draft):
        raise ValueError(f"the draft says {', '.join(map(repr, found))}")
    return draft
