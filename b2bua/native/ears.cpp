// SPDX-License-Identifier: GPL-3.0-or-later
#include "ears.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "pages.hpp"

namespace {

// The same filter as that of dsp/tape.py: 6 kHz and above would fold onto the tones.
enum { SPAN = 7, MOST_FACTOR = 6 };  // SPAN: its length, samples at 8 kHz
const double CUT_HZ = 3700, KAISER = 5, PI = 3.141592653589793;

/// Modified Bessel function of the first kind, order 0: its power series.
double bessel(double x)
{
    double term = 1, sum = 1;
    for (int k = 1; k < 30; ++k)
        sum += term *= (x / 2 / k) * (x / 2 / k);
    return sum;
}

/// Sinc under a Kaiser window, gain 1 at 0 Hz.
std::vector<float> low_pass(int factor)
{
    const int taps = SPAN * factor + 1;
    const double middle = (taps - 1) / 2.0, cut = 2 * CUT_HZ / (Ears::RATE_HZ * factor);
    std::vector<double> shape(taps);
    double sum = 0;
    for (int i = 0; i < taps; ++i) {
        const double at = i - middle, part = at / middle, turn = PI * cut * at;
        shape[i] = (turn == 0 ? 1 : std::sin(turn) / turn) * bessel(KAISER * std::sqrt(1 - part * part));
        sum += shape[i];
    }
    std::vector<float> out(taps);
    std::transform(shape.begin(), shape.end(), out.begin(), [sum](double value) { return float(value / sum); });
    return out;
}

/// Four samples at once: 128 bits, which every x86-64 and ARM64 has.
typedef float Lanes __attribute__((vector_size(16), aligned(4)));
typedef int32_t Wide __attribute__((vector_size(16)));
enum { LANES = 4, PHASE = Ears::SAMPLES + SPAN + 1 };

const Lanes& lanes(const float* first) { return *reinterpret_cast<const Lanes*>(first); }

void put_rounded(int16_t* out, Lanes value)
{
    const Lanes least = Lanes{} - 32768.0F, most = Lanes{} + 32767.0F;
    value = value < least ? least : value > most ? most : value;
    const Wide whole = __builtin_convertvector(value + (value < Lanes{} ? Lanes{} - 0.5F : Lanes{} + 0.5F), Wide);
    for (int lane = 0; lane < LANES; ++lane)
        out[lane] = int16_t(whole[lane]);
}

}  // namespace

Ears::Ears(int rows, int clock_rate_hz)
    : rows_(rows), factor_(clock_rate_hz % RATE_HZ ? 0 : clock_rate_hz / RATE_HZ), history_(SPAN * factor_), used_(0),
      samples_(static_cast<int16_t*>(map_zeroed(size_t(COLUMNS) * rows * SAMPLES * sizeof(int16_t))))
{
    if (factor_ > MOST_FACTOR)
        factor_ = 0;
    if (factor_ > 1) {
        filter_ = low_pass(factor_);
        past_.resize(size_t(rows) * history_);
    }
}

int16_t* Ears::place(int row, uint64_t tick) const
{
    return samples_ + (size_t(tick % COLUMNS) * rows_ + row) * SAMPLES;
}

void Ears::begin(uint64_t from, uint64_t to)
{
    if (to - from > COLUMNS)
        from = to - COLUMNS;
    for (; from < to; ++from)
        std::memset(place(0, from), 0, size_t(used_) * SAMPLES * sizeof(int16_t));
}

void Ears::write(int row, uint64_t tick, const int16_t* frame)
{
    if (row < 0 || row >= rows_ || !factor_)
        return;
    used_ = std::max(used_, row + 1);
    int16_t* out = place(row, tick);
    if (factor_ == 1) {
        std::memcpy(out, frame, SAMPLES * sizeof(int16_t));
        return;
    }
    const int size = SAMPLES * factor_;
    float heard[(SAMPLES + SPAN) * MOST_FACTOR], phases[MOST_FACTOR][PHASE];
    std::copy_n(past(row), history_, heard);
    std::copy_n(frame, size, heard + history_);
    std::copy_n(heard + size, history_, past(row));
    for (int phase = 0; phase < factor_; ++phase)  // every factor-th sample together: sums are then over neighbours
        for (int n = 0; n < SAMPLES + SPAN; ++n)
            phases[phase][n] = heard[n * factor_ + phase];
    for (int n = 0; n < SAMPLES; n += LANES) {
        Lanes sum = {};
        for (int phase = 0; phase < factor_; ++phase)
            for (int later = 0; later < SPAN; ++later)
                sum += filter_[size_t(later * factor_ + phase)] * lanes(&phases[phase][n + later]);
        sum += filter_.back() * lanes(&phases[0][n + SPAN]);
        put_rounded(out + n, sum);
    }
}

void Ears::clear(int row)
{
    if (row < 0 || row >= rows_)
        return;
    for (uint64_t column = 0; column < COLUMNS; ++column)
        std::memset(place(row, column), 0, SAMPLES * sizeof(int16_t));
    if (!past_.empty())
        std::fill_n(past(row), history_, 0.0F);
}
