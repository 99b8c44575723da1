/* Says which instruction set the native library chooses by itself on this machine. */
#include "stateline.h"

#include <stdio.h>

int main(void) {
    sl_model empty = {0};
    sl_runtime *runtime = sl_open(&empty, 1, NULL);
    puts(runtime == NULL ? "none" : sl_isa(runtime));
    sl_close(runtime);
    return 0;
}
