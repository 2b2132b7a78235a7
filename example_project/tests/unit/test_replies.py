import pytest

from helpdesk.replies import acknowledgement, banned_phrases, draft_reply


def test_acknowledges_in_the_language_of_the_ticket():
    assert acknowledgement("Sjoerd", "nl", 24).startswith("Beste Sjoerd")


def test_acknowledges_in_english_when_we_do_not_speak_the_language():
    assert acknowledgement("Ilaria", "it", 48).startswith("Dear Ilaria")


def test_finds_banned_phrases_in_any_case():
    assert banned_phrases("Please CALM DOWN. As stated, it is late.") == ["as stated", "calm down"]


def test_a_draft_with_a_banned_phrase_is_not_sent():
    with pytest.raises(ValueError, match="calm down"):
        draft_reply(lambda prompt: "Please calm down.", "Where is it?!")
