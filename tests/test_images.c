/* test_images.c - reading images and folders of images; and every way in which such a file can be wrong. */
#define DEEPC_IMPLEMENTATION
#include "deepc.h"
#include "check.h"
#include <sys/stat.h>
#include <unistd.h>

/* A file of those bytes; the name may contain folders that exist. */
static const char *images_put(const char *name, const void *bytes, size_t size)
{
    const char *path = temporary_path(name);
    FILE *f = fopen(path, "wb");
    if (!CHECK(f && fwrite(bytes, 1, size, f) == size)) abort();
    fclose(f);
    return path;
}

static void images_folder(const char *name)
{
    CHECK(mkdir(temporary_path(name), 0777) == 0 || errno == EEXIST);
}

TEST(images_arguments_that_are_refused)
{
    dc_context *ctx = dc_new(1);
    EXPECT_FAIL(ctx, dc_load_image(ctx, "x.png", 5), "dc_load_image: 5 channels; 0 (the file's) to 4 are possible");
    EXPECT_FAIL(ctx, dc_load_image(ctx, "x.png", -1), "dc_load_image: -1 channels");
    EXPECT_FAIL(ctx, dc_load_image_folder(ctx, "x", 0, 4, 3), "dc_load_image_folder: images of 0 x 4 x 3");
    EXPECT_FAIL(ctx, dc_load_image_folder(ctx, "x", 4, -4, 3), "images of 4 x -4 x 3");
    EXPECT_FAIL(ctx, dc_load_image_folder(ctx, "x", 4, 4, 0), "images of 4 x 4 x 0");
    EXPECT_FAIL(ctx, dc_load_image_folder(ctx, "x", 4, 4, 5), "images of 4 x 4 x 5");
    EXPECT_FAIL(ctx, dc_load_image_folder(ctx, "x", INT64_MAX, INT64_MAX, 3), "images of 9223372036854775807 x");
    CHECK(!dc_load_image(ctx, "no_such.png", 0));
    CHECK_TEXT(dc_error(ctx), "no_such.png: No such file");
    dc_free(ctx);
}

#ifndef STBI_INCLUDE_STB_IMAGE_H
TEST(images_need_stb)
{
    dc_context *ctx = dc_new(1);
    CHECK(!dc_load_image(ctx, images_put("a.pgm", "P5 1 1 255 a", 12), 0));
    CHECK_TEXT(dc_error(ctx), "a.pgm: reading images needs stb_image.h; install libstb-dev and compile again");
    CHECK(ctx->buffers == NULL);
    dc_free(ctx);
}
#else

/* --- single images --- */

static void images_are_bytes(const dc_tensor *x, int high, int wide, int channels, const int *bytes, int line)
{
    bool same = x && x->shape.rank == 3 && x->shape.dim[0] == high && x->shape.dim[1] == wide &&
                x->shape.dim[2] == channels;
    if (!check__that(same, __FILE__, line, "%d x %d x %d", high, wide, channels)) return;
    for (int i = 0; i < high * wide * channels; i++)
        check__near((double)x->data[i], bytes[i] / 255.0, 1e-7, __FILE__, line, "a pixel");
}
#define IMAGES_ARE(X, HIGH, WIDE, CHANNELS, ...) \
    images_are_bytes(X, HIGH, WIDE, CHANNELS, (int[]){ __VA_ARGS__ }, __LINE__)

static const char images_pgm[] = "P5\n2 2\n255\n\x00\x40\x80\xff", images_ppm[] = "P6\n2 "
    "1\n255\n\xff\x00\x00\x01\x02\x03";

/* 2 x 2, 24 bits; rows from the bottom, blue first, padded to 4 bytes. */
static const uint8_t images_bmp[] = {
    'B', 'M', 70, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 24, 0,
    0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    3, 2, 1, 6, 5, 4, 0, 0, 9, 8, 7, 12, 11, 10, 0, 0,
};

