/* Plots are well-formed and hold what they should; PNG files read back. built: float double */
#define DEEPC_IMPLEMENTATION
#include "deepc.h"
#include "check.h"
#include "capture.h"

/* Is this XML? Tags nest, and & and < stand only where they may. A small judge, so that the test needs
 * no tool; where xmllint is there it is asked too. */
static bool picture_is_xml(const char *s)
{
    char open[32][32];
    int depth = 0;
    for (; *s; s++) {
        if (*s == '&' && strncmp(s, "&amp;", 5) && strncmp(s, "&lt;", 4) && strncmp(s, "&gt;", 4)) return false;
        if ((unsigned char)*s < 32 && *s != '\n') return false;
        if (*s != '<') continue;
        const char *name = s + 1, *end = strchr(s, '>');
        if (!end || memchr(name, '<', (size_t)(end - name))) return false;
        int quotes = 0;
        for (const char *p = name; p < end; p++) quotes += *p == '"';
        if (quotes % 2) return false;
        size_t length = strcspn(name + (*name == '/'), " />");
        if (length >= 32) return false;
        if (*name == '/') {
            if (!depth || strncmp(open[--depth], name + 1, length) || open[depth][length]) return false;
        } else if (end[-1] != '/') {
            if (depth == 32) return false;
            memcpy(open[depth], name, length), open[depth++][length] = 0;
        }
        s = end;
    }
    return depth == 0;
}

static int picture_count(const char *text, const char *part)
{
    int n = 0;
    for (; (text = strstr(text, part)); text += strlen(part)) n++;
    return n;
}

/* The text of a file, checked to be XML with neither nan nor inf in it. Valid until the next call. */
static const char *picture_read(dc_context *ctx, const char *path)
{
    static char text[1 << 20];
    size_t size = 0;
    char *bytes = dc__read_file(ctx, path, &size), command[600];
    CHECK(bytes && size < sizeof text);
    snprintf(text, sizeof text, "%s", bytes ? bytes : "");
    dc__buffer_free(bytes);
    CHECK(picture_is_xml(text));
    CHECK(!strstr(text, "nan") && !strstr(text, "inf"));
    static int has_xmllint = -1;
    if (has_xmllint < 0) has_xmllint = system("xmllint --version >/dev/null 2>&1") == 0;
    snprintf(command, sizeof command, "xmllint --noout '%s'", path);
    if (has_xmllint) CHECK(system(command) == 0);
    return text;
}

static const char *picture_of(dc_context *ctx, dc_plot plot)
{
    const char *path = temporary_path("picture.svg");
    if (!CHECK(dc_write_svg(ctx, path, &plot))) printf("%s\n", dc_error(ctx));
    return picture_read(ctx, path);
}

TEST(a_plot_has_lines_points_labels_and_a_legend)
{
    dc_context *ctx = dc_new(1);
    const dc_real y[] = { 1, 2, (dc_real)NAN, 4, 3, (dc_real)INFINITY, 5 }, x[] = { 0, 1, 2, 3, 4, 5, 6 };
    const dc_series series[] = { { .name = "a line", .x = x, .y = y, .count = 7 },
                                 { .name = "points", .y = y, .count = 7, .points = true },
                                 { .y = y, .count = 2, .color = 8 } };
    const char *svg = picture_of(ctx, (dc_plot){ .title = "1 < 2 & \x01 \xc3\xa9",
        .x_label = "across", .y_label = "up", .series = series, .series_count = 3 });
    CHECK_TEXT(svg, "width=\"640\" height=\"400\"");
    CHECK_TEXT(svg, ">1 &lt; 2 &amp;   \xc3\xa9</text>");
    CHECK_TEXT(svg, ">across<");
    CHECK_TEXT(svg, ">up<");
    CHECK_TEXT(svg, ">a line<");
    CHECK_TEXT(svg, ">5<");
    CHECK(picture_count(svg, "h0") == 4);                    /* NaN splits the first; 5 stands alone. */
    CHECK(picture_count(svg, "<circle") == 1 + 5);
    CHECK_TEXT(svg, "stroke=\"#a89000\"");
    dc_free(ctx);
}

