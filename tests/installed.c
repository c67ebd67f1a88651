/* A program of somebody who has installed deepc; built with pkg-config and with CMake. */
#define DEEPC_IMPLEMENTATION
#include <deepc.h>

int main(void)
{
    dc_context *ctx = dc_new(1);
    double four = dc_item(dc_square(dc_scalar(ctx, 2)));
    dc_free(ctx);
    return four != 4;
}
