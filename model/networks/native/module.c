/* Python's tools build and install the library as an extension module, and expect this symbol. It
   is opened by ctypes and never imported, so that neither Python nor its headers are needed. */
#include "stateline.h"

EXPORT void *PyInit__native(void);
EXPORT void *PyInit__native(void) { return 0; }
