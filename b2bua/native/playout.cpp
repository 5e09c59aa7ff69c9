// SPDX-License-Identifier: GPL-3.0-or-later
#include "playout.hpp"

#include <algorithm>
#include <cstdlib>

namespace relay {

namespace {

const int64_t WINDOW_US = 500000;
const int64_t RISE_US = 1500;        // in a window: no clock is more than 0.3 % slow; a network or host that stalls is
const int64_t JUMP_US = 500000;        // the far end's timestamps began anew
const int64_t TALKSPURT_US = 60000;    // who begins to talk again may count from anywhere (RFC 3551 section 4.1)
const int64_t MOST_PACKET_US = 120000;

}  // namespace

int64_t Playout::units_us(uint32_t from, uint32_t to) const
{
    return int64_t(int32_t(to - from)) * 1000000 / int64_t(clock_hz_);
}

int64_t Playout::late_us(const Seen& one, const Seen& than) const
{
    return one.at_us - than.at_us - units_us(than.ts, one.ts);
}

/// How much sound packets hold: two equal steps tell. Where it changes, packets come earlier or later by that much.
void Playout::measure(const Packet& in)
{
    const int64_t step_us = units_us(ts_, in.ts);
    const bool next = in.seq == uint16_t(seq_ + 1) && step_us > 0 && step_us <= MOST_PACKET_US;
    seq_ = in.seq;
    ts_ = in.ts;
    if (next && step_us == step_us_ && step_us != packet_us_) {
        if (packet_us_)
            line_.at_us += step_us - packet_us_;
        least_ = line_;
        packet_us_ = step_us;
    }
    step_us_ = next ? step_us : 0;
}

void Playout::arrived(const Packet& in, unsigned clock_hz, int64_t at_us)
{
    const Seen now = {in.ts, at_us};
    std::lock_guard<std::mutex> guard(lock_);
    const bool known = clock_hz_ == clock_hz && ssrc_ == in.ssrc;
    if (!known)
        step_us_ = 0;  // packets will hold as much as before, until two of them tell
    clock_hz_ = clock_hz;
    ssrc_ = in.ssrc;
    measure(in);
    const int64_t late = late_us(now, line_);
    if (!known || std::llabs(late) > JUMP_US || (in.marker && late > TALKSPURT_US)) {
        line_ = least_ = now;
        window_end_us_ = at_us + WINDOW_US;
    } else if (late < 0) {
        line_ = least_ = now;
    } else if (late_us(now, least_) < 0) {
        least_ = now;
    }
    if (at_us > window_end_us_) {
        line_ = {least_.ts, least_.at_us - std::max<int64_t>(0, late_us(least_, line_) - RISE_US)};
        least_ = now;
        window_end_us_ = at_us + WINDOW_US;
    }
}

int64_t Playout::said_at_us(uint32_t ts) const
{
    std::lock_guard<std::mutex> guard(lock_);
    return clock_hz_ ? line_.at_us + units_us(line_.ts, ts) - packet_us_ : 0;
}

}  // namespace relay
