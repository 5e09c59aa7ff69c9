# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Asterisk 22 as the PBX behind the product, made from Debian packages in a folder of its own."""
