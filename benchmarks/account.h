#pragma once
/* The marks of model/networks/native/forward.h, with something behind them. */
enum { REST, NORM, IN_PROJ, CONVOLUTION, SCAN, GATE, OUT_PROJ, HEAD, ACCOUNTS };
void account_done(int what);
#define DONE(WHAT) account_done(WHAT)
