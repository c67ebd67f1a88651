/* The implementation, for cxx_main.cpp. */
#define DEEPC_IMPLEMENTATION
#include "deepc.h"
