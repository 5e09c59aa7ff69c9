# SPDX-License-Identifier: GPL-3.0-or-later
"""Many calls at once with sound both ways: native RTP, signalling in one asyncio process, figures of loss and delay."""