TEST(axes_have_round_ticks)
{
    dc_context *ctx = dc_new(1);
    dc_real y[] = { (dc_real)1e-6, (dc_real)1e-3, 1, -1 }, equal[] = { 7, 7 }, large[] = { 0, (dc_real)3e7 };
    dc_plot plot = { .series = &(dc_series){ .y = y, .count = 4 }, .series_count = 1, .log_y = true };
    const char *svg = picture_of(ctx, plot);
    CHECK_TEXT(svg, ">10<tspan dy=\"-5\" font-size=\"9\">-6</tspan></text>");
    CHECK_TEXT(svg, ">0</tspan></text>");
    plot.series = &(dc_series){ .y = y + 2, .count = 1 };
    svg = picture_of(ctx, plot);
    CHECK_TEXT(svg, ">0.5<");
    CHECK_TEXT(svg, ">2<");
    plot.log_y = false, plot.series = &(dc_series){ .y = equal, .count = 2 };
    CHECK_TEXT(picture_of(ctx, plot), ">7<");
    plot.series = &(dc_series){ .y = large, .count = 2 };
    CHECK_TEXT(picture_of(ctx, plot), ">1e+07<");
    plot.series = &(dc_series){ .y = NULL, .count = 0 };
    CHECK_TEXT(picture_of(ctx, plot), ">0.2<");
    plot.x_min = -1, plot.x_max = 1, plot.y_min = 10, plot.y_max = 20, plot.width = 300;
    svg = picture_of(ctx, plot);
    CHECK_TEXT(svg, "width=\"300\"");
    CHECK_TEXT(svg, ">-1<");
    CHECK_TEXT(svg, ">20<");
    plot.log_y = true;
    CHECK_TEXT(picture_of(ctx, plot), ">20<");
    dc_free(ctx);
}

TEST(a_field_is_drawn_in_runs_with_its_boundary)
{
    dc_context *ctx = dc_new(1);
    const dc_real field[] = { 0, 0, 1, (dc_real)NAN, 1, 1 };
    dc_plot plot = { .field = field, .field_columns = 3, .field_rows = 2, .x_max = 3, .y_max = 2 };
    const char *svg = picture_of(ctx, plot);
    CHECK_TEXT(svg, "d=\"M0 0h2M0 1h1\"");
    CHECK_TEXT(svg, "d=\"M2 0h1M1 1h2\"");
    CHECK_TEXT(svg, "stroke=\"#444\" stroke-width=\"1.2\" d=\"M0 0M");
    dc_free(ctx);
}

TEST(a_plot_that_makes_no_sense_is_refused)
{
    dc_context *ctx = dc_new(1);
    const char *path = temporary_path("refused.svg");
    const dc_real one = 1;
    EXPECT_FAIL(ctx, dc_write_svg(ctx, path, &(dc_plot){ .width = -5 }), "-5 x 0 pixels");
    EXPECT_FAIL(ctx, dc_write_svg(ctx, path, &(dc_plot){ .x_min = 2, .x_max = 1 }), "x from 2 to 1");
    EXPECT_FAIL(ctx, dc_write_svg(ctx, path, &(dc_plot){ .y_min = -1, .y_max = 1, .log_y = true }),
                "give y_min > 0");
    EXPECT_FAIL(ctx, dc_write_svg(ctx, path, &(dc_plot){ .field = &one }), "set field_columns");
    EXPECT_FAIL(ctx, dc_write_svg(ctx, path, &(dc_plot){ .series = &(dc_series){ .count = 3 },
                                                         .series_count = 1 }), "its y is NULL");
    CHECK(!dc_write_svg(ctx, temporary_path("no/such/folder.svg"), &(dc_plot){ .title = "x" }));
    CHECK_TEXT(dc_error(ctx), "no/such/folder.svg");
    CHECK(!ctx->buffers);
    dc_free(ctx);
}

TEST(a_history_is_plotted)
{
    dc_context *ctx = dc_new(1);
    double loss[] = { 8, 4, 1, (double)NAN, 0.5, 0.01 }, with[] = { 9, 5, 2, 3, 1, 2 }, none[6];
    for (int i = 0; i < 6; i++) none[i] = (double)NAN;
    dc_history h = { .epochs = 6, .loss = loss, .validation_loss = with, .accuracy = none,
                     .validation_accuracy = none, .best_epoch = 4 };
    const char *path = temporary_path("history.svg");
    CHECK(dc_plot_history(ctx, path, &h));
    const char *svg = picture_read(ctx, path);
    CHECK_TEXT(svg, ">validation loss<");
    CHECK_TEXT(svg, ">best epoch<");
    CHECK_TEXT(svg, ">10<tspan");                                      /* 9 to 0.01: logarithmic. */
    CHECK(picture_count(svg, "h0") == 3);

    h.epochs = 1, h.validation_loss = none, h.best_epoch = 0;
    CHECK(dc_plot_history(ctx, path, &h));
    svg = picture_read(ctx, path);
    CHECK(picture_count(svg, "<circle") == 2 && picture_count(svg, "h0") == 1 && !strstr(svg, "validation"));
    h.loss = none;
    CHECK(dc_plot_history(ctx, path, &h));
    picture_read(ctx, path);
    h.epochs = 0;
    CHECK(dc_plot_history(ctx, path, &h));
    dc_free(ctx);
}

