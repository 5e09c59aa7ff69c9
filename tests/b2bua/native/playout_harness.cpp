// SPDX-License-Identifier: GPL-3.0-or-later
//
// Playout as C functions, for test_playout.py.
#include "playout.hpp"

using namespace relay;

extern "C" {

Playout* playout_new() { return new Playout(); }

void playout_free(Playout* playout) { delete playout; }

/// A packet comes; when what it holds was said.
long long playout_hear(Playout* playout, unsigned seq, unsigned ts, unsigned ssrc, int marker, unsigned clock_hz,
                       long long at_us)
{
    Packet in = Packet();
    in.seq = uint16_t(seq);
    in.ts = ts;
    in.ssrc = ssrc;
    in.marker = marker != 0;
    playout->arrived(in, clock_hz, at_us);
    return playout->said_at_us(ts);
}

}  // extern "C"
