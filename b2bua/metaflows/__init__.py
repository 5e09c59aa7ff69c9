# SPDX-License-Identifier: GPL-3.0-or-later
"""In-call codes: documents, inheritance, collecting digits, matching them, and running what they name."""
