// SPDX-License-Identifier: GPL-3.0-or-later
//
// Wire: the one RTP stream that a leg's far end hears, whoever speaks in it. Pure; the owner serialises the calls.
#pragma once

#include <cstdint>

#include "relay_rtp.hpp"

namespace relay {

/// Where a packet goes in the stream.
struct Place {
    uint16_t seq;
    uint32_t ts;
    uint32_t ssrc;
    bool marker;
};

/// Keeps SSRC, sequence numbers and timestamps of one outgoing stream continuous while its source changes between the
/// leg's own encoder and partners (RFC 3550 section 5.1).
///
/// Within one source the far end sees what that source did: its losses, its order, its distances in time. At a change
/// of source (or of the source's SSRC, or at a jump in its numbers) the sequence goes on with the next number, the
/// timestamp by the time that has passed in whole packets, at least one, and the marker is set once.
class Wire {
public:
    Wire();
    void set_ssrc(uint32_t ssrc);
    uint32_t ssrc() const { return ssrc_; }
    /// clock_hz: of RTP timestamps; units: timestamp units of one packet.
    void set_clock(unsigned clock_hz, unsigned units);
    /// The next packet begins anew even if it is of the same source.
    void forget_source() { source_ = 0; }

    /// A packet of `source` (never 0). units: what the packet lasts after its timestamp: an event's duration, else 0.
    /// False: it comes too late to have a place, so it must be dropped.
    bool place(uint64_t source, const Packet& in, uint32_t units, int64_t now_us, Place& out);
    /// A packet of `source` that is not sent: the numbers close over it.
    void skip(uint64_t source, const Packet& in);

    bool started() const { return started_; }
    /// The timestamp of this instant, for RTCP sender reports (RFC 3550 section 6.4.1).
    uint32_t timestamp_at(int64_t now_us) const;

private:
    uint32_t step(int64_t now_us) const;
    void resync(uint64_t source, const Packet& in, uint32_t units, int64_t now_us);
    void sent(uint16_t seq, uint32_t ts, int64_t now_us);

    bool started_, mark_;
    unsigned clock_hz_, units_;
    uint32_t ssrc_;
    uint16_t seq_;               // highest sent
    uint32_t ts_;                // latest instant sent
    int64_t at_us_;              // when that was
    uint64_t source_;            // 0: none yet
    uint32_t in_ssrc_;
    uint16_t in_high_, fence_;   // of the source: highest seen; what lies before the fence has no place any more
    uint16_t seq_off_;
    uint32_t ts_off_;
};

}  // namespace relay
