# SPDX-License-Identifier: GPL-3.0-or-later
"""The ears: in-band DTMF for many legs at once, and tones. Pure numpy; imports nothing of ours."""
