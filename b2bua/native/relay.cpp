// SPDX-License-Identifier: GPL-3.0-or-later
#include "relay.hpp"

#include <pjsua-lib/pjsua.h>
#include <pjsua-lib/pjsua_internal.h>

#include "relay_leg.hpp"

namespace relay {

namespace {

std::mutex wiring;            // who is joined with whom; taken before `slot` and `tx`
uint64_t last_route = OWN_STREAM;
std::atomic<unsigned> pairs{0};

typedef pjmedia_transport* (*Create)(pjsua_call_id, unsigned, pjmedia_transport*, unsigned);
Create before_us = nullptr;   // pjsua2's, which asks Python's Call object

pjmedia_transport* on_create(pjsua_call_id call_id, unsigned index, pjmedia_transport* tp, unsigned flags)
{
    if (before_us)
        tp = before_us(call_id, index, tp, flags);
    pjmedia_transport* adapter = tp ? wrap(tp, (flags & PJSUA_MED_TP_CLOSE_MEMBER) != 0, call_id) : nullptr;
    return adapter ? adapter : tp;
}

/// What two legs must share, and which payload types carry it.
struct Agreed {
    pjmedia_stream_info info;
    unsigned ptime_ms;
    unsigned clock_hz;
};

bool read_stream(const std::shared_ptr<RelayLeg>& leg, Agreed& out)
{
    if (!leg || !leg->stream || pjmedia_stream_get_info(leg->stream, &out.info) != PJ_SUCCESS)
        return false;
    const pjmedia_codec_param* param = out.info.param;
    out.ptime_ms = param ? param->setting.frm_per_pkt * param->info.frm_ptime : 20;
    if (param && param->info.frm_ptime_denum > 1)
        out.ptime_ms /= param->info.frm_ptime_denum;
    // RFC 3551 section 4.5.2: G.722 samples at 16 kHz, but its RTP clock is 8 kHz.
    out.clock_hz = pj_stricmp2(&out.info.fmt.encoding_name, "G722") == 0 ? 8000 : out.info.fmt.clock_rate;
    return true;
}

int silence_byte(const Agreed& leg)
{
    if (pj_stricmp2(&leg.info.fmt.encoding_name, "PCMU") == 0)
        return PCMU_SILENCE;
    return pj_stricmp2(&leg.info.fmt.encoding_name, "PCMA") == 0 ? PCMA_SILENCE : -1;
}

/// Events cross where both sides have a type of the same clock rate: their numbers need no conversion then.
void map_events(RelayLeg& from, RelayLeg& to, std::array<uint8_t, PAYLOAD_TYPES>& map)
{
    Payloads local, remote;
    {
        std::lock_guard<std::mutex> guard(from.slot);
        local = from.local;
    }
    {
        std::lock_guard<std::mutex> guard(to.tx);
        remote = to.remote;
    }
    for (unsigned in = 0; in < PAYLOAD_TYPES; ++in)
        for (unsigned out = 0; local[in].event_clock_hz && out < PAYLOAD_TYPES; ++out)
            if (remote[out].event_clock_hz == local[in].event_clock_hz && map[in] == UNMAPPED)
                map[in] = uint8_t(out);
}

void speak(RelayLeg& leg, uint64_t source)
{
    std::lock_guard<std::mutex> guard(leg.tx);
    leg.source = source;
}

/// One direction. Under `wiring`.
void direct(const std::shared_ptr<RelayLeg>& from, const Agreed& a, const std::shared_ptr<RelayLeg>& to,
            const Agreed& b, bool events)
{
    std::shared_ptr<Route> way;
    if ((a.info.dir & PJMEDIA_DIR_DECODING) && (b.info.dir & PJMEDIA_DIR_ENCODING)) {
        way.reset(new Route());
        way->to = to;
        way->map.fill(UNMAPPED);
        way->map[a.info.rx_pt % PAYLOAD_TYPES] = uint8_t(b.info.tx_pt);
        way->silence = silence_byte(b);
        if (events)
            map_events(*from, *to, way->map);
        way->id = ++last_route;
    }
    {
        std::lock_guard<std::mutex> guard(from->slot);
        if (way && from->route && *from->route == *way)
            return;
        from->route = way;
    }
    std::lock_guard<std::mutex> guard(to->tx);
    to->wire.set_ssrc(b.info.ssrc);
    to->wire.set_clock(b.clock_hz, b.clock_hz / 1000 * b.ptime_ms);
    to->source = way ? way->id : OWN_STREAM;
}

/// What has piled up in the jitter buffer is old by now: the next read begins afresh. Not so where somebody has listened
/// all the time: there nothing has, and what waits is the sound of now.
void refresh(RelayLeg& leg)
{
    if (leg.stream)
        pjmedia_stream_resume(leg.stream, PJMEDIA_DIR_DECODING);
}

void unjoin_locked(const std::shared_ptr<RelayLeg>& leg)
{
    const std::shared_ptr<RelayLeg> other = leg->partner.lock();
    leg->partner.reset();
    if (!other)
        return;
    other->partner.reset();
    --pairs;
    for (RelayLeg* one : {leg.get(), other.get()}) {
        std::shared_ptr<const Route> gone;  // released outside the lock
        {
            std::lock_guard<std::mutex> guard(one->slot);
            gone.swap(one->route);
        }
        speak(*one, OWN_STREAM);
        if (!one->feed)
            refresh(*one);
    }
}

}  // namespace

void unjoin(const std::shared_ptr<RelayLeg>& leg)
{
    std::lock_guard<std::mutex> guard(wiring);
    unjoin_locked(leg);
}

void refresh_stream(int call_id)
{
    PjsuaLock lock;
    if (const std::shared_ptr<RelayLeg> leg = leg_of(call_id))
        refresh(*leg);
}

std::shared_ptr<RelayLeg> leg_of(int call_id)
{
    if (call_id < 0 || call_id >= int(pjsua_var.ua_cfg.max_calls))
        return nullptr;
    const pjsua_call& call = pjsua_var.calls[call_id];
    if (call.audio_idx < 0 || unsigned(call.audio_idx) >= call.med_cnt)
        return nullptr;
    pjmedia_transport* tp = call.media[call.audio_idx].tp;
    return tp && tp->op == &leg_op ? reinterpret_cast<RelayLeg*>(tp)->self : nullptr;
}

}  // namespace relay

