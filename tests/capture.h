/* capture.h - what a call writes to stdout, as a text. */
#ifndef CAPTURE_H
#define CAPTURE_H

#include <unistd.h>

static int capture__stdout;

__attribute__((unused))
static void capture_start(void)
{
    fflush(stdout);
    capture__stdout = dup(1);
    FILE *file = fopen(temporary_path("captured"), "wb");
    if (!file || dup2(fileno(file), 1) < 0) abort();
    fclose(file);
}

/* Valid until the next capture. */
__attribute__((unused))
static const char *capture_end(void)
{
    static char text[1 << 16];
    fflush(stdout);
    if (dup2(capture__stdout, 1) < 0) abort();
    close(capture__stdout);
    FILE *file = fopen(temporary_path("captured"), "rb");
    size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file) fclose(file);
    text[length] = 0;
    return text;
}
#endif
