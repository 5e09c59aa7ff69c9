// SPDX-License-Identifier: GPL-3.0-or-later
#include "relay_leg.hpp"

#include <cmath>

namespace relay {

namespace {

const uint16_t SEGMENT = 0x8000;      // units; only a longer event can have a next segment (RFC 4733 section 2.5.1.3)

}  // namespace

RelayLeg::RelayLeg(pjmedia_transport* slave_, bool del_slave_, int call_id_)
    : slave(slave_), del_slave(del_slave_), call_id(call_id_), stream_data(nullptr), stream(nullptr), rtp_cb(nullptr),
      rtp_cb2(nullptr), rtcp_cb(nullptr), event_pt(UNMAPPED), decided(0), open(true), source(OWN_STREAM), waiting(),
      frames()
{
    pj_bzero(&base, sizeof(base));
    local.fill(Payload());
    remote.fill(Payload());
    decisions.fill(Decision());
}

// -- in: the media thread ---------------------------------------------------------------------------------------------

void RelayLeg::received(pjmedia_tp_cb_param* param)
{
    Packet in;
    if (param->size < 0) {  // an error of the socket
        to_stream(param, Packet(), true);
        return;
    }
    if (!parse(param->pkt, size_t(param->size), in)) {
        ++count.malformed;
        return;
    }
    Entry entry = Entry();
    entry.at_us = now_us();
    if (!enter(param, in, entry))
        return;
    ++count.received;
    if (entry.way)
        forward(in, entry);
    if (!entry.is_event)
        playout.arrived(in, entry.clock_hz, entry.at_us);
    to_stream(param, in, !entry.way || entry.is_event || feed.load(std::memory_order_relaxed));
}

/// Everything that must be looked up under the lock: may this packet enter, where does it go, does its event pass.
bool RelayLeg::enter(pjmedia_tp_cb_param* param, const Packet& in, Entry& out)
{
    bool move = false;
    std::lock_guard<std::mutex> guard(slot);
    if (!local[in.pt].known) {
        ++count.unknown;
        return false;
    }
    if (param->src_addr && !latch.admit(*static_cast<const pj_sockaddr*>(param->src_addr), in.ssrc, out.at_us, move)) {
        ++count.foreign;
        return false;
    }
    if (move)
        param->rem_switch = PJ_TRUE;
    out.way = route;
    out.pass = true;
    out.is_event = local[in.pt].event_clock_hz != 0;
    out.clock_hz = local[in.pt].clock_hz;
    if (out.is_event) {
        Event event;
        const bool free = out.way && out.way->map[in.pt] != UNMAPPED &&
                          out.at_us >= out.way->to->inserting_until_us.load();
        out.pass = parse_event(in, event) && event.code < EVENTS && decide(in, event, free, out.at_us);
        if (event_pt != UNMAPPED && in.pt != event_pt) {  // another clock rate's type: our stream knows only one
            uint8_t* second = static_cast<uint8_t*>(param->pkt) + 1;
            *second = uint8_t((*second & MARKER) | event_pt);
        }
    }
    return true;
}

/// An event is known by SSRC, timestamp and code, never by the marker. A segment goes the way of the one before it.
/// free: the partner can take it now.
bool RelayLeg::decide(const Packet& in, const Event& event, bool free, int64_t at_us)
{
    for (Decision& one : decisions) {
        if (one.code == event.code && one.ts == in.ts && one.ssrc == in.ssrc && one.duration) {
            one.ended |= event.end;
            if (event.duration > one.duration)
                one.duration = event.duration;
            return one.passed;
        }
    }
    Decision next = {in.ssrc, in.ts, event.code, false, event.end, uint16_t(event.duration ? event.duration : 1),
                     at_us};
    const Decision& last = decisions[(decided + RECENT_EVENTS - 1) % RECENT_EVENTS];
    if (last.code == next.code && last.ssrc == next.ssrc && !last.ended && last.duration > SEGMENT &&
        next.ts - last.ts <= 0x10000u)
        next.passed = last.passed;
    else
        next.passed = free && mode.load() == FORWARD && !(withhold.load() >> event.code & 1);
    decisions[decided++ % RECENT_EVENTS] = next;
    return next.passed;
}

void RelayLeg::forward(const Packet& in, const Entry& entry)
{
    const Route& way = *entry.way;
    Event event = Event();
    Onward onward = {way.map[in.pt], entry.pass && way.map[in.pt] != UNMAPPED, entry.is_event, 0, -1, 0, entry.at_us};
    if (entry.is_event && parse_event(in, event)) {
        onward.units = event.duration;
        onward.code = event.code;
    } else if (mode.load(std::memory_order_relaxed) == SILENCE)
        onward.pass = onward.pass && (onward.silence = way.silence) >= 0;
    if (onward.pass)
        ++count.forwarded;
    else
        ++(onward.pt == UNMAPPED ? count.unmapped : count.withheld);
    way.to->take(way, in, onward);
}

/// What nobody listens to reaches the stream without its payload: PJSIP counts it for RTCP and statistics and for the
/// media watch, and its jitter buffer and decoder have no work. Events are always whole.
void RelayLeg::to_stream(pjmedia_tp_cb_param* param, const Packet& in, bool whole)
{
    pjmedia_tp_cb_param copy = *param;
    uint32_t header[RTP_HEADER / 4];
    copy.user_data = stream_data;
    copy.src_addr = nullptr;  // the latch has judged: PJSIP's own probation (10 packets from anywhere) must not
    if (!whole) {
        write_header(reinterpret_cast<uint8_t*>(header), in.pt, in.marker, in.seq, in.ts, in.ssrc);
        copy.pkt = header;
        copy.size = RTP_HEADER;
    }
    if (rtp_cb2)
        rtp_cb2(&copy);
    else if (rtp_cb)
        rtp_cb(copy.user_data, copy.pkt, copy.size);
}

// -- the SIP thread ---------------------------------------------------------------------------------------------------

namespace {

/// Returns the first telephone-event type in the order of the attributes, as PJSIP's stream does.
uint8_t read_media(const pjmedia_sdp_media* media, Payloads& out)
{
    uint8_t first = UNMAPPED;
    out.fill(Payload());
    for (unsigned i = 0; i < media->desc.fmt_count; ++i) {
        const unsigned long pt = pj_strtoul(&media->desc.fmt[i]);
        pjmedia_sdp_rtpmap map;
        if (pt >= PAYLOAD_TYPES)
            continue;
        out[pt].known = true;
        out[pt].clock_hz = 8000;  // RFC 3551's static types of telephony need no rtpmap
        const pjmedia_sdp_attr* attr = pjmedia_sdp_media_find_attr2(media, "rtpmap", &media->desc.fmt[i]);
        if (!attr || pjmedia_sdp_attr_get_rtpmap(attr, &map) != PJ_SUCCESS || !map.clock_rate)
            continue;
        out[pt].clock_hz = map.clock_rate;
        if (pj_stricmp2(&map.enc_name, "telephone-event") == 0)
            out[pt].event_clock_hz = map.clock_rate;
    }
    for (unsigned i = 0; i < media->attr_count && first == UNMAPPED; ++i) {
        pjmedia_sdp_rtpmap map;
        if (pj_stricmp2(&media->attr[i]->name, "rtpmap") == 0 &&
            pjmedia_sdp_attr_get_rtpmap(media->attr[i], &map) == PJ_SUCCESS &&
            pj_stricmp2(&map.enc_name, "telephone-event") == 0)
            first = uint8_t(pj_strtoul(&map.pt));
    }
    return first < PAYLOAD_TYPES ? first : uint8_t(UNMAPPED);
}

}  // namespace

void RelayLeg::read_sdp(const pjmedia_sdp_session* ours, const pjmedia_sdp_session* theirs, unsigned index)
{
    if (!ours || !theirs || index >= ours->media_count || index >= theirs->media_count)
        return;
    Payloads from, to;
    const uint8_t first = read_media(ours->media[index], from);
    read_media(theirs->media[index], to);
    {
        std::lock_guard<std::mutex> guard(slot);
        local = from;
        event_pt = first;
    }
    std::lock_guard<std::mutex> guard(tx);
    remote = to;
}

/// The event of this code whose timestamp is nearest; false when none was seen.
bool RelayLeg::find_event(unsigned code, unsigned stamp_ms, unsigned clock_hz, Decision& out)
{
    std::lock_guard<std::mutex> guard(slot);
    bool found = false;
    double best_ms = 0;
    for (const Decision& one : decisions) {
        if (!one.duration || one.code != code)
            continue;
        const double by_ms = std::fabs(double(one.ts) * 1000 / clock_hz - stamp_ms);
        if (!found || by_ms < best_ms) {
            out = one;
            best_ms = by_ms;
        }
        found = true;
    }
    return found;
}

}  // namespace relay
