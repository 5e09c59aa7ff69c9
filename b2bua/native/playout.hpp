// SPDX-License-Identifier: GPL-3.0-or-later
//
// Playout: when what a leg's stream plays was said, whatever its jitter buffer did with it. The least delayed packets of
// the last second tell where RTP time lies in ours; a frame's own timestamp tells the rest.
#pragma once

#include <cstdint>
#include <mutex>

namespace relay {

class Playout {
public:
    void arrived(uint32_t ts, unsigned clock_hz, int64_t at_us);  ///< a packet of sound came; media thread
    int64_t said_at_us(uint32_t ts) const;                        ///< monotonic; 0: nothing has come yet; any thread

private:
    struct Seen {
        uint32_t ts;
        int64_t at_us;
    };
    int64_t late_us(const Seen& one, const Seen& than) const;

    mutable std::mutex lock_;
    unsigned clock_hz_ = 0;
    Seen former_{}, recent_{};    // the least delayed packets of the window before this one, and of this one
    int64_t window_end_us_ = 0;
};

}  // namespace relay

/// When the frame that this call's stream gave to the conference in this tick was said; 0 when it was made up (lost, none
/// came) or nothing is known. Thread: PJMEDIA's clock, after the conference has read its ports.
int64_t frame_said_at_us(int call_id);
