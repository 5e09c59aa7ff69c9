// SPDX-License-Identifier: GPL-3.0-or-later
//
// RTP headers (RFC 3550 section 5.1) and telephone events (RFC 4733 section 2.3), read and written. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace relay {

enum { RTP_HEADER = 12, PAYLOAD_TYPES = 128, MARKER = 0x80, EVENT_BYTES = 4, EVENT_END = 0x80, RTP_VERSION = 2 };

enum { PCMU = 0, PCMA = 8, PCMU_SILENCE = 0xFF, PCMA_SILENCE = 0xD5 };  ///< static types, RFC 3551 section 6

/// A packet as it was received; payload points into the receive buffer.
struct Packet {
    uint8_t pt;
    bool marker;
    uint16_t seq;
    uint32_t ts;
    uint32_t ssrc;
    const uint8_t* payload;
    size_t size;                 ///< of the payload: without CSRCs, header extension and padding
};

/// One packet of a telephone event.
struct Event {
    uint8_t code;                ///< 0-9, 10 *, 11 #, 12-15 A-D, 16 flash
    bool end;
    uint16_t duration;           ///< timestamp units since the event's timestamp
};

inline uint16_t get16(const uint8_t* p) { return uint16_t(p[0] << 8 | p[1]); }
inline uint32_t get32(const uint8_t* p) { return uint32_t(p[0]) << 24 | uint32_t(p[1]) << 16 | p[2] << 8 | p[3]; }

inline void put16(uint8_t* p, uint16_t v) { p[0] = uint8_t(v >> 8); p[1] = uint8_t(v); }
inline void put32(uint8_t* p, uint32_t v) { put16(p, uint16_t(v >> 16)); put16(p + 2, uint16_t(v)); }

/// False: not RTP version 2, or its own lengths contradict each other.
inline bool parse(const void* data, size_t size, Packet& out)
{
    const uint8_t* p = static_cast<const uint8_t*>(data);
    if (size < RTP_HEADER || p[0] >> 6 != RTP_VERSION)
        return false;
    size_t begin = RTP_HEADER + 4 * size_t(p[0] & 0x0F);
    if (p[0] & 0x10) {
        if (size < begin + 4)
            return false;
        begin += 4 + 4 * size_t(get16(p + begin + 2));
    }
    if (size < begin)
        return false;
    size_t end = size;
    if (p[0] & 0x20) {
        const size_t padding = p[size - 1];
        if (padding == 0 || padding > size - begin)
            return false;
        end -= padding;
    }
    out.pt = p[1] & 0x7F;
    out.marker = (p[1] & MARKER) != 0;
    out.seq = get16(p + 2);
    out.ts = get32(p + 4);
    out.ssrc = get32(p + 8);
    out.payload = p + begin;
    out.size = end - begin;
    return true;
}

/// The fixed header alone: no padding, extension or CSRCs.
inline void write_header(uint8_t* p, uint8_t pt, bool marker, uint16_t seq, uint32_t ts, uint32_t ssrc)
{
    p[0] = RTP_VERSION << 6;
    p[1] = uint8_t(pt | (marker ? MARKER : 0));
    put16(p + 2, seq);
    put32(p + 4, ts);
    put32(p + 8, ssrc);
}

inline bool parse_event(const Packet& packet, Event& out)
{
    if (packet.size < EVENT_BYTES)
        return false;
    out.code = packet.payload[0];
    out.end = (packet.payload[1] & EVENT_END) != 0;
    out.duration = get16(packet.payload + 2);
    return true;
}

}  // namespace relay
