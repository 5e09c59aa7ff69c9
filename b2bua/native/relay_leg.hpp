// SPDX-License-Identifier: GPL-3.0-or-later
//
// RelayLeg: the media transport adapter of one leg. It lies between the leg's stream and PJSIP's SRTP transport (PJSUA
// 2.17 asks for adapters after it has made SRTP), so it sees clear packets whether the leg uses SRTP or not.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include <pjmedia.h>
#include <pjsua-lib/pjsua.h>
#include <pjsua-lib/pjsua_internal.h>

#include "clock.hpp"
#include "playout.hpp"
#include "relay_latch.hpp"
#include "relay_rtp.hpp"
#include "relay_wire.hpp"
#include "tone_guard.hpp"

namespace relay {

enum { UNMAPPED = 0xFF, EVENTS = 17, RECENT_EVENTS = 8 };

/// What a leg does with what it hears, before it goes to the partner.
enum Mode { FORWARD = 0, WITHHOLD_DIGITS = 1, SILENCE = 2 };

struct RelayLeg;

/// What one side of a session description says of one payload type; RFC 3264: of what that side receives.
struct Payload {
    bool known;
    unsigned event_clock_hz;     ///< telephone-event: its clock; else 0
    unsigned clock_hz;           ///< of its timestamps
};
typedef std::array<Payload, PAYLOAD_TYPES> Payloads;

/// The way from one leg to its partner. Never changed once it is in use.
struct Route {
    uint64_t id;                            ///< of this way; the partner's wire takes packets of one way only
    std::shared_ptr<RelayLeg> to;
    std::array<uint8_t, PAYLOAD_TYPES> map; ///< our payload type -> the partner's, or UNMAPPED
    int silence;                            ///< payload byte of silence (G.711), or -1

    bool operator==(const Route& o) const { return to == o.to && map == o.map && silence == o.silence; }
};

struct Counters {
    std::atomic<uint64_t> received{0}, forwarded{0}, withheld{0}, unmapped{0}, unknown{0}, foreign{0}, malformed{0},
        late{0}, suppressed{0}, muted{0};
};

/// One event and whether it goes to the partner: decided at its first packet, kept for all of it.
struct Decision {
    uint32_t ssrc, ts;
    uint8_t code;
    bool passed, ended;
    uint16_t duration;
    int64_t at_us;               // when its first packet came
};

/// Locks, none held while another is taken but `wiring` (relay.cpp), which comes before both:
///   slot   what the media thread looks up for each packet: route, latch, payload types, decisions
///   tx     the wire and everything sent to the slave; held while sending, so what leaves keeps its order
struct RelayLeg {
    pjmedia_transport base;      // first: PJMEDIA hands back a pointer to it
    pjmedia_transport* slave;
    bool del_slave;
    int call_id;
    std::shared_ptr<RelayLeg> self;  // until PJSIP lets go

    // the stream, set and cleared by attach and detach on the SIP thread while no callback runs
    void* stream_data;
    pjmedia_stream* stream;
    void (*rtp_cb)(void*, void*, pj_ssize_t);
    void (*rtp_cb2)(pjmedia_tp_cb_param*);
    void (*rtcp_cb)(void*, void*, pj_ssize_t);

    std::mutex slot;
    std::shared_ptr<const Route> route;
    Latch latch;
    Payloads local;              // what the far end may send
    uint8_t event_pt;            // the telephone-event type that our stream reads: the first of our description
    std::array<Decision, RECENT_EVENTS> decisions;
    unsigned decided;

    std::mutex tx;
    bool open;
    uint64_t source;             // id of the route that speaks on our wire; OWN_STREAM: our own stream
    Wire wire;
    Payloads remote;             // what our stream may send
    ToneGuard tones;             // of what our far end hears
    struct Waiting {             // the packet that the guard holds; size 0: none
        uint8_t packet[RTP_HEADER + ToneGuard::MOST_SAMPLES];
        size_t size;
    } waiting;

    std::weak_ptr<RelayLeg> partner;      // SIP thread, under `wiring`
    std::atomic<uint32_t> withhold{0};    // bit per event
    std::atomic<uint32_t> mute{0};        // bit per digit: its tone must not reach our far end
    std::atomic<int> mode{FORWARD};
    std::atomic<int64_t> inserting_until_us{0};  // our own stream has the wire: the partner waits
    std::atomic<bool> feed{false};        // somebody listens to our stream: it gets whole packets, relayed or not
    Counters count;
    Playout playout;
    struct Frames {              // of the packet that the conference reads; its clock thread's own
        uint32_t ts;
        int number;              // of its first frame in the jitter buffer
        int32_t units;           // in a frame, 0: not known yet
    } frames;

    RelayLeg(pjmedia_transport* slave, bool del_slave, int call_id);

    void received(pjmedia_tp_cb_param* param);                       // media thread
    pj_status_t send_own(const void* packet, size_t size);           // clock thread, or SIP thread at a stream's end
    pj_status_t send_rtcp(const pj_sockaddr_t* to, unsigned to_len, const void* packet, size_t size);
    void read_sdp(const pjmedia_sdp_session* local, const pjmedia_sdp_session* remote, unsigned index);
    bool find_event(unsigned code, unsigned stamp_ms, unsigned clock_hz, Decision& out);
    void begin_anew();                                               // our stream, or who speaks on it, is another one

private:
    struct Entry {
        std::shared_ptr<const Route> way;
        bool is_event, pass;
        unsigned clock_hz;
        int64_t at_us;           // when it came
    };
    bool enter(pjmedia_tp_cb_param* param, const Packet& in, Entry& out);
    bool decide(const Packet& in, const Event& event, bool free, int64_t at_us);
    void forward(const Packet& in, const Entry& entry);
    struct Onward {              // what becomes of a packet on the partner's side
        uint8_t pt;
        bool pass, is_event;
        uint32_t units;          // an event's duration
        int silence;             // what replaces the payload, or -1
        uint8_t code;            // of the event
        int64_t at_us;           // when it came to us
    };
    void take(const Route& way, const Packet& in, const Onward& onward);
    pj_status_t leave(uint8_t* packet, size_t size, int event, bool is_ours);
    void let_go(ToneGuard::What what);
    void to_stream(pjmedia_tp_cb_param* param, const Packet& in, bool whole);
};

const uint64_t OWN_STREAM = 1;   // no route has this id

extern pjmedia_transport_op leg_op;

/// The adapter that lies on `slave`; nullptr without memory. Thread: SIP.
pjmedia_transport* wrap(pjmedia_transport* slave, bool del_slave, int call_id);
/// PJSUA's lock, for what reads its tables.
struct PjsuaLock {
    PjsuaLock() { PJSUA_LOCK(); }
    ~PjsuaLock() { PJSUA_UNLOCK(); }
};

/// The adapter of a call's audio, empty when it has none. Thread: SIP, with PJSUA locked.
std::shared_ptr<RelayLeg> leg_of(int call_id);
/// What waits in the jitter buffer of a call's stream is forgotten. Thread: SIP.
void refresh_stream(int call_id);
/// Ends what a leg shares with its partner, in both directions. Thread: SIP.
void unjoin(const std::shared_ptr<RelayLeg>& leg);

}  // namespace relay
