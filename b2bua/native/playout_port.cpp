// SPDX-License-Identifier: GPL-3.0-or-later
//
// Looks on while the conference reads the legs' streams: when each frame was said, and how patient a jitter buffer is.
#include "playout_port.hpp"

#include <pjmedia.h>
#include <pjsua-lib/pjsua.h>

#include "clock.hpp"
#include "relay_leg.hpp"

namespace relay {

namespace {

const int64_t PATIENCE_US = 150000;             // of a jitter buffer that nobody but a recording listens to

int64_t said_at[PJSUA_MAX_CALLS];               // of the present tick; clock thread
thread_local RelayLeg* reading = nullptr;       // whose stream is giving a frame right now
thread_local int64_t first_said_at = 0;         // of that frame: what stands at its begin

RelayLeg* leg_of_port(pjmedia_port* port)
{
    if (!port || port->info.signature != PJMEDIA_SIG_PORT_STREAM || !port->get_frame || !port->port_data.pdata)
        return nullptr;
    pjmedia_transport* tp = pjmedia_stream_get_transport(static_cast<pjmedia_stream*>(port->port_data.pdata));
    return tp && tp->op == &leg_op ? reinterpret_cast<RelayLeg*>(tp) : nullptr;
}

bool is_relayed(RelayLeg& leg)
{
    std::lock_guard<std::mutex> guard(leg.slot);
    return leg.route != nullptr;
}

/// PJSIP gives all frames of a packet the packet's timestamp; their numbers in the jitter buffer tell the rest.
uint32_t frame_ts(RelayLeg::Frames& known, uint32_t packet_ts, int number)
{
    const int32_t steps = number - known.number, units = int32_t(packet_ts - known.ts);
    if (units == 0)
        return packet_ts + uint32_t(steps * known.units);
    if (units > 0 && steps > 0 && units % steps == 0)
        known.units = units / steps;
    known.ts = packet_ts;
    known.number = number;
    return packet_ts;
}

/// To keep a conversation's delay short PJSIP throws packets away after each burst. While the parties hear each other
/// by relay nobody would gain: only recordings would have holes.
void be_patient(RelayLeg& leg, pjmedia_jbuf* jb)
{
    const int64_t said_us = said_at[leg.call_id];
    const bool patient = said_us && now_us() - said_us < PATIENCE_US && is_relayed(leg);
    pjmedia_jbuf_set_discard(jb, patient ? PJMEDIA_JB_DISCARD_NONE : PJMEDIA_JB_DISCARD_PROGRESSIVE);
}

}  // namespace

}  // namespace relay

int64_t frame_said_at_us(int call_id)
{
    return call_id >= 0 && call_id < PJSUA_MAX_CALLS ? relay::said_at[call_id] : 0;
}

extern "C" {

pj_status_t __real_pjmedia_port_get_frame(pjmedia_port* port, pjmedia_frame* frame);
void __real_pjmedia_jbuf_get_frame3(pjmedia_jbuf* jb, void* frame, pj_size_t* size, char* type, pj_uint32_t* bit_info,
                                    pj_uint32_t* ts, int* seq);

/// The linker puts this in the place of PJMEDIA's: the conference reads its ports by it.
pj_status_t __wrap_pjmedia_port_get_frame(pjmedia_port* port, pjmedia_frame* frame)
{
    relay::RelayLeg* leg = relay::leg_of_port(port);
    if (!leg || leg->call_id < 0 || leg->call_id >= PJSUA_MAX_CALLS)
        return __real_pjmedia_port_get_frame(port, frame);
    relay::reading = leg;
    relay::first_said_at = 0;
    const pj_status_t status = __real_pjmedia_port_get_frame(port, frame);
    relay::said_at[leg->call_id] = relay::first_said_at;
    relay::reading = nullptr;
    return status;
}

/// Likewise: a stream takes from its jitter buffer by it, once or more for a frame; the first tells when that begins.
void __wrap_pjmedia_jbuf_get_frame3(pjmedia_jbuf* jb, void* frame, pj_size_t* size, char* type, pj_uint32_t* bit_info,
                                    pj_uint32_t* ts, int* seq)
{
    relay::RelayLeg* leg = relay::reading;
    relay::reading = nullptr;
    if (leg)
        relay::be_patient(*leg, jb);
    pj_uint32_t packet_ts = 0;
    int number = 0;
    __real_pjmedia_jbuf_get_frame3(jb, frame, size, type, bit_info, &packet_ts, &number);
    if (ts)
        *ts = packet_ts;
    if (seq)
        *seq = number;
    if (leg && *type == PJMEDIA_JB_NORMAL_FRAME)
        relay::first_said_at = leg->playout.said_at_us(relay::frame_ts(leg->frames, packet_ts, number));
}

}  // extern "C"