TEST(images_of_every_format)
{
    dc_context *ctx = dc_new(1);
    IMAGES_ARE(dc_load_image(ctx, images_put("a.pgm", images_pgm, sizeof images_pgm - 1), 0), 2, 2, 1, 0, 64, 128, 255);
    IMAGES_ARE(dc_load_image(ctx, images_put("a.ppm", images_ppm, sizeof images_ppm - 1), 0), 1, 2, 3, 255, 0, 0, 1,
        2, 3);
    IMAGES_ARE(dc_load_image(ctx, images_put("a.bmp", images_bmp, sizeof images_bmp), 0), 2, 2, 3,
               7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6);
    for (int channels = 1; channels <= 4; channels++) {
        if (channels == 2) continue;                         /* dc_write_png writes no such file. */
        const char *path = temporary_path("a.png");
        dc_tensor *x = dc_scale(dc_arange(ctx, 0, (dc_real)(35 * channels), 1), DC__C(1) / 255);
        x = dc_reshape(x, DC_SHAPE(5, 7, channels));
        if (!CHECK(dc_write_png(x, path))) { printf("  %s\n", dc_error(ctx)); continue; }
        dc_tensor *y = dc_load_image(ctx, path, 0);
        if (!CHECK(y && y->shape.dim[0] == 5 && y->shape.dim[1] == 7 && y->shape.dim[2] == channels)) continue;
        for (int64_t i = 0; i < x->size; i++) CHECK_NEAR(y->data[i], (double)i / 255, 1e-6);
    }
    CHECK(ctx->buffers == NULL);
    dc_free(ctx);
}

TEST(images_channels_asked_for)
{
    dc_context *ctx = dc_new(1);
    char grey[600], colour[600];
    snprintf(grey, sizeof grey, "%s", images_put("a.pgm", images_pgm, sizeof images_pgm - 1));
    snprintf(colour, sizeof colour, "%s", images_put("a.ppm", images_ppm, sizeof images_ppm - 1));
    IMAGES_ARE(dc_load_image(ctx, grey, 3), 2, 2, 3, 0, 0, 0, 64, 64, 64, 128, 128, 128, 255, 255, 255);
    IMAGES_ARE(dc_load_image(ctx, grey, 2), 2, 2, 2, 0, 255, 64, 255, 128, 255, 255, 255);
    IMAGES_ARE(dc_load_image(ctx, grey, 1), 2, 2, 1, 0, 64, 128, 255);
    IMAGES_ARE(dc_load_image(ctx, images_put("c.pgm", "P5#\n2 #2\n2\n255\nabcd", 19), 1), 2, 2, 1, 97, 98, 99, 100);
    IMAGES_ARE(dc_load_image(ctx, colour, 4), 1, 2, 4, 255, 0, 0, 255, 1, 2, 3, 255);
    IMAGES_ARE(dc_load_image(ctx, colour, 1), 1, 2, 1, 76, 1);           /* 0.3 red, 0.59 green, 0.11 blue. */
    dc_free(ctx);
}

/* What golden/images.py wrote. */
static const char *images_jpeg(uint8_t *bytes, size_t room, size_t *size)
{
    static char path[1024];
    const char *slash = strrchr(__FILE__, '/');
    snprintf(path, sizeof path, "%.*sgolden/files/slope.jpg", slash ? (int)(slash + 1 - __FILE__) : 0, __FILE__);
    FILE *f = fopen(path, "rb");
    *size = f ? fread(bytes, 1, room, f) : 0;
    if (f) fclose(f);
    CHECK(*size > 500 && *size < room);
    return path;
}

TEST(images_jpeg_reads)
{
    dc_context *ctx = dc_new(1);
    uint8_t bytes[4096];
    size_t size;
    dc_tensor *x = dc_load_image(ctx, images_jpeg(bytes, sizeof bytes, &size), 0);
    if (!CHECK(x && x->shape.dim[0] == 16 && x->shape.dim[1] == 24 && x->shape.dim[2] == 3)) return;
    for (int i = 0; i < 16 * 24; i++) {
        CHECK_NEAR(x->data[3 * i], i % 24 * 10 / 255.0, 0.03);
        CHECK_NEAR(x->data[3 * i + 1], i / 24 * 15 / 255.0, 0.03);
        CHECK_NEAR(x->data[3 * i + 2], 128 / 255.0, 0.03);
    }
    dc_free(ctx);
}

/* A decoder may make do with a part of the picture, but not read on. */
TEST(images_jpeg_cut_short)
{
    uint8_t bytes[4096];
    size_t size;
    int refused = 0;
    images_jpeg(bytes, sizeof bytes, &size);
    for (size_t n = 0; n < size; n += 7) {
        dc_context *ctx = dc_new(1);
        dc_tensor *x = dc_load_image(ctx, images_put("cut.jpg", bytes, n), 3);
        if (x) CHECK(x->size == 16 * 24 * 3);
        else CHECK_TEXT(dc_error(ctx), "cut.jpg: "), refused++;
        CHECK(ctx->buffers == NULL);
        dc_free(ctx);
    }
    CHECK(refused > 50);
}

static void images_refuse(const char *name, const void *bytes, size_t size, const char *part, int line)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *before = ctx->last;
    check__that(!dc_load_image(ctx, images_put(name, bytes, size), 3), __FILE__, line, "%s is read", name);
    check__text(dc_error(ctx), part, __FILE__, line, "dc_error");
    check__that(strstr(dc_error(ctx), name) && !ctx->buffers && ctx->last == before, __FILE__, line,
                "%s: the error names it, and nothing is kept", name);
    dc_free(ctx);
}
#define IMAGES_REFUSE(NAME, BYTES, PART) images_refuse(NAME, BYTES, sizeof BYTES - 1, PART, __LINE__)

