// SPDX-License-Identifier: GPL-3.0-or-later
//
// Ports of our own in the conference: mono, 16 bits, frames of 20 ms. Thread: SIP.
#pragma once

#include <pjmedia.h>

enum { FRAMES_PER_SECOND = 50 };

/// Adds a port whose get_frame and put_frame are set; its number, or -1. Its pool goes with PJSUA's pool factory.
int add_conf_port(pjmedia_port& port, const char* name, unsigned signature, unsigned clock_rate_hz);
