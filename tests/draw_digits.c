/* draw_digits - makes the 20 pictures in examples/digits, which examples/17_digit.c reads: for each digit one
 * that deepc draws (five from its bitmap font, five with a pen) and the first of that digit in the MNIST test
 * set, enlarged; each with a size, ink, paper, margins and a slight turn of its own. Even digits become PNG,
 * odd ones JPEG, on paper that is unevenly lit and has noise.
 *
 *     cc -O2 -I. tests/draw_digits.c -o build/draw_digits -lm && build/draw_digits examples/digits
 *
 * It needs stb_image_write.h (Debian: libstb-dev), of which another version may pack the same pixels into
 * other bytes. */
#define DEEPC_IMPLEMENTATION
#include "deepc.h"

/* How one picture looks: the digit is `size` pixels high, so far from the edges, turned by so many degrees. */
typedef struct look {
    int size, top, bottom, left, right;
    float degrees, ink[3], paper[3], noise;
    int quality;                                                 /* Of JPEG. */
} look;

static const look drawn[10] = {
    {  90,  10,  15,  12,   9,   4, { 0.10f, 0.10f, 0.12f }, { 1.00f, 1.00f, 1.00f }, 0,     0  },
    { 220,  60,  40, 110, 130,   6, { 0.12f, 0.16f, 0.45f }, { 0.96f, 0.94f, 0.88f }, 0.03f, 70 },
    {  40,   4,   6,   3,   4,  -5, { 0.95f, 0.95f, 0.90f }, { 0.10f, 0.25f, 0.20f }, 0,     0  },
    { 160, 120,  30,  20, 140,   3, { 0.70f, 0.10f, 0.10f }, { 0.93f, 0.93f, 0.95f }, 0.04f, 50 },
    { 130,  25,  20,  40,  30,  -4, { 0.00f, 0.00f, 0.00f }, { 0.98f, 0.90f, 0.55f }, 0,     0  },
    { 180,  20,  25,  30,  15,   7, { 0.90f, 0.90f, 0.92f }, { 0.15f, 0.15f, 0.17f }, 0.03f, 60 },
    { 110,  70,  70,  90,  10,   2, { 0.20f, 0.35f, 0.20f }, { 0.85f, 0.90f, 0.85f }, 0,     0  },
    { 240,  30,  90,  60,  30,  -3, { 0.25f, 0.25f, 0.28f }, { 0.80f, 0.78f, 0.74f }, 0.04f, 40 },
    {  70,   9,   7,  30,  45,   5, { 0.40f, 0.10f, 0.40f }, { 1.00f, 0.97f, 1.00f }, 0,     0  },
    { 150,  15,  60,  50,  20,  -6, { 0.05f, 0.10f, 0.30f }, { 0.90f, 0.92f, 0.97f }, 0.05f, 45 } };

static const look cut[10] = {
    {  60,   0,   0,   0,   0,   0, { 1.00f, 1.00f, 1.00f }, { 0.00f, 0.00f, 0.00f }, 0,     0  },
    { 200,  30,  30,  60,  80,   3, { 0.15f, 0.15f, 0.20f }, { 0.95f, 0.95f, 0.95f }, 0.04f, 50 },
    { 100,  50,  10,  15,  15,  -4, { 0.10f, 0.15f, 0.50f }, { 0.95f, 0.95f, 0.85f }, 0,     0  },
    { 170,  10,  15,  90,  25,   5, { 0.85f, 0.88f, 0.80f }, { 0.12f, 0.22f, 0.16f }, 0.03f, 60 },
    { 120,   0,   0,  30,  30,  -3, { 0.20f, 0.20f, 0.20f }, { 0.75f, 0.75f, 0.75f }, 0,     0  },
    { 150,  80, 110,  40,  70,   4, { 0.45f, 0.15f, 0.05f }, { 0.97f, 0.95f, 0.92f }, 0.04f, 45 },
    {  36,   2,   2,   2,   2,   0, { 0.00f, 0.00f, 0.00f }, { 1.00f, 1.00f, 1.00f }, 0,     0  },
    { 260,  20,  20,  30,  20,  -5, { 0.20f, 0.22f, 0.30f }, { 0.88f, 0.86f, 0.80f }, 0.05f, 40 },
    {  84,  14,  24,  64,   6,   3, { 1.00f, 0.95f, 0.40f }, { 0.25f, 0.10f, 0.30f }, 0,     0  },
    { 190,  15,  10,  10,  45,  -2, { 0.10f, 0.30f, 0.15f }, { 0.94f, 0.96f, 0.94f }, 0.03f, 55 } };

