/* Runs a fuzz target over the files and folders given: the kept corpus as a regression test, for
 * compilers without libFuzzer. */
#include "support/file.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int inputs;

static bool replay_file(const char *path) {
    Buf text = {0}, error = {0};
    bool ok = file_read(path, &text, &error);
    if (ok)
        LLVMFuzzerTestOneInput((const uint8_t *)buf_text(&text), text.size);
    else
        fprintf(stderr, "%s\n", buf_text(&error));
    buf_free(&text);
    buf_free(&error);
    inputs++;
    return ok;
}

static bool replay(const char *path) {
    DIR *folder = opendir(path);
    if (!folder) return replay_file(path);
    bool ok = true;
    for (const struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        Buf name = {0};
        buf_printf(&name, "%s/%s", path, entry->d_name);
        ok = replay_file(buf_text(&name)) && ok;
        buf_free(&name);
    }
    closedir(folder);
    return ok;
}

int main(int argc, char **argv) {
    bool ok = true;
    for (int i = 1; i < argc; i++)
        ok = replay(argv[i]) && ok;
    printf("%d inputs\n", inputs);
    return ok && inputs > 0 ? 0 : 1;
}
