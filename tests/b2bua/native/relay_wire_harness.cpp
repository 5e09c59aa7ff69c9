// SPDX-License-Identifier: GPL-3.0-or-later
//
// The relay's pure parts as C functions, for test_relay_wire.py.
#include "relay_wire.hpp"

using namespace relay;

namespace {

Packet packet_of(unsigned seq, unsigned ts, unsigned ssrc, int marker)
{
    Packet packet = Packet();
    packet.seq = uint16_t(seq);
    packet.ts = ts;
    packet.ssrc = ssrc;
    packet.marker = marker != 0;
    return packet;
}

void give(const Place& place, unsigned* out)
{
    out[0] = place.seq;
    out[1] = place.ts;
    out[2] = place.ssrc;
    out[3] = place.marker;
}

}  // namespace

extern "C" {

Wire* wire_new(unsigned ssrc, unsigned clock_hz, unsigned units)
{
    Wire* wire = new Wire();
    wire->set_ssrc(ssrc);
    wire->set_clock(clock_hz, units);
    return wire;
}

void wire_free(Wire* wire) { delete wire; }

int wire_place(Wire* wire, unsigned long long source, unsigned seq, unsigned ts, unsigned ssrc, int marker,
               unsigned units, long long now_us, unsigned* out)
{
    Place place;
    if (!wire->place(source, packet_of(seq, ts, ssrc, marker), units, now_us, place))
        return 0;
    give(place, out);
    return 1;
}

void wire_skip(Wire* wire, unsigned long long source, unsigned seq, unsigned ts, unsigned ssrc)
{
    wire->skip(source, packet_of(seq, ts, ssrc, 0));
}

/// Payload offset and size of a packet, -1 when it is none.
int rtp_parse(const unsigned char* data, unsigned size, unsigned* out)
{
    Packet packet;
    if (!parse(data, size, packet))
        return -1;
    out[0] = unsigned(packet.payload - data);
    out[1] = unsigned(packet.size);
    return 0;
}
}
