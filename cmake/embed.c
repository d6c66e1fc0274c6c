/* Build tool: turns the prelude's files into one C file of byte arrays.
 *
 *   embed ROOT OUTPUT FILE...
 *
 * A file's module name is its path below ROOT: torch/optim/sgd.nn is torch.optim.sgd, and
 * torch/__init__.nn is torch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what, const char *path) {
    fprintf(stderr, "embed: %s %s\n", what, path);
    exit(1);
}

static void embed_file(FILE *out, const char *path, int number, size_t *size) {
    FILE *in = fopen(path, "rb");
    if (!in) fail("can't read", path);
    fprintf(out, "static const unsigned char text_%d[] = {", number);
    int c;
    *size = 0;
    while ((c = getc(in)) != EOF) {
        fprintf(out, "%s%d,", *size % 20 == 0 ? "\n" : "", c);
        ++*size;
    }
    fprintf(out, "0};\n");
    fclose(in);
}

/* The module name of a relative path, its suffix gone; returns whether it is a package. */
static int module_name(const char *relative, char *out, size_t room) {
    if (strlen(relative) >= room) fail("too long a path", relative);
    strcpy(out, relative);
    char *suffix = strrchr(out, '.');
    if (suffix) *suffix = '\0';
    for (char *p = out; *p; p++)
        if (*p == '/') *p = '.';
    char *init = strstr(out, ".__init__");
    if (init) *init = '\0';
    return init != NULL;
}

int main(int argc, char **argv) {
    if (argc < 3) fail("usage: embed ROOT OUTPUT FILE...", "");
    size_t root = strlen(argv[1]) + 1;
    FILE *out = fopen(argv[2], "wb");
    if (!out) fail("can't write", argv[2]);
    size_t *sizes = calloc((size_t)argc, sizeof *sizes);
    if (!sizes) fail("no memory", "");
    fprintf(out, "#include \"frontend/prelude.h\"\n");
    for (int i = 3; i < argc; i++)
        embed_file(out, argv[i], i - 3, &sizes[i]);
    fprintf(out, "const PreludeFile prelude_files[] = {\n");
    for (int i = 3; i < argc; i++) {
        char name[512];
        int package = module_name(argv[i] + root, name, sizeof name);
        fprintf(out, "    {\"%s\", \"<prelude>/%s\", text_%d, %zu, %d},\n", name, argv[i] + root,
                i - 3, sizes[i], package);
    }
    fprintf(out, "    {0, 0, 0, 0, 0}};\nconst size_t prelude_file_count = %d;\n", argc - 3);
    free(sizes);
    return fclose(out) == 0 ? 0 : 1;
}
