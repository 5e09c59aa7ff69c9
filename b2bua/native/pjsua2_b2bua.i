// SPDX-License-Identifier: GPL-3.0-or-later
//
// The pjsua2 module as PJSIP wraps it, plus our additions: one extension, hence one copy of PJSIP's state.
// Swig runs with -threads, so every call below gives up the GIL while it runs.
%module(directors="1") pjsua2
%include "pjsua2.i"

%{
#include "bank.hpp"
#include "bridge.hpp"
#include "dialog.hpp"
#include "gate.hpp"
#include "limits.hpp"
#include "relay.hpp"
#include "sources.hpp"
#include "stream_stats.hpp"
%}

%include "std_except.i"
%catches(std::invalid_argument, std::bad_alloc) Bank::Bank(int, int, int);
%catches(std::invalid_argument, std::bad_alloc) Sources::Sources(int, int);
%catches(std::logic_error) Gate::Gate();

%include "bank.hpp"
%include "bridge.hpp"
%include "dialog.hpp"
%include "gate.hpp"
%include "limits.hpp"
%include "relay.hpp"
%include "sources.hpp"
%include "stream_stats.hpp"
