// SPDX-License-Identifier: GPL-3.0-or-later
#include "playout.hpp"

#include <cstdlib>

#include <pjmedia.h>
#include <pjsua-lib/pjsua.h>

#include "relay_leg.hpp"

namespace relay {

namespace {

const int64_t WINDOW_US = 500000;  // clocks that differ by 100 ppm come apart by 0.1 ms in two of them
const int64_t JUMP_US = 500000;    // the far end's timestamps began anew

}  // namespace

int64_t Playout::late_us(const Seen& one, const Seen& than) const
{
    return one.at_us - than.at_us - int64_t(int32_t(one.ts - than.ts)) * 1000000 / int64_t(clock_hz_);
}

void Playout::arrived(uint32_t ts, unsigned clock_hz, int64_t at_us)
{
    const Seen now = {ts, at_us};
    std::lock_guard<std::mutex> guard(lock_);
    if (clock_hz_ != clock_hz || std::llabs(late_us(now, recent_)) > JUMP_US) {
        clock_hz_ = clock_hz;
        former_ = recent_ = now;
        window_end_us_ = at_us + WINDOW_US;
    } else if (at_us > window_end_us_) {
        former_ = recent_;
        recent_ = now;
        window_end_us_ = at_us + WINDOW_US;
    } else if (late_us(now, recent_) < 0) {
        recent_ = now;
    }
}

int64_t Playout::said_at_us(uint32_t ts) const
{
    std::lock_guard<std::mutex> guard(lock_);
    if (!clock_hz_)
        return 0;
    const Seen& least = late_us(recent_, former_) < 0 ? recent_ : former_;
    return least.at_us + late_us(least, {ts, least.at_us});  // the time between the two timestamps
}

namespace {

int64_t said_at[PJSUA_MAX_CALLS];               // of the present tick; clock thread
thread_local const Playout* reading = nullptr;  // whose stream is giving a frame right now
thread_local int64_t first_said_at = 0;         // of that frame: what stands at its begin

RelayLeg* leg_of_port(pjmedia_port* port)
{
    if (!port || port->info.signature != PJMEDIA_SIG_PORT_STREAM || !port->get_frame || !port->port_data.pdata)
        return nullptr;
    pjmedia_transport* tp = pjmedia_stream_get_transport(static_cast<pjmedia_stream*>(port->port_data.pdata));
    return tp && tp->op == &leg_op ? reinterpret_cast<RelayLeg*>(tp) : nullptr;
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
    relay::reading = &leg->playout;
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
    pj_uint32_t stamp = 0;
    __real_pjmedia_jbuf_get_frame3(jb, frame, size, type, bit_info, &stamp, seq);
    if (ts)
        *ts = stamp;
    if (relay::reading && *type == PJMEDIA_JB_NORMAL_FRAME)
        relay::first_said_at = relay::reading->said_at_us(stamp);
    relay::reading = nullptr;
}

}  // extern "C"
