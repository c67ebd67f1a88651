/* A second C file of the same program: declarations only. */
#include "deepc.h"

dc_tensor *second_file_makes(dc_context *ctx);

dc_tensor *second_file_makes(dc_context *ctx)
{
    return dc_add(dc_ones(ctx, DC_SHAPE(2, 3)), dc_scalar(ctx, 1));
}