TEST(images_that_are_none)
{
    const char cut[] = "a damaged image (fewer bytes than promised), or of 16 bits";
    IMAGES_REFUSE("text.png", "This is a text, not a picture.\n", "text.png: no image that can be read");
    IMAGES_REFUSE("empty.png", "", "empty.png: no image that can be read");
    IMAGES_REFUSE("huge.png", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x23\x28\0\0\x23\x28\x08\2\0\0\0\0\0\0\0",
                  "huge.png: 9000 x 9000 pixels, and from 1 to 67108864 are read");
    IMAGES_REFUSE("more.png", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x75\x30\0\0\x75\x30\x08\2\0\0\0\0\0\0\0",
                  "more.png: no image that can be read");    /* 30,000 x 30,000 are too many for the decoder. */
    IMAGES_REFUSE("cut.png", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\4\0\0\0\4\x08\2\0\0\0\0\0\0\0",
                  "cut.png: a damaged image");
    IMAGES_REFUSE("none.pgm", "P5\n0 5\n255\n", "none.pgm: 0 x 5 pixels, and from 1 to 67108864 are read");
    IMAGES_REFUSE("huge.pgm", "P5\n30000 30000\n255\n", cut);
    IMAGES_REFUSE("cut.ppm", "P6\n4 4\n255\nabcde", cut);
    IMAGES_REFUSE("cut.pgm", "P5 # 9 9\n2 2\n# 7\n255\nabc", cut);
    IMAGES_REFUSE("deep.pgm", "P5 2 2 256 abcdabcd", cut);
    IMAGES_REFUSE("head.pgm", "P5 2 2 2#", cut);
    IMAGES_REFUSE("overflow.pgm", "P5 99999999999999999999 0 1 ", cut);
    IMAGES_REFUSE("overflow.ppm", "P6 67108864 67108864 65535 ", cut);
    dc_context *ctx = dc_new(1);
    CHECK(!dc_load_image(ctx, temporary_path(""), 0) && *dc_error(ctx));              /* A folder. */
    dc_free(ctx);
}

/* --- folders --- */

/* A grey image of 2 x 4; all its pixels are `value`, but the first, which is `value` + 64. */
static void images_grey(const char *name, int value)
{
    char bytes[32];
    int header = snprintf(bytes, sizeof bytes, "P5\n4 2\n255\n");
    memset(bytes + header, value, 8);
    bytes[header] = (char)(value + 64);
    images_put(name, bytes, (size_t)header + 8);
}

/* An empty folder of that name for a test, and its path. */
static const char *images_root(const char *name)
{
    static char path[600];
    images_folder(name);
    snprintf(path, sizeof path, "%s", temporary_path(name));
    return path;
}

TEST(images_folder_reads)
{
    dc_context *ctx = dc_new(1);
    const char *root = images_root("pets"), *class[] = { "Zebra", "a cat", "\xC3\xA4" "ffchen" };
          /* In order of bytes. */
    images_folder("pets/a cat"), images_folder("pets/\xC3\xA4" "ffchen"), images_folder("pets/Zebra");
    images_folder("pets/.git"), images_folder("pets/Zebra/folder.png");
    images_grey("pets/a cat/two words.pgm", 10), images_grey("pets/a cat/B.PGM", 20);
    images_grey("pets/a cat/\xC3\xBC.PnM", 30), images_grey("pets/\xC3\xA4" "ffchen/1.pgm", 40);
    images_grey("pets/Zebra/1.ppm", 50), images_grey("pets/Zebra/.hidden.pgm", 60);
    images_put("pets/Zebra/notes.txt", "x", 1), images_put("pets/Zebra/png", "x", 1);
    images_put("pets/outside.pgm", "x", 1), images_put("pets/Zebra/x.pgm.bak", "x", 1);
    dc_dataset *d = dc_load_image_folder(ctx, root, 1, 2, 1);
    if (!CHECK(d != NULL)) { printf("  %s\n", dc_error(ctx)); return; }
    CHECK(dc_count(d) == 5 && dc_classes(d) == 3);
    for (int i = 0; i < 3; i++) CHECK_TEXT(dc_class_name(d, i), class[i]);
    dc_batch b = dc_all(d);
    const int value[] = { 50, 20, 10, 30, 40 }, label[] = { 0, 1, 1, 1, 2 };
    CHECK(b.x->shape.rank == 4 && b.x->shape.dim[1] == 1 && b.x->shape.dim[2] == 2);
    for (int i = 0; i < 5; i++) {
        CHECK_NEAR(b.y->data[i], label[i], 0);
        CHECK_NEAR(b.x->data[2 * i], (value[i] + 16) / 255.0, 1e-7);     /* The mean of four. */
        CHECK_NEAR(b.x->data[2 * i + 1], value[i] / 255.0, 1e-7);
    }
    d = dc_load_image_folder(ctx, root, 4, 8, 3);
    CHECK(d && dc_x_shape(d).dim[0] == 4 && dc_x_shape(d).dim[1] == 8 && dc_x_shape(d).dim[2] == 3);
    CHECK(ctx->buffers == NULL);
    dc_free(ctx);
}