/* Points (column, row) of a pen's way on a grid of 10 x 10; a blank lifts the pen. NULL: from the font. */
static const char *const pen[10] = {
    NULL, "425159", NULL, NULL, "412686 6369", "313454657677684938 3171", NULL, "217149 3575", NULL,
    "72513234557472746869" };

static float between(float low, float x, float high) { return x < low ? low : x > high ? high : x; }

/* How far a point is from the segment between two points of the grid, in fields of the grid. */
static float distance(const char *from, float row, float column)
{
    float x = (float)(from[0] - '0'), y = (float)(from[1] - '0');
    float dx = (float)(from[2] - '0') - x, dy = (float)(from[3] - '0') - y;
    float t = between(0, ((column - x) * dx + (row - y) * dy) / (dx * dx + dy * dy), 1);
    return hypotf(column - x - t * dx, row - y - t * dy);
}

/* The ink at a point of the unit square, of a pen's way or of an image [28, 28]. */
static float ink_at(const char *way, const dc_real *image, float row, float column)
{
    if (row < 0 || column < 0 || row > 1 || column > 1) return 0;
    if (way) {
        float nearest = 9;
        for (; way[2]; way += way[2] == ' ' ? 3 : 2)
            if (way[2] != ' ') nearest = fminf(nearest, distance(way, 10 * row - 0.5f, 10 * column - 0.5f));
        return between(0, 8 * (0.6f - nearest), 1);
    }
    row = between(0, 28 * row - 0.5f, 26.999f), column = between(0, 28 * column - 0.5f, 26.999f);
    const dc_real *at = image + 28 * (int)row + (int)column;
    float down = row - floorf(row), right = column - floorf(column);
    float upper = at[0] + right * (at[1] - at[0]), lower = at[28] + right * (at[29] - at[28]);
    return between(0, 2 * (upper + down * (lower - upper)) - 0.5f, 1);
}

static bool draw(dc_context *ctx, const char *way, const dc_real *image, look l, const char *path)
{
    int high = l.top + l.size + l.bottom, wide = l.left + l.size + l.right;
    dc_tensor *picture = dc_normal(ctx, DC_SHAPE(high, wide, 3), 0, 1);
    uint8_t *bytes = dc_alloc(ctx, (size_t)picture->size);
    float c = cosf(l.degrees / 57.3f) / (float)l.size, s = sinf(l.degrees / 57.3f) / (float)l.size;
    for (int i = 0; i < high; i++)
        for (int k = 0; k < wide; k++) {
            float y = (float)(i - l.top) - 0.5f * (float)l.size, x = (float)(k - l.left) - 0.5f * (float)l.size;
            float ink = ink_at(way, image, 0.5f + c * y - s * x, 0.5f + c * x + s * y);
            float light = l.quality ? 1 - 0.12f * (float)(i + k) / (float)(high + wide) : 1;
            for (int rgb = 0; rgb < 3; rgb++) {
                int64_t at = ((int64_t)i * wide + k) * 3 + rgb;
                float v = light * (l.paper[rgb] + ink * (l.ink[rgb] - l.paper[rgb]));
                bytes[at] = (uint8_t)(255 * between(0, v + l.noise * picture->data[at], 1) + 0.5f);
            }
        }
    return (l.quality ? stbi_write_jpg(path, wide, high, 3, bytes, l.quality)
                      : stbi_write_png(path, wide, high, 3, bytes, 3 * wide)) != 0;
}

/* The first image of that class. */
static const dc_real *first_of(dc_batch all, int digit)
{
    int64_t i = 0;
    while ((int)all.y->data[i] != digit) i++;
    return all.x->data + i * 28 * 28;
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : "examples/digits";
    dc_context *ctx = dc_new(1);
    dc_dataset *mnist = dc_load_mnist(ctx, "examples/data/mnist", DC_TEST);
    if (!mnist) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;
    dc_batch written = dc_all(dc_take(mnist, 0, 1000)), printed = dc_all(dc_make_digits(ctx, 10));
    for (int digit = 0; digit < 10; digit++) {
        char path[2][1024];
        const char *end = digit % 2 ? "jpg" : "png";
        snprintf(path[0], sizeof path[0], "%s/drawn_%d.%s", folder, digit, end);
        snprintf(path[1], sizeof path[1], "%s/mnist_%d.%s", folder, digit, end);
        if (!draw(ctx, pen[digit], first_of(printed, digit), drawn[digit], path[0]) ||
            !draw(ctx, NULL, first_of(written, digit), cut[digit], path[1]))
            return fprintf(stderr, "%s: cannot write there\n", folder), 1;
    }
    dc_free(ctx);
}
