/* The forward pass for whatever the compiler was told to build for; on ARM that includes NEON. */
#include "stateline.h"

#define ISA plain
#define LANES 4
#include "forward.h"

static int available(void) { return 1; }
const sl_isa_table sl_plain = {"plain", available, forward};
