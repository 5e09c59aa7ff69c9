// SPDX-License-Identifier: GPL-3.0-or-later
//
// Bank: one block of memory that holds the last seconds of what every tapped leg says, for numpy to read in place.
// Written by PJMEDIA's clock thread only; opened and closed on the SIP thread; read by anybody.
#pragma once

#include <cstdint>

struct BankCore;

/// Rows of int16 samples, one row (slot) per tapped leg, one column of 20 ms per tick of the conference clock.
///
/// Frame k of every row lies at sample (k % ring_frames) * frame_samples of that row, so one slice of columns is the
/// same instant of all legs. heads[slot] is one past the last frame written; tick() is the tick in progress: frames
/// below it are complete in all rows, frame tick() itself may not have reached every row yet.
/// delays[slot][k % ring_frames] is how much earlier than its tick frame k was said, in samples: what jitter buffer and
/// network added to it beyond the least delayed packets. Known for legs; 0 for other ports.
/// A reader copies, then reads heads[slot] again: what it copied is whole if heads - first_frame < ring_frames.
///
/// The memory lives as long as the process (taps on another thread refer to it), also after the Python object is gone.
class Bank {
public:
    /// slots: rows; ring_frames: columns of 20 ms; clock_rate_hz: the conference's (medConfig.clockRate).
    /// Throws std::invalid_argument for values <= 0, std::bad_alloc without memory. Thread: SIP.
    Bank(int slots, int ring_frames, int clock_rate_hz);
    ~Bank();

    /// Takes a free slot (the one that has been free longest), bumps its generation, silences its row and connects
    /// conf_port to its tap. Returns the slot; -1 when all are taken; -2 when the conference refuses. Thread: SIP.
    /// The connection takes effect at the next tick; until then the row receives silence.
    int open(int conf_port);

    /// Frees the slot; its tap ignores what still comes. conf_port < 0: the leg's port is gone or going, so nothing is
    /// disconnected (pjproject #4719). A slot that is not open is left alone. Thread: SIP.
    void close(int slot, int conf_port);

    /// What the slot's leg says goes to this row of the ears as well (ears.hpp), from the next tick on; row < 0: no more.
    /// A row belongs to one slot at a time. Thread: SIP.
    void listen(int slot, int row);

    unsigned long long tick() const;                 ///< tick in progress, 20 ms each, never goes back; any thread
    long long tick_at_us() const;                    ///< when that tick began, CLOCK_MONOTONIC; any thread
    unsigned long long clock_address() const;        ///< uint64 (2,): both of them; a reader of memory keeps the GIL
    unsigned long long samples_address() const;      ///< int16 (slots, ring_frames * frame_samples), C order
    unsigned long long heads_address() const;        ///< uint64 (slots,)
    unsigned long long generations_address() const;  ///< uint32 (slots,), 0 = never used
    unsigned long long delays_address() const;       ///< uint16 (slots, ring_frames), samples, MOST_DELAY_MS at most
    unsigned long long ears_address() const;         ///< int16 (ear_columns, slots, 160): tick k in column k % ear_columns
    int ear_columns() const;
    int slots() const;
    int ring_frames() const;
    int frame_samples() const;                       ///< clock_rate_hz / 50
    int in_use() const;                              ///< open slots
    int tap_port(int slot) const;                    ///< the tap's conference port, -1 before the slot's first use

private:
    Bank(const Bank&);
    Bank& operator=(const Bank&);
    BankCore* core_;
};
