/* The command line of a standalone network. Nothing is allocated: the open files are static. */
#include "runtime/command.h"

#include <stdlib.h>

#include "runtime/items.h"
#include "runtime/tensor_print.h"

enum { COMMAND_MAX_INPUTS = 8 };

typedef struct Command {
    const NnNetwork *network;
    const char *paths[COMMAND_MAX_INPUTS];
    int path_count;
    const char *labels, *weights;
    NnItemFormat format;
    NnItemFit fit;
    double scale;
    int64_t index, count; /* count < 0: all */
    bool raw, classify;
} Command;

static void command_help(const NnNetwork *network) {
    printf("usage: %s [options] FILE...\n\n"
           "Runs the network on the items of each file (one file for each input; \"-\" is\n"
           "standard input) and prints the results. Files are .npy, IDX (also .gz) or raw\n"
           "elements.\n\n",
           network->name);
    for (int i = 0; i < network->input_count; i++) {
        printf("  input %s: [", network->inputs[i].name);
        for (int d = 0; d < network->inputs[i].rank; d++) {
            printf("%s%lld", d ? "," : "", (long long)network->inputs[i].dim[d]);
        }
        printf("]\n");
    }
    printf(
        "\n"
        "  --index N       the first item (0)\n"
        "  --count N|all   how many items (1)\n"
        "  --classify      print the class of each item: the greatest of its results\n"
        "  --labels FILE   with --classify: print how many classes equal those in the file\n"
        "  --scale X       what bytes are multiplied by to become floats (1/255)\n"
        "  --format F      raw, npy or idx (recognized)\n"
        "  --fit F         pad (default) puts smaller IDX images in the middle of zeros, resize\n"
        "                  enlarges them; larger ones are always resized: bilinear, as\n"
        "                  torchvision's Resize does it\n"
        "  --raw           write the results' bytes instead of text\n");
    if (network->load) printf("  --weights FILE  a safetensors file (needed)\n");
    printf("  --help          this text\n");
}

static bool command_number(const char *text, int64_t *out) {
    char *end;
    long long value = strtoll(text, &end, 10);
    *out = value;
    return *text && !*end && value >= 0 && value < INT64_MAX;
}

/* An option that takes a value. */
static bool command_value(Command *command, const char *name, const char *value, NnError *error) {
    char *end;
    if (strcmp(name, "--index") == 0) {
        return command_number(value, &command->index) || nn_fail(error, "--index needs a number");
    }
    if (strcmp(name, "--count") == 0) {
        command->count = -1;
        return strcmp(value, "all") == 0 || command_number(value, &command->count) ||
               nn_fail(error, "--count needs a number or \"all\"");
    }
    if (strcmp(name, "--scale") == 0) {
        command->scale = strtod(value, &end);
        return (*value && !*end) || nn_fail(error, "--scale needs a number");
    }
    if (strcmp(name, "--fit") == 0) {
        command->fit = strcmp(value, "resize") == 0 ? NN_FIT_RESIZE : NN_FIT_PAD;
        return command->fit == NN_FIT_RESIZE || strcmp(value, "pad") == 0 ||
               nn_fail(error, "--fit needs pad or resize");
    }
    if (strcmp(name, "--labels") == 0) {
        command->labels = value;
        return true;
    }
    if (strcmp(name, "--weights") == 0 && command->network->load) {
        command->weights = value;
        return true;
    }
    if (strcmp(name, "--format") == 0) {
        static const char *const formats[] = {"auto", "raw", "npy", "idx"};
        for (int i = 0; i < 4; i++) {
            if (strcmp(value, formats[i]) != 0) continue;
            command->format = (NnItemFormat)i;
            return true;
        }
        return nn_fail(error, "--format needs raw, npy or idx");
    }
    return nn_fail(error, "unknown option %.100s (--help lists them)", name);
}

