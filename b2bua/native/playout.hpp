// SPDX-License-Identifier: GPL-3.0-or-later
//
// Playout: when what a leg's packets hold was said, whatever network and jitter buffer did with them. The least delayed
// packets tell where RTP time lies in ours; a frame's own timestamp tells the rest. Pure.
#pragma once

#include <cstdint>
#include <mutex>

#include "relay_rtp.hpp"

namespace relay {

class Playout {
public:
    void arrived(const Packet& in, unsigned clock_hz, int64_t at_us);  ///< a packet of sound came; media thread
    /// When what stands at this timestamp began to be said: a packet comes when its last sample has been said.
    /// Monotonic; 0: nothing has come yet. Any thread.
    int64_t said_at_us(uint32_t ts) const;

private:
    struct Seen {
        uint32_t ts;
        int64_t at_us;
    };
    int64_t units_us(uint32_t from, uint32_t to) const;
    int64_t late_us(const Seen& one, const Seen& than) const;
    void measure(const Packet& in);

    mutable std::mutex lock_;
    unsigned clock_hz_ = 0;
    uint32_t ssrc_ = 0;
    Seen line_{};                 // RTP time in ours, as of the least delayed packets
    Seen least_{};                // the least delayed packet of this window
    int64_t window_end_us_ = 0;
    uint16_t seq_ = 0;            // of the packet before
    uint32_t ts_ = 0;
    int64_t step_us_ = 0;         // between the two packets before
    int64_t packet_us_ = 0;       // sound in a packet
};

}  // namespace relay
