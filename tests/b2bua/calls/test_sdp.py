# SPDX-License-Identifier: GPL-3.0-or-later
"""SDP: names of codecs, and the order in which they are offered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from b2bua.calls import sdp

OFFER = "\r\n".join((
    "v=0", "o=- 1 1 IN IP4 h", "s=-", "c=IN IP4 h", "t=0 0", "m=audio 4000 RTP/AVP 8 0 96 101 77", "a=sendrecv",
    "a=rtpmap:96 OPUS/48000/2", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16",
    "m=video 4002 RTP/AVP 8 97", "a=rtpmap:97 H264/90000", "m=audio 4004 RTP/AVP 9", ""))


def test_codecs_are_those_of_the_first_audio_line_in_its_order() -> None:
    assert sdp.codecs(OFFER) == ("pcma/8000", "pcmu/8000", "opus/48000", "telephone-event/8000")


def test_the_chosen_codec_is_no_telephone_event() -> None:
    assert sdp.chosen(OFFER.replace("8 0 96 101 77", "101 0")) == "pcmu/8000"
    assert sdp.chosen("v=0\r\nm=video 1 RTP/AVP 0\r\n") is None


def test_wanted_codecs_come_first_the_others_keep_their_order() -> None:
    wanted = sdp.prefer(OFFER, ("OPUS/48000", "PCMU/8000", "gsm/8000"))
    assert wanted == OFFER.replace("8 0 96 101 77", "96 0 8 101 77")
    assert "m=video 4002 RTP/AVP 8 97" in wanted


def test_an_sdp_without_audio_stays_as_it_is() -> None:
    for text in ("", "v=0\r\n", "m=video 1 RTP/AVP 0\r\n", "m=audio\r\n", "m=audio 0 RTP/AVP\r\n"):
        assert sdp.prefer(text, ("pcmu/8000",)) == text
        assert sdp.codecs(text) == ()


@given(st.text(max_size=200))
def test_garbage_never_raises(text: str) -> None:
    for body in (text, "m=audio " + text, "m=audio 1 RTP/AVP 0 8\n" + text):
        sdp.codecs(body)
        sdp.chosen(body)
        assert len(sdp.prefer(body, ("pcma/8000",))) == len(body)


def test_the_body_begins_after_the_empty_line() -> None:
    assert sdp.body_of("INVITE x SIP/2.0\r\nA: b\r\n\r\nv=0\r\n\r\ns=-\r\n") == "v=0\n\ns=-\n"
    assert sdp.body_of("INVITE x SIP/2.0\r\nA: b\r\n") == ""


def test_a_body_that_is_no_utf8_can_be_sent_on() -> None:
    assert sdp.body_of("INFO x SIP/2.0\n\nRen\udce9") == "Ren?"