/* -1: go on; else the exit status. */
static int command_parse(Command *command, int argc, char **argv, NnError *error) {
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i];
        if (strcmp(argument, "--help") == 0) {
            command_help(command->network);
            return 0;
        }
        if (strcmp(argument, "--raw") == 0) {
            command->raw = true;
        } else if (strcmp(argument, "--classify") == 0) {
            command->classify = true;
        } else if (argument[0] != '-' || argument[1] == '\0') {
            if (command->path_count == command->network->input_count) {
                nn_fail(error, "more files than the network has inputs");
                return 2;
            }
            command->paths[command->path_count++] = argument;
        } else if (i + 1 == argc) {
            nn_fail(error, "%.100s needs a value (or is no option)", argument);
            return 2;
        } else if (!command_value(command, argument, argv[++i], error)) {
            return 2;
        }
    }
    if (command->path_count == command->network->input_count) return -1;
    nn_fail(error, "the network has %d input%s, %d file%s given (--help tells more)",
            command->network->input_count, command->network->input_count == 1 ? "" : "s",
            command->path_count, command->path_count == 1 ? " is" : "s are");
    return 2;
}

/* Items of one run of the network: its batch, the first dimension of the first input. */
static int64_t command_batch(const NnNetwork *network) {
    return network->input_count && network->inputs[0].rank ? network->inputs[0].dim[0] : 1;
}

/* Fills every input's batch; `filled` is how many items there were. */
static bool command_fill(const Command *command, NnItems *items, int64_t wanted, int64_t *filled,
                         NnError *error) {
    const NnNetwork *network = command->network;
    *filled = wanted;
    for (int i = 0; i < network->input_count; i++) {
        const NnTensor *input = &network->inputs[i];
        unsigned char *base = (unsigned char *)network->in + input->offset;
        int64_t entries = input->rank ? input->dim[0] : 1;
        size_t stride = entries ? nn_tensor_bytes(input) / (size_t)entries : 0;
        memset(base, 0, nn_tensor_bytes(input));
        for (int64_t n = 0; n < *filled && n < entries; n++) {
            bool end = false;
            if (nn_items_next(&items[i], base + (size_t)n * stride, &end, error)) continue;
            if (!end) return false;
            *filled = n;
        }
    }
    return true;
}

static int64_t command_class(const NnNetwork *network, int64_t item) {
    const NnTensor *output = &network->outputs[0];
    int64_t batch = output->rank > 1 ? output->dim[0] : 1, classes = 1, best = 0;
    for (int i = output->rank > 1; i < output->rank; i++)
        classes *= output->dim[i];
    const unsigned char *base = (const unsigned char *)network->out + output->offset;
    size_t size = nn_dtype_size(output->dtype);
    for (int64_t i = 1; i < classes; i++) {
        size_t at = (size_t)(item % batch * classes + i) * size;
        size_t old = (size_t)(item % batch * classes + best) * size;
        if (nn_load_float(output->dtype, base + at) > nn_load_float(output->dtype, base + old)) {
            best = i;
        }
    }
    return best;
}

/* The results of the items that there were; a last batch may be smaller. */
static void command_print(const Command *command, int64_t filled) {
    const NnNetwork *network = command->network;
    for (int i = 0; i < network->output_count; i++) {
        NnTensor output = network->outputs[i];
        const unsigned char *data = (const unsigned char *)network->out + output.offset;
        bool batch = output.rank > 0 && output.dim[0] == command_batch(network);
        if (batch) output.dim[0] = filled;
        if (command->raw) {
            fwrite(data, 1, nn_tensor_bytes(&output), stdout);
            continue;
        }
        if (network->output_count > 1) printf("%s:\n", output.name);
        NnSink sink = {nn_write_file, stdout};
        nn_tensor_print(sink, output.dtype, output.rank, output.dim, data, NULL, 0, NULL);
        printf("\n");
    }
}

/* The classes of a batch: printed, or counted against the labels. */
static bool command_classify(const Command *command, NnItems *labels, int64_t filled,
                             int64_t *right, NnError *error) {
    for (int64_t n = 0; n < filled; n++) {
        int64_t class = command_class(command->network, n), label = -1;
        bool end;
        if (!command->labels) {
            printf("%lld\n", (long long)class);
            continue;
        }
        if (!nn_items_next(labels, &label, &end, error)) {
            return end ? nn_fail(error, "fewer labels than items") : false;
        }
        *right += label == class;
    }
    return true;
}

