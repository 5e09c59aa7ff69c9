# SPDX-License-Identifier: GPL-3.0-or-later
"""The far ends with which the product is proved: SIPp, a real phone, RTP, and what they saw on the wire."""