using relay::RelayLeg;

void relay_install()
{
    if (pjsua_var.ua_cfg.cb.on_create_media_transport == &relay::on_create)
        return;
    relay::before_us = pjsua_var.ua_cfg.cb.on_create_media_transport;
    pjsua_var.ua_cfg.cb.on_create_media_transport = &relay::on_create;
}

int relay_join(int one, int other, bool events_to_other, bool events_to_one)
{
    relay::PjsuaLock lock;
    const std::shared_ptr<RelayLeg> a = relay::leg_of(one), b = relay::leg_of(other);
    std::lock_guard<std::mutex> guard(relay::wiring);
    for (const auto& leg : {a, b})
        if (leg && leg->partner.lock() != (leg == a ? b : a))
            relay::unjoin_locked(leg);
    relay::Agreed with_a, with_b;
    int status = RELAY_JOINED;
    if (a == b || !relay::read_stream(a, with_a) || !relay::read_stream(b, with_b))
        status = RELAY_NO_MEDIA;
    else if (pj_stricmp(&with_a.info.fmt.encoding_name, &with_b.info.fmt.encoding_name) != 0 ||
             with_a.info.fmt.clock_rate != with_b.info.fmt.clock_rate ||
             with_a.info.fmt.channel_cnt != with_b.info.fmt.channel_cnt)
        status = RELAY_CODECS_DIFFER;
    else if (with_a.ptime_ms != with_b.ptime_ms)
        status = RELAY_PTIMES_DIFFER;
    if (status != RELAY_JOINED) {
        if (a)
            relay::unjoin_locked(a);
        return status;
    }
    if (!a->partner.lock())
        ++relay::pairs;
    a->partner = b;
    b->partner = a;
    relay::direct(a, with_a, b, with_b, events_to_other);
    relay::direct(b, with_b, a, with_a, events_to_one);
    return RELAY_JOINED;
}

void relay_part(int call_id)
{
    relay::PjsuaLock lock;
    if (const std::shared_ptr<RelayLeg> leg = relay::leg_of(call_id))
        relay::unjoin(leg);
}

void relay_feed(int call_id, bool on)
{
    relay::PjsuaLock lock;
    const std::shared_ptr<RelayLeg> leg = relay::leg_of(call_id);
    if (!leg)
        return;
    std::lock_guard<std::mutex> guard(relay::wiring);
    if (!leg->feed.exchange(on) && on && leg->partner.lock())
        relay::refresh(*leg);
}

unsigned relay_pairs() { return relay::pairs.load(); }