static bool command_run(const Command *command, NnItems *items, NnItems *labels, NnError *error) {
    const NnNetwork *network = command->network;
    int64_t batch = command_batch(network), done = 0, right = 0, filled = 0;
    while (command->count < 0 || done < command->count) {
        int64_t wanted = batch;
        if (command->count >= 0 && command->count - done < batch) wanted = command->count - done;
        if (!command_fill(command, items, wanted, &filled, error)) return false;
        if (filled == 0) break;
        int status = network->forward(filled);
        if (status == 2 && network->problem) return nn_fail(error, "%s", network->problem());
        if (status != 0) return nn_fail(error, "an index in the input is out of range");
        if (!command->classify) {
            command_print(command, filled);
        } else if (!command_classify(command, labels, filled, &right, error)) {
            return false;
        }
        done += filled;
        if (filled < wanted || network->input_count == 0) break;
    }
    if (done == 0 && network->input_count > 0) return nn_fail(error, "there is no such item");
    if (command->classify && command->labels && done > 0) {
        printf("%lld of %lld right: %.2f %%\n", (long long)right, (long long)done,
               100.0 * (double)right / (double)done);
    }
    return true;
}

static bool command_open(const Command *command, NnItems *items, NnItems *labels, NnError *error) {
    static const NnTensor label = {"label", NN_I64, 1, {1}, 0};
    int count = command->path_count + (command->labels != NULL);
    for (int i = 0; i < count; i++) {
        bool is_label = i == command->path_count;
        NnItems *file = is_label ? labels : &items[i];
        const NnTensor *input = is_label ? &label : &command->network->inputs[i];
        const char *path = is_label ? command->labels : command->paths[i];
        NnError why;
        bool ok = nn_items_open(file, path, is_label ? NN_FORMAT_AUTO : command->format,
                                command->fit, input, command->scale, &why);
        if (!ok) return nn_fail(error, "%.80s: %.160s", path, why.text);
        for (int64_t n = 0; n < command->index; n++) {
            bool end;
            if (nn_items_skip(file, &end, error)) continue;
            return end ? nn_fail(error, "%.80s: there is no item %lld", path,
                                 (long long)command->index)
                       : false;
        }
    }
    return true;
}

static bool command_load(const Command *command, NnError *error) {
    const NnNetwork *network = command->network;
    if (!network->load) return true;
    if (!command->weights) return nn_fail(error, "no weights are inside: give --weights FILE");
    NnError why;
    if (network->load(command->weights, why.text, sizeof why.text) == 0) return true;
    return nn_fail(error, "%.80s: %.160s", command->weights, why.text);
}

static bool command_start(const NnNetwork *network, NnError *error) {
    NnError why;
    if (!network->start || network->start(why.text, sizeof why.text) == 0) return true;
    return nn_fail(error, "%s", why.text);
}

NN_API int nn_command(const NnNetwork *network, int argc, char **argv) {
    static NnItems items[COMMAND_MAX_INPUTS], labels;
    Command command = {.network = network, .scale = 1.0 / 255.0, .count = 1};
    NnError error;
    if (network->input_count > COMMAND_MAX_INPUTS) {
        fprintf(stderr, "%s: more than %d inputs\n", network->name, COMMAND_MAX_INPUTS);
        return 1;
    }
    int status = command_parse(&command, argc, argv, &error);
    if (status < 0) {
        bool ok = command_start(network, &error) && command_load(&command, &error) &&
                  command_open(&command, items, &labels, &error) &&
                  command_run(&command, items, &labels, &error);
        status = !ok;
        for (int i = 0; i < command.path_count; i++)
            nn_items_close(&items[i]);
        if (command.labels) nn_items_close(&labels);
    }
    if (status != 0) fprintf(stderr, "%s: %s\n", network->name, error.text);
    if (fflush(stdout) != 0 && status == 0) status = 1;
    return status;
}
