// SPDX-License-Identifier: GPL-3.0-or-later
//
// ToneGuard: keeps DTMF tones that somebody must not hear out of a G.711 stream. Pure; the owner serialises the calls.
#pragma once

#include <cstddef>
#include <cstdint>

namespace relay {

/// Looks at packets of G.711 on their way out. A packet that ends in what may be a digit is held until the next one
/// tells: if that is the same tone all through, both are muted, and what follows as long as the tone sounds; if not, the
/// held one goes on as it was, one packet late. Everything else is not touched and not delayed.
///
/// At most BLOCK samples of a tone (10 ms) leave before it, and less after it: no receiver takes them for a digit
/// (ITU-T Q.24 refuses 23 ms). It judges more generously than the detector of dsp/, which decides what was pressed.
class ToneGuard {
public:
    enum { BLOCK = 80, MOST_SAMPLES = 480 };  ///< 10 ms; of one packet: longer ones pass
    enum What { PASS, HOLD, MUTE };
    enum Law { MU_LAW, A_LAW };

    /// What becomes of the packets that are held, and of this one (never HOLD for the held).
    struct Verdict {
        What held, now;
    };

    ToneGuard() { forget(); }

    /// mask: bit n is digit n of RFC 4733 (10 *, 11 #, 12-15 A-D) whose tone must not pass.
    Verdict hear(const uint8_t* payload, size_t size, Law law, uint32_t mask);
    /// An event that is withheld says that this digit is being pressed: its tone needs no further proof.
    What told(unsigned digit);
    /// A tone is being muted: it is muted to its end, whatever the mask says meanwhile (its code has run by then).
    bool is_muting() const { return muting_ != NONE; }
    void forget();

private:
    enum { NONE = -1, TONES = 8 };

    /// 10 ms of sound as a digit: which pair of tones is in it, and with which phases.
    struct Block {
        int digit;               // NONE: no digit
        int tone[2];             // the low and the high one, 0 (697 Hz) to 7
        float power[2];          // mean square
        float phase[2];          // radians at the begin of the block
    };
    static Block look(const float* sound);
    static bool goes_on(const Block& before, const Block& after);

    void decode(const uint8_t* payload, size_t size, Law law, float* sound);
    int follow(const float* sound, size_t blocks);

    int suspect_, recent_, muting_;  // digits: of the packet that is held; proved last; being muted
    int linger_;                 // blocks for which `recent_` needs no proof
    unsigned run_;               // blocks of one steady tone up to now
    Block last_;
    float past_[2];              // of the high-pass
};

}  // namespace relay