/* --- fields --- */

/* The first point of a border, in pixels of the area. */
static double picture_border(const char *svg)
{
    const char *line = strstr(svg, "d=\"M0 0M");
    double x = -1;
    if (!CHECK(line != NULL)) return -1;
    line += strlen("d=\"M0 0M");
    CHECK(dc__parse_number(line, line + strcspn(line, " "), &x));
    return x;
}

/* Of two classes a field holds probabilities; the border is where they are equal. */
TEST(a_field_of_two_classes_has_a_border)
{
    enum { SIDE = 64 };
    static dc_real field[SIDE * SIDE];
    dc_context *ctx = dc_new(1);
    const char *path = temporary_path("field.svg");
    dc_real x[4] = { 0, 1, 0, 1 }, y[4] = { 0, 0, 1, 1 };
    dc_series points = { .name = "class 0", .x = x, .y = y, .count = 4, .points = true };
    dc_plot plot = { .x_label = "x1", .y_label = "x2", .series = &points, .series_count = 1, .field = field,
                     .width = 520,
                     .height = 520, .field_columns = SIDE, .field_rows = SIDE };
    for (int quarter = 1; quarter < 4; quarter++) {
        for (int i = 0; i < SIDE * SIDE; i++)
            field[i] = (dc_real)(1 / (1 + exp(-8 * ((i % SIDE + 0.5) / SIDE - quarter / 4.0))));
        CHECK(dc_write_svg(ctx, path, &plot));
        const char *svg = picture_read(ctx, path);
        CHECK_TEXT(svg, ">class 0<");
        CHECK(picture_count(svg, "<circle") == 1 + 4);
        CHECK_NEAR(picture_border(svg), (520 - 72 - 20) * quarter / 4.0, 3);
    }
    dc_free(ctx);
}

/* Of more classes it holds who wins, and half a class more where the lead is small. */
TEST(a_field_of_more_classes_has_borders)
{
    enum { SIDE = 60 };
    static dc_real field[SIDE * SIDE];
    dc_context *ctx = dc_new(1);
    const char *path = temporary_path("field.svg");
    for (int i = 0; i < SIDE * SIDE; i++) field[i] = (dc_real)(i % SIDE * 3 / SIDE);
    CHECK(dc_write_svg(ctx, path, &(dc_plot){ .y_label = "x2", .field = field, .field_columns = SIDE,
                                              .field_rows = SIDE,
                                              .x_max = 1, .y_max = 1, .width = 520, .height = 520 }));
    const char *svg = picture_read(ctx, path);
    CHECK_NEAR(picture_border(svg), (520 - 72 - 20) / 3.0, 3);
    dc_free(ctx);
}

/* --- images --- */

TEST(an_image_is_printed_in_shades)
{
    dc_context *ctx = dc_new(1);
    capture_start();
    dc_print_image(dc_from(ctx, DC_SHAPE(2, 3), (dc_real[]){ 0, (dc_real)0.5, 1, -3, 7, (dc_real)NAN }));
    dc_print_image(dc_ones(ctx, DC_SHAPE(1, 1, 1)));
    CHECK(strcmp(capture_end(), "  ▒▒██\n  ██  \n██\n") == 0);
    capture_start();
    dc_print_image(dc_ones(ctx, DC_SHAPE(100, 200)));
    const char *text = capture_end();
    CHECK(picture_count(text, "\n") == 20 && picture_count(text, "█") == 20 * 80);
    EXPECT_FAIL(ctx, dc_print_image(dc_ones(ctx, DC_SHAPE(2, 2, 3))), "[2, 2, 3] is no image");
    EXPECT_FAIL(ctx, dc_print_image(dc_ones(ctx, DC_SHAPE(2, 0))), "[2, 0] is no image");
    dc_free(ctx);
}

