// SPDX-License-Identifier: GPL-3.0-or-later
//
// Relay: two legs that agreed on a codec hear each other packet by packet, without decoding. Thread: SIP, all of it;
// the packets themselves go from socket to socket in PJMEDIA's own thread.
#pragma once

#include <string>

/// What relay_join answers.
enum RelayStatus {
    RELAY_JOINED = 0,
    RELAY_NO_MEDIA = 1,       ///< one of the two has no running audio stream (yet)
    RELAY_CODECS_DIFFER = 2,  ///< name or clock rate
    RELAY_PTIMES_DIFFER = 3
};

/// What a leg does with what it hears before its partner gets it.
enum RelayMode {
    RELAY_FORWARD = 0,          ///< all of it, but the events of relay_withhold
    RELAY_WITHHOLD_DIGITS = 1,  ///< no telephone event at all
    RELAY_SILENCE = 2           ///< no events, and silence in place of sound: G.711 keeps its packets, others stop
};

/// What one leg's adapter counted, in packets. received = forwarded + withheld + unmapped while it is joined.
struct RelayStats {
    bool valid;                       ///< false: no such call, or it has no adapter
    bool joined;                      ///< its packets go to a partner
    unsigned long long received;      ///< RTP that entered
    unsigned long long forwarded;     ///< went to the partner
    unsigned long long withheld;      ///< events and sound that the partner must not get
    unsigned long long unmapped;      ///< the partner has no payload type for it
    unsigned long long unknown;       ///< a payload type that was not negotiated
    unsigned long long foreign;       ///< from another address than the one the leg is locked to
    unsigned long long malformed;     ///< no RTP
    unsigned long long late;          ///< for this leg's far end, after its place was gone
    unsigned long long suppressed;    ///< silence of this leg's own encoder, while the partner spoke
    unsigned long long muted;         ///< packets for this leg's far end that held a digit's tone
    std::string source;               ///< address:port it is locked to, "" before the first packet
};

/// From now on every call's media has an adapter. Call once, after Endpoint.libInit.
void relay_install();

/// These two calls hear each other from the next packet on; each parts from whomever it was joined with. To be called
/// again whenever the media of one of them changed (a stream that ends parts the two by itself); joining again what is
/// joined changes nothing. *_events: may telephone events pass in that direction?
/// Direction attributes are obeyed: what a far end does not want is not sent. Returns RelayStatus; other than 0: parted.
int relay_join(int one, int other, bool events_to_other, bool events_to_one);

/// A call and its partner hear each other no more; their own streams speak again.
void relay_part(int call_id);

/// Events of this call that its partner must not get: bit n is event n (RFC 4733; 10 is *, 11 #, 16 flash). Obeyed from
/// the next event's first packet; an event that has begun stays what it was.
void relay_withhold(int call_id, unsigned mask);

void relay_mode(int call_id, int mode);

/// Somebody listens at this call's conference port: its stream gets whole packets while it is relayed.
void relay_feed(int call_id, bool on);

/// This call's far end shall hear our own stream for so long (added to what it is hearing already): events that we send,
/// or a tone. Until then the partner's sound is dropped and its new events are withheld, so that two presses never mix.
void relay_insert(int call_id, unsigned ms);

/// Tones of these digits (bits as for relay_withhold) must not reach this call's far end, whoever they come from: its
/// partner, or the conference. G.711 only; what we insert ourselves is heard. See tone_guard.hpp.
void relay_mute(int call_id, unsigned mask);

/// One telephone event of a call, as its adapter saw it.
struct RelayEvent {
    bool passed;                      ///< the partner has got it
    long long at_us;                  ///< when its first packet came, CLOCK_MONOTONIC; -1: it is not remembered
};

/// code: as for relay_withhold; stamp_ms: OnDtmfEventParam.timestamp.
RelayEvent relay_event(int call_id, unsigned code, unsigned stamp_ms);

RelayStats relay_stats(int call_id);

unsigned relay_pairs();  ///< how many pairs are joined now; any thread
