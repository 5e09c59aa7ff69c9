// SPDX-License-Identifier: GPL-3.0-or-later
//
// ToneGuard as C functions, for test_tone_guard.py.
#include "tone_guard.hpp"

#include <cstring>

using relay::ToneGuard;

extern "C" {

ToneGuard* guard_new() { return new ToneGuard(); }

void guard_free(ToneGuard* guard) { delete guard; }

/// Verdict of one packet: what becomes of the held ones, then of this one; 0 pass, 1 hold, 2 mute.
void guard_hear(ToneGuard* guard, const unsigned char* payload, unsigned size, int law, unsigned mask, int* out)
{
    const ToneGuard::Verdict verdict = guard->hear(payload, size, ToneGuard::Law(law), mask);
    out[0] = verdict.held;
    out[1] = verdict.now;
}

int guard_told(ToneGuard* guard, unsigned digit) { return guard->told(digit); }
}
