// SPDX-License-Identifier: GPL-3.0-or-later
//
// What leaves for a leg's far end: its partner's packets, its own stream's, RTCP. All of it under `tx`.
#include "relay_leg.hpp"

namespace relay {

namespace {

const int64_t INSERT_US = 70000;      // our own event is over when no packet of it came for three packets' time
enum { RTCP_SR = 200, SR_BYTES = 28, SR_TIMESTAMP = 16, MAX_RTCP = PJMEDIA_MAX_MTU };

void hush(uint8_t* packet, size_t size)
{
    memset(packet + RTP_HEADER, (packet[1] & 0x7F) == PCMU ? PCMU_SILENCE : PCMA_SILENCE, size - RTP_HEADER);
}

}  // namespace

/// On the partner's side: the packet finds its place on our wire, or leaves no gap.
void RelayLeg::take(const Route& way, const Packet& in, const Onward& onward)
{
    uint8_t out[PJMEDIA_MAX_MTU];
    Place place;
    if (RTP_HEADER + in.size > sizeof(out))
        return;
    std::lock_guard<std::mutex> guard(tx);
    if (!open || source != way.id)
        return;
    const int64_t now = onward.at_us;
    if (!onward.pass || now < inserting_until_us.load()) {
        if (onward.is_event && (mute.load(std::memory_order_relaxed) >> onward.code & 1))
            let_go(tones.told(onward.code));
        wire.skip(way.id, in);
        return;
    }
    if (!wire.place(way.id, in, onward.units, now, place)) {
        ++count.late;
        return;
    }
    write_header(out, onward.pt, place.marker, place.seq, place.ts, place.ssrc);
    if (onward.silence < 0)
        memcpy(out + RTP_HEADER, in.payload, in.size);
    else
        memset(out + RTP_HEADER, onward.silence, in.size);
    leave(out, RTP_HEADER + in.size, onward.is_event ? onward.code : -1, false);
}

// -- out: the last step of every packet, under `tx` -------------------------------------------------------------------

/// Tones that our far end must not hear are taken out here, whoever speaks: a partner, or the conference.
/// event: its code, or -1 for sound; is_ours: what we say ourselves just now, a digit maybe, is meant to be heard.
pj_status_t RelayLeg::leave(uint8_t* packet, size_t size, int event, bool is_ours)
{
    const uint32_t mask = mute.load(std::memory_order_relaxed);
    const uint8_t pt = packet[1] & 0x7F;
    if ((!mask && !tones.is_muting()) || event >= 0 || is_ours || (pt != PCMU && pt != PCMA) || size > sizeof(waiting.packet)) {
        let_go(ToneGuard::PASS);
        return pjmedia_transport_send_rtp(slave, packet, size);
    }
    const ToneGuard::Verdict verdict = tones.hear(packet + RTP_HEADER, size - RTP_HEADER,
                                                  pt == PCMU ? ToneGuard::MU_LAW : ToneGuard::A_LAW, mask);
    let_go(verdict.held);
    if (verdict.now == ToneGuard::HOLD) {
        memcpy(waiting.packet, packet, size);
        waiting.size = size;
        return PJ_SUCCESS;
    }
    if (verdict.now == ToneGuard::MUTE) {
        ++count.muted;
        hush(packet, size);
    }
    return pjmedia_transport_send_rtp(slave, packet, size);
}

void RelayLeg::let_go(ToneGuard::What what)
{
    if (!waiting.size)
        return;
    if (what == ToneGuard::MUTE) {
        ++count.muted;
        hush(waiting.packet, waiting.size);
    }
    pjmedia_transport_send_rtp(slave, waiting.packet, waiting.size);
    waiting.size = 0;
}

void RelayLeg::begin_anew()
{
    std::lock_guard<std::mutex> guard(tx);
    wire.forget_source();
    tones.forget();
    waiting.size = 0;
}

// -- out: the leg's own stream ----------------------------------------------------------------------------------------

pj_status_t RelayLeg::send_own(const void* packet, size_t size)
{
    uint8_t out[PJMEDIA_MAX_MTU];
    Packet in;
    Place place;
    std::lock_guard<std::mutex> guard(tx);
    if (!open)
        return PJ_SUCCESS;
    if (!parse(packet, size, in) || size > sizeof(out))
        return pjmedia_transport_send_rtp(slave, packet, size);
    Event event = Event();
    const bool is_event = remote[in.pt].event_clock_hz != 0 && parse_event(in, event);
    wire.set_ssrc(in.ssrc);
    const int64_t now = now_us();
    if (source != OWN_STREAM) {
        if (is_event && inserting_until_us.load() < now + INSERT_US)
            inserting_until_us.store(now + INSERT_US);
        if (now >= inserting_until_us.load()) {
            ++count.suppressed;  // the encoder's silence, while a partner speaks
            return PJ_SUCCESS;
        }
    }
    if (!wire.place(OWN_STREAM, in, event.duration, now, place))
        return PJ_SUCCESS;
    write_header(out, in.pt, place.marker, place.seq, place.ts, place.ssrc);
    memcpy(out + RTP_HEADER, in.payload, in.size);
    return leave(out, RTP_HEADER + in.size, is_event ? event.code : -1, now < inserting_until_us.load());
}

/// A sender report names the wire's timestamp of this instant, not that of the stream's own numbering.
pj_status_t RelayLeg::send_rtcp(const pj_sockaddr_t* to, unsigned to_len, const void* packet, size_t size)
{
    uint8_t copy[MAX_RTCP];
    const uint8_t* p = static_cast<const uint8_t*>(packet);
    if (size >= SR_BYTES && size <= sizeof(copy) && p[1] == RTCP_SR) {
        std::lock_guard<std::mutex> guard(tx);
        if (wire.started()) {
            memcpy(copy, packet, size);
            put32(copy + SR_TIMESTAMP, wire.timestamp_at(now_us()));
            packet = copy;
        }
    }
    return to ? pjmedia_transport_send_rtcp2(slave, to, to_len, packet, size)
              : pjmedia_transport_send_rtcp(slave, packet, size);
}

}  // namespace relay
