// SPDX-License-Identifier: GPL-3.0-or-later
//
// Sources: conference ports that speak. What they say lies in memory already (a sound that is played), or is put there
// block by block by a worker thread (a voice that was changed). Read by PJMEDIA's clock thread, which never waits.
#pragma once

struct SourcesCore;

/// A pool of ports; each is made at its first use and kept for the life of the process: a port that is never removed
/// cannot be removed too early. A port that nobody is connected to is not read.
///
/// All samples are int16, mono, at the conference's rate; a frame is 20 ms.
class Sources {
public:
    /// slots: ports at most; clock_rate_hz: the conference's (medConfig.clockRate).
    /// Throws std::invalid_argument for values <= 0. Thread: SIP.
    Sources(int slots, int clock_rate_hz);
    ~Sources();

    /// Takes a free slot that plays `count` samples at `address` from their beginning, `gain` times as loud (clipped),
    /// again and again if `loop`. The memory must stay as it is until close() has returned.
    /// Returns the slot; -1 when all are taken, count < 1 or the conference refuses. Thread: SIP.
    int play(unsigned long long address, unsigned count, bool loop, float gain);

    /// Takes a free slot with a ring of so many frames that push() fills. Returns as play(). Thread: SIP.
    int feed(int ring_frames);

    /// Appends frames to a slot that feed() gave; returns how many fitted, the others are lost and counted.
    /// One thread at a time per slot; any thread. A slot that is closed meanwhile takes nothing.
    int push(int slot, unsigned long long address, int frames);

    /// What play() gave falls silent without a click, within FADE_MS of its next frame, and is `finished` then. Thread: SIP.
    void fade(int slot);

    int waiting(int slot) const;       ///< frames of a fed slot that have not been read; any thread
    bool finished(int slot) const;     ///< everything was played (never with loop; not for feed); any thread
    int port(int slot) const;          ///< its conference port, -1 before its first use

    /// The slot is silent from now on and may be used again; its connections are the caller's to undo. When this has
    /// returned nobody reads or writes its memory. A slot that is not open is left alone. Thread: SIP.
    void close(int slot);

    int in_use() const;                        ///< open slots
    unsigned long long underruns() const;      ///< frames of fed slots that were not there in time; any thread
    unsigned long long overruns() const;       ///< frames that did not fit into a ring; any thread

private:
    Sources(const Sources&);
    Sources& operator=(const Sources&);
    SourcesCore* core_;
};
