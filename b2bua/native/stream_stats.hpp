// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

/// What RTP and RTCP know about one call's audio. rx is what we received, tx what the far end reported by RTCP.
struct StreamStats {
    bool valid;               ///< false: no such call, or it has no audio stream; the rest is then zero
    unsigned rx_packets;
    unsigned rx_lost;
    unsigned rx_discarded;    ///< arrived, but too late or too early for the jitter buffer
    unsigned rx_reorder;
    unsigned rx_dup;
    double rx_jitter_ms;      ///< mean
    double rx_jitter_max_ms;
    unsigned tx_packets;
    unsigned tx_lost;         ///< as reported by RTCP
    double tx_jitter_ms;      ///< mean, as reported by RTCP
    double rtt_ms;            ///< mean; 0 before the first RTCP round
    unsigned jitter_buffer_ms;///< mean delay added by the jitter buffer
    std::string codec;        ///< encoding name, e.g. "PCMU"
    unsigned clock_rate_hz;
    int tx_pt;                ///< RTP payload type we send
    int rx_pt;
    int tx_event_pt;          ///< telephone-event (RFC 4733), -1 when not negotiated
    int rx_event_pt;
    std::string remote_rtp;   ///< address:port we send RTP to
};

/// Cheap (two locks, no allocation but the strings). Thread: SIP.
StreamStats stream_stats(int call_id);
