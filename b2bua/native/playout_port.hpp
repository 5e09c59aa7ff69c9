// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

/// When the frame that this call's stream gave to the conference in this tick was said (playout.hpp); 0 when it was
/// made up (lost, none came) or nothing is known. Thread: PJMEDIA's clock, after the conference has read its ports.
int64_t frame_said_at_us(int call_id);