#if defined(INCLUDE_STB_IMAGE_WRITE_H) && defined(STBI_INCLUDE_STB_IMAGE_H)
static unsigned char *picture_png(dc_context *ctx, const char *path, int *wide, int *high, int *channels)
{
    size_t size = 0;
    char *bytes = dc__read_file(ctx, path, &size);
    if (!CHECK(bytes && size > 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0)) return NULL;
    unsigned char *pixels = stbi_load_from_memory((unsigned char *)bytes, (int)size, wide, high, channels, 0);
    dc__buffer_free(bytes);
    CHECK(pixels != NULL);
    return pixels;
}

TEST(a_png_reads_back)
{
    dc_context *ctx = dc_new(1);
    const char *path = temporary_path("image.png");
    int wide = 0, high = 0, channels = 0;
    const dc_real gray[] = { 0, (dc_real)0.5, 1, -3, 7, (dc_real)NAN };
    for (int rank = 2; rank <= 3; rank++) {
        CHECK(dc_write_png(dc_from(ctx, dc_make_shape(rank, (int64_t[]){ 2, 3, 1 }), gray), path));
        unsigned char *p = picture_png(ctx, path, &wide, &high, &channels);
        CHECK(wide == 3 && high == 2 && channels == 1);
        CHECK(p && p[0] == 0 && p[1] == 128 && p[2] == 255 && p[3] == 0 && p[4] == 255 && p[5] == 0);
        stbi_image_free(p);
    }
    CHECK(dc_write_png(dc_from(ctx, DC_SHAPE(1, 2, 3), gray), path));
    unsigned char *p = picture_png(ctx, path, &wide, &high, &channels);
    CHECK(p && channels == 3 && p[1] == 128 && p[4] == 255);
    stbi_image_free(p);
    CHECK(!dc_write_png(dc_ones(ctx, DC_SHAPE(2, 2)), temporary_path("no/such/folder.png")));
    CHECK_TEXT(dc_error(ctx), "no/such/folder.png");
#ifdef __linux__
    CHECK(!dc_write_png(dc_ones(ctx, DC_SHAPE(2, 2)), "/dev/full"));
    CHECK_TEXT(dc_error(ctx), "/dev/full: No space left on device");
#endif
    dc_tensor giant = *dc_ones(ctx, DC_SHAPE(2, 2));       /* Refused before an element is read. */
    giant.shape = DC_SHAPE(65536, 32768);
    CHECK(!dc_write_png(&giant, path));
    CHECK_TEXT(dc_error(ctx), "2147483648 pixels are too many for one PNG");
    EXPECT_FAIL(ctx, dc_write_png(dc_ones(ctx, DC_SHAPE(2, 2, 2)), path), "[2, 2, 2] is no image");
    dc_free(ctx);
}

TEST(a_grid_of_images_has_white_gaps)
{
    dc_context *ctx = dc_new(1);
    const char *path = temporary_path("grid.png");
    int wide = 0, high = 0, channels = 0;
    dc_tensor *x = dc_zeros(ctx, DC_SHAPE(3, 4, 5, 1));
    x->data[2 * 20] = 1;
    CHECK(dc_write_png_grid(x, 2, path));
    unsigned char *p = picture_png(ctx, path, &wide, &high, &channels);
    CHECK(wide == 12 && high == 10 && channels == 1);
    CHECK(p && p[0] == 0 && p[5] == 255 && p[6] == 255 && p[7] == 0 && p[6 * 12] == 255 &&
          p[6 * 12 + 1] == 0 && p[9 * 12 + 11] == 255);
    stbi_image_free(p);
    CHECK(dc_write_png_grid(x, 100, path));
    stbi_image_free(picture_png(ctx, path, &wide, &high, &channels));
    CHECK(wide == 3 * 7 - 2);
    EXPECT_FAIL(ctx, dc_write_png_grid(x, 0, path), "in 0 columns");
    EXPECT_FAIL(ctx, dc_write_png_grid(dc_zeros(ctx, DC_SHAPE(3, 4, 5)), 1, path), "[3, 4, 5]");
    dc_free(ctx);
}
#else
TEST(a_png_needs_stb_image_write)
{
    dc_context *ctx = dc_new(1);
    CHECK(!dc_write_png(dc_ones(ctx, DC_SHAPE(2, 2)), temporary_path("image.png")));
    CHECK_TEXT(dc_error(ctx), "needs stb_image_write.h; install libstb-dev");
    CHECK(!ctx->buffers);
    dc_free(ctx);
}
#endif
