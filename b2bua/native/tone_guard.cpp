// SPDX-License-Identifier: GPL-3.0-or-later
#include "tone_guard.hpp"

#include <cmath>

namespace relay {

namespace {

const double TWO_PI = 6.283185307179586;
const float TONES_HZ[8] = {697, 770, 852, 941, 1209, 1336, 1477, 1633};  // ITU-T Q.23
const int DIGITS[4][4] = {{1, 2, 3, 12}, {4, 5, 6, 13}, {7, 8, 9, 14}, {10, 0, 11, 15}};  // as RFC 4733 numbers them
const float RATE_HZ = 8000;
const float LEAST_SHARE = 0.70F;      // of a block's power in the two tones: 12 dB SNR and 1.8 % off leave 0.75
const float LEAST_POWER = 6.3e3F;     // mean square of one tone: -46 dBm0
const float MOST_TWIST = 12.6F;       // either way, 11 dB
const float MOST_CHANGE = 4.0F;       // of a tone's power from block to block, 6 dB
const float MOST_DETUNING = 0.030F;   // Q.24 accepts 1.8 %, refuses 3 %

float mu_law(uint8_t code)
{
    const int c = ~code & 0xFF, e = c >> 4 & 7, m = c & 15;
    const int magnitude = (((m << 3) + 132) << e) - 132;
    return float(c & 0x80 ? -magnitude : magnitude);
}

float a_law(uint8_t code)
{
    const int c = code ^ 0x55, e = c >> 4 & 7, m = c & 15;
    const int magnitude = e ? ((m << 4) + 264) << (e - 1) : (m << 4) + 8;
    return float(c & 0x80 ? magnitude : -magnitude);
}

/// High-pass of second order at 560 Hz (Butterworth): hum and most of a dial tone are not part of the judgement.
const float PASS_GAIN = 0.7320F, FEEDBACK[2] = {-1.3909F, 0.5372F};
const unsigned LEAST_BLOCKS = 3;      // 30 ms of a steady tone are a digit; ITU-T Q.24 refuses 23 ms, accepts 40
const int LINGER = 4;                 // blocks: a tone that is back so soon is the same press, or the next of a hurried row

/// Four sums at once, of the four tones of a group: 128 bits, which every x86-64 and ARM64 has. Wider ones would be taken
/// apart again where there is no AVX, ten times as slow.
enum { LOW, HIGH, GROUPS, LANES = 4 };
typedef float Lanes __attribute__((vector_size(4 * LANES)));

struct Tables {
    float linear[2][256];
    Lanes cosine[ToneGuard::BLOCK][GROUPS], sine[ToneGuard::BLOCK][GROUPS];

