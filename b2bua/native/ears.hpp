// SPDX-License-Identifier: GPL-3.0-or-later
//
// Ears: what the legs that are listened to for tones said in the last ticks, at 8 kHz, one block a tick.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

/// A leg's frames lie seconds apart in its row of the bank; here those of one tick of all legs lie together, at the one
/// rate that tones need, so that numpy has nothing to gather, to convert or to filter.
///
/// int16 samples (COLUMNS, rows, SAMPLES), tick k in column k % COLUMNS; a row that wrote nothing in a tick is silent.
/// Thread: the clock's, but for `clear`.
class Ears {
public:
    enum { COLUMNS = 32, SAMPLES = 160, RATE_HZ = 8000 };

    /// clock_rate_hz: of the frames; no ears when it is no multiple of RATE_HZ.
    Ears(int rows, int clock_rate_hz);

    /// Ticks [from, to) begin: silence in all rows.
    void begin(uint64_t from, uint64_t to);
    /// What the owner of a row said in this tick, decimated: SAMPLES * factor samples.
    void write(int row, uint64_t tick, const int16_t* frame);
    /// The row has a new owner, who has said nothing yet. Nobody may be writing it.
    void clear(int row);

    int16_t* samples() const { return samples_; }

private:
    int16_t* place(int row, uint64_t tick) const;
    float* past(int row) { return &past_[size_t(row) * history_]; }

    int rows_, factor_, history_;
    int used_;                    // rows below it may have been written
    int16_t* samples_;
    std::vector<float> filter_;   // low-pass before decimation
    std::vector<float> past_;     // (rows, history_): the last samples of each row's former frame
};
