// SPDX-License-Identifier: GPL-3.0-or-later
#include "relay_wire.hpp"

namespace relay {

namespace {

const int FAR = 3000;  // sequence numbers; a greater jump is a restart (RFC 3550 appendix A.1, MAX_DROPOUT)
const int64_t US_PER_S = 1000000;
const int64_t LONG_US = 3600 * US_PER_S;  // beyond an hour of silence only the order matters

int ahead(uint16_t one, uint16_t other) { return int16_t(uint16_t(one - other)); }

}  // namespace

Wire::Wire()
    : started_(false), mark_(false), clock_hz_(8000), units_(160), ssrc_(0), seq_(0), ts_(0), at_us_(0), source_(0),
      in_ssrc_(0), in_high_(0), fence_(0), seq_off_(0), ts_off_(0)
{
}

void Wire::set_ssrc(uint32_t ssrc) { ssrc_ = ssrc; }

void Wire::set_clock(unsigned clock_hz, unsigned units)
{
    clock_hz_ = clock_hz ? clock_hz : 8000;
    units_ = units ? units : clock_hz_ / 50;
}

/// Timestamp units since the last packet: the time that has passed in whole packets, at least one.
uint32_t Wire::step(int64_t now_us) const
{
    const int64_t passed_us = now_us - at_us_;
    if (passed_us <= 0 || passed_us > LONG_US)
        return units_;
    const int64_t passed = passed_us * clock_hz_ / US_PER_S;
    const int64_t packets = (passed + units_ / 2) / units_;
    return uint32_t((packets < 1 ? 1 : packets) * units_);
}

uint32_t Wire::timestamp_at(int64_t now_us) const
{
    const int64_t passed_us = now_us - at_us_;
    return ts_ + (passed_us > 0 && passed_us < LONG_US ? uint32_t(passed_us * clock_hz_ / US_PER_S) : 0);
}

void Wire::resync(uint64_t source, const Packet& in, uint32_t units, int64_t now_us)
{
    if (started_) {
        seq_off_ = uint16_t(seq_ + 1 - in.seq);
        ts_off_ = ts_ + step(now_us) - (in.ts + units);
    } else {
        seq_off_ = 0;
        ts_off_ = 0;
    }
    source_ = source;
    in_ssrc_ = in.ssrc;
    in_high_ = fence_ = in.seq;
    mark_ = true;
}

void Wire::sent(uint16_t seq, uint32_t ts, int64_t now_us)
{
    if (!started_ || ahead(seq, seq_) > 0)
        seq_ = seq;
    if (!started_ || int32_t(ts - ts_) > 0) {
        ts_ = ts;
        at_us_ = now_us;
    }
    started_ = true;
}

bool Wire::place(uint64_t source, const Packet& in, uint32_t units, int64_t now_us, Place& out)
{
    const int by = ahead(in.seq, in_high_);
    if (source != source_ || in.ssrc != in_ssrc_ || by > FAR || by < -FAR)
        resync(source, in, units, now_us);
    else if (by > 0)
        in_high_ = in.seq;
    else if (ahead(in.seq, fence_) < 0)
        return false;
    out.seq = uint16_t(in.seq + seq_off_);
    out.ts = in.ts + ts_off_;
    out.ssrc = ssrc_;
    out.marker = in.marker || mark_;
    mark_ = false;
    sent(out.seq, out.ts + units, now_us);
    return true;
}

void Wire::skip(uint64_t source, const Packet& in)
{
    const int by = ahead(in.seq, in_high_);
    if (source != source_ || in.ssrc != in_ssrc_ || by <= 0 || by > FAR)
        return;
    in_high_ = in.seq;
    fence_ = uint16_t(in.seq + 1);
    --seq_off_;
}

}  // namespace relay