static void images_folder_refuses(const char *root, const char *part, int line)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *before = ctx->last;
    check__that(!dc_load_image_folder(ctx, root, 2, 2, 1), __FILE__, line, "%s is read", root);
    check__text(dc_error(ctx), part, __FILE__, line, "dc_error");
    check__that(!ctx->buffers && ctx->last == before, __FILE__, line, "nothing is kept");
    dc_free(ctx);
}
#define IMAGES_FOLDER_REFUSES(ROOT, PART) images_folder_refuses(ROOT, PART, __LINE__)

TEST(images_folder_refuses)
{
    const char *root = images_root("wrong");
    IMAGES_FOLDER_REFUSES("no_such_folder", "no_such_folder: No such file or directory");
    IMAGES_FOLDER_REFUSES(root, "wrong: 0 folders, one for each class; there may be 1 to 256");
    images_grey("wrong/image.pgm", 1);
    IMAGES_FOLDER_REFUSES(temporary_path("wrong/image.pgm"), "image.pgm: Not a directory");
    images_folder("wrong/b"), images_grey("wrong/b/1.pgm", 1);
    dc_context *ctx = dc_new(1);
    dc_dataset *d = dc_load_image_folder(ctx, root, 2, 2, 1);
    CHECK(d && dc_classes(d) == 1 && dc_count(d) == 1);      /* One class is one. */
    dc_free(ctx);
    images_folder("wrong/a");
    IMAGES_FOLDER_REFUSES(root, "wrong/a: no images in this folder");
    images_grey("wrong/a/1.pgm", 1), images_put("wrong/b/2.png", "not a picture", 13);
    IMAGES_FOLDER_REFUSES(root, "wrong/b/2.png: no image that can be read");
    images_put("wrong/b/2.png", "P6 9 9 255 cut", 14);
    IMAGES_FOLDER_REFUSES(root, "wrong/b/2.png: a damaged image (fewer bytes than promised), or of 16 bits");
    if (geteuid() == 0) return;                              /* Nothing is locked for root. */
    CHECK(chmod(temporary_path("wrong/b/2.png"), 0) == 0);
    IMAGES_FOLDER_REFUSES(root, "wrong/b/2.png: Permission denied");
}

TEST(images_folder_with_links)
{
    dc_context *ctx = dc_new(1);
    char root[600];
    snprintf(root, sizeof root, "%s", images_root("links"));
    images_folder("links/a"), images_grey("links/a/1.pgm", 7);
    bool made = symlink("round", temporary_path("links/round")) == 0 || errno == EEXIST;
    made &= symlink("b.pgm", temporary_path("links/a/c.pgm")) == 0 || errno == EEXIST;
    made &= symlink("c.pgm", temporary_path("links/a/b.pgm")) == 0 || errno == EEXIST;
    made &= symlink("..", temporary_path("links/a/up")) == 0 || errno == EEXIST;
    made &= symlink("1.pgm", temporary_path("links/a/same.pgm")) == 0 || errno == EEXIST;
    if (!CHECK(made)) return;
    dc_dataset *d = dc_load_image_folder(ctx, root, 1, 1, 1);
    CHECK(d && dc_count(d) == 2 && dc_classes(d) == 1);      /* The image, and the link to it. */
    CHECK(symlink(".", temporary_path("links/self")) == 0 || errno == EEXIST);
    CHECK(!dc_load_image_folder(ctx, root, 1, 1, 1));        /* A class without images of its own. */
    CHECK_TEXT(dc_error(ctx), "links/self: no images in this folder");
    dc_free(ctx);
}

TEST(images_folder_of_257_classes)
{
    char name[64];
    const char *root = images_root("many");
    for (int i = 0; i < 257; i++) snprintf(name, sizeof name, "many/%03d", i), images_folder(name);
    IMAGES_FOLDER_REFUSES(root, "many: 257 folders, one for each class; there may be 1 to 256");
}
#endif
