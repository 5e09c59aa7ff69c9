// SPDX-License-Identifier: GPL-3.0-or-later
//
// What a leg's adapter is told and asked, but for whom it is joined with (relay.cpp). Thread: SIP.
#include "relay.hpp"
#include "relay_leg.hpp"

using relay::RelayLeg;

void relay_withhold(int call_id, unsigned mask)
{
    relay::PjsuaLock lock;
    if (const std::shared_ptr<RelayLeg> leg = relay::leg_of(call_id))
        leg->withhold.store(mask);
}

void relay_mode(int call_id, int mode)
{
    relay::PjsuaLock lock;
    if (const std::shared_ptr<RelayLeg> leg = relay::leg_of(call_id))
        leg->mode.store(mode);
}

void relay_insert(int call_id, unsigned ms)
{
    relay::PjsuaLock lock;
    const std::shared_ptr<RelayLeg> leg = relay::leg_of(call_id);
    if (!leg)
        return;
    const int64_t now = relay::now_us(), until = leg->inserting_until_us.load();
    leg->inserting_until_us.store((until > now ? until : now) + int64_t(ms) * 1000);
}

RelayEvent relay_event(int call_id, unsigned code, unsigned stamp_ms)
{
    relay::PjsuaLock lock;
    RelayEvent out = {false, -1};
    const std::shared_ptr<RelayLeg> leg = relay::leg_of(call_id);
    pjmedia_stream_info info;
    relay::Decision found;
    if (leg && leg->stream && pjmedia_stream_get_info(leg->stream, &info) == PJ_SUCCESS &&
        leg->find_event(code, stamp_ms, info.fmt.clock_rate ? info.fmt.clock_rate : 8000, found))
        out = {found.passed, found.at_us};
    return out;
}

void relay_mute(int call_id, unsigned mask)
{
    relay::PjsuaLock lock;
    if (const std::shared_ptr<RelayLeg> leg = relay::leg_of(call_id))
        leg->mute.store(mask);
}

RelayStats relay_stats(int call_id)
{
    relay::PjsuaLock lock;
    RelayStats out = RelayStats();
    const std::shared_ptr<RelayLeg> leg = relay::leg_of(call_id);
    if (!leg)
        return out;
    char text[PJ_INET6_ADDRSTRLEN + 10];
    out.valid = true;
    out.received = leg->count.received;
    out.forwarded = leg->count.forwarded;
    out.withheld = leg->count.withheld;
    out.unmapped = leg->count.unmapped;
    out.unknown = leg->count.unknown;
    out.foreign = leg->count.foreign;
    out.malformed = leg->count.malformed;
    out.late = leg->count.late;
    out.suppressed = leg->count.suppressed;
    out.muted = leg->count.muted;
    std::lock_guard<std::mutex> guard(leg->slot);
    out.joined = leg->route != nullptr;
    if (leg->latch.locked())
        out.source = pj_sockaddr_print(&leg->latch.source(), text, sizeof(text), 3);  // 3: port and brackets
    return out;
}