    Tables()
    {
        for (int code = 0; code < 256; ++code) {
            linear[ToneGuard::MU_LAW][code] = mu_law(uint8_t(code));
            linear[ToneGuard::A_LAW][code] = a_law(uint8_t(code));
        }
        for (int n = 0; n < ToneGuard::BLOCK; ++n)
            for (int tone = 0; tone < 8; ++tone) {
                cosine[n][tone / LANES][tone % LANES] = float(std::cos(TWO_PI * TONES_HZ[tone] * n / RATE_HZ));
                sine[n][tone / LANES][tone % LANES] = float(std::sin(TWO_PI * TONES_HZ[tone] * n / RATE_HZ));
            }
    }
};

const Tables& tables()
{
    static const Tables made;
    return made;
}

int strongest(const float* power, int first)
{
    int best = first;
    for (int tone = first + 1; tone < first + 4; ++tone)
        if (power[tone] > power[best])
            best = tone;
    return best;
}

/// How far a tone's frequency is off, as a share of it, from its phases at two blocks' begins.
float detuning(float phase, float before, float hz)
{
    const double turns = (phase - before) / TWO_PI - double(hz) * ToneGuard::BLOCK / RATE_HZ;
    return float(std::fabs(turns - std::round(turns)) * RATE_HZ / ToneGuard::BLOCK / hz);
}

}  // namespace

ToneGuard::Block ToneGuard::look(const float* sound)
{
    const Tables& known = tables();
    Block out = {NONE, {0, 0}, {0, 0}, {0, 0}};
    float total = 0;
    for (int n = 0; n < BLOCK; ++n)
        total += sound[n] * sound[n];
    if (total < 2 * LEAST_POWER * BLOCK)
        return out;
    Lanes real[GROUPS] = {}, imaginary[GROUPS] = {};
    for (int n = 0; n < BLOCK; ++n)
        for (int group = LOW; group < GROUPS; ++group) {
            real[group] += sound[n] * known.cosine[n][group];
            imaginary[group] -= sound[n] * known.sine[n][group];
        }
    float power[TONES];
    for (int tone = 0; tone < TONES; ++tone) {
        const float re = real[tone / LANES][tone % LANES], im = imaginary[tone / LANES][tone % LANES];
        power[tone] = 2 * (re * re + im * im) / (float(BLOCK) * BLOCK);
    }
    const int low = strongest(power, 0), high = strongest(power, 4);
    const float less = std::fmin(power[low], power[high]), more = std::fmax(power[low], power[high]);
    if ((less + more) * BLOCK < LEAST_SHARE * total || less < LEAST_POWER || more > MOST_TWIST * less)
        return out;
    out.digit = DIGITS[low][high - 4];
    out.tone[0] = low;
    out.tone[1] = high;
    for (int i = 0; i < 2; ++i) {
        out.power[i] = power[out.tone[i]];
        out.phase[i] = std::atan2(imaginary[i][out.tone[i] % LANES], real[i][out.tone[i] % LANES]);
    }
    return out;
}

/// Is it the same steady tone? Speech passes for a digit now and then, but its pitch moves.
bool ToneGuard::goes_on(const Block& before, const Block& after)
{
    if (before.digit == NONE || before.digit != after.digit)
        return false;
    for (int i = 0; i < 2; ++i) {
        const float change = after.power[i] / before.power[i];
        if (change > MOST_CHANGE || change < 1 / MOST_CHANGE ||
            detuning(after.phase[i], before.phase[i], TONES_HZ[after.tone[i]]) > MOST_DETUNING)
            return false;
    }
    return true;
}

void ToneGuard::decode(const uint8_t* payload, size_t size, Law law, float* sound)
{
    const float* linear = tables().linear[law];
    for (size_t n = 0; n < size; ++n) {
        const float now = linear[payload[n]] - FEEDBACK[0] * past_[0] - FEEDBACK[1] * past_[1];
        sound[n] = PASS_GAIN * (now - 2 * past_[0] + past_[1]);
        past_[1] = past_[0];
        past_[0] = now;
    }
}

/// Follows the tone through the packet. Returns the digit that was proved in it or sounds on, or NONE.
int ToneGuard::follow(const float* sound, size_t blocks)
{
    int found = NONE;
    if (last_.digit == NONE && linger_ <= 0 && blocks <= LEAST_BLOCKS &&
        look(sound + (blocks - 1) * BLOCK).digit == NONE) {  // what ended before it was too short
        run_ = 0;
        return NONE;
    }
    for (; blocks; --blocks, sound += BLOCK) {
        const Block block = look(sound);
        run_ = goes_on(last_, block) ? run_ + 1 : block.digit != NONE;
        last_ = block;
        if (block.digit != NONE && (run_ >= LEAST_BLOCKS || (block.digit == recent_ && linger_ > 0))) {
            found = recent_ = block.digit;
            linger_ = LINGER;
        } else if (linger_ > 0) {
            --linger_;
        }
    }
    return found;
}

ToneGuard::Verdict ToneGuard::hear(const uint8_t* payload, size_t size, Law law, uint32_t mask)
{
    const size_t blocks = size / BLOCK;
    float sound[MOST_SAMPLES];
    if (!blocks || size > MOST_SAMPLES) {
        forget();
        return Verdict{PASS, PASS};
    }
    decode(payload, size, law, sound);
    const int found = follow(sound + size - blocks * BLOCK, blocks);
    const int before = suspect_;
    suspect_ = NONE;
    if (found != NONE && (found == muting_ || (mask >> found & 1))) {
        muting_ = found;
        return Verdict{before == found ? MUTE : PASS, MUTE};
    }
    if (linger_ <= 0)
        muting_ = NONE;
    if (found == NONE && last_.digit != NONE && mask >> last_.digit & 1)
        suspect_ = last_.digit;
    return Verdict{PASS, suspect_ == NONE ? PASS : HOLD};
}

void ToneGuard::forget()
{
    suspect_ = recent_ = muting_ = last_.digit = NONE;
    run_ = 0;
    linger_ = 0;
    past_[0] = past_[1] = 0;
}

ToneGuard::What ToneGuard::told(unsigned digit)
{
    const bool same = suspect_ == int(digit);
    suspect_ = NONE;
    recent_ = muting_ = int(digit);
    linger_ = LINGER;
    return same ? MUTE : PASS;
}

}  // namespace relay
