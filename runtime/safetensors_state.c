/* Loading and saving a network's state, a constant table of tensors over the caller's struct. */
#define _POSIX_C_SOURCE 200809L

#include "runtime/safetensors.h"

#include <sys/stat.h>
#include <unistd.h>

typedef struct StateLoad {
    const NnTensor *tensors;
    int count;
    NnRange *ranges; /* begin > end: not met yet */
} StateLoad;

static void state_shape(char *out, size_t size, int rank, const int64_t *dims) {
    size_t used = (size_t)snprintf(out, size, "[");
    for (int i = 0; i < rank && used < size; i++) {
        used +=
            (size_t)snprintf(out + used, size - used, "%s%lld", i ? "," : "", (long long)dims[i]);
    }
    if (used < size) snprintf(out + used, size - used, "]");
}

static bool state_visit(void *user, const NnEntry *entry, NnError *error) {
    StateLoad *load = user;
    int row = 0;
    while (row < load->count && strcmp(load->tensors[row].name, entry->name) != 0)
        row++;
    if (row == load->count) {
        return nn_fail(error, "the file has %.100s, which the network lacks", entry->name);
    }
    const NnTensor *tensor = &load->tensors[row];
    if (load->ranges[row].begin <= load->ranges[row].end) {
        return nn_fail(error, "the file has %.100s twice", entry->name);
    }
    bool same = entry->known && entry->dtype == tensor->dtype && entry->rank == tensor->rank;
    for (int i = 0; same && i < entry->rank; i++)
        same = entry->dim[i] == tensor->dim[i];
    if (!same) {
        char want[64], got[64];
        state_shape(want, sizeof want, tensor->rank, tensor->dim);
        state_shape(got, sizeof got, entry->rank, entry->dim);
        return nn_fail(error, "%.80s is %s%s in the file, the network needs %s%s", entry->name,
                       entry->type, got, nn_safetensors_type(tensor->dtype), want);
    }
    load->ranges[row] = (NnRange){entry->begin, entry->end};
    return true;
}

/* The tensors' bytes, read in the file's order: ranges still belong to the table's rows here. */
static bool state_data(NnInput *input, uint64_t data_start, unsigned char *base,
                       const NnTensor *tensors, int count, const NnRange *ranges, NnError *error) {
    for (int i = 0; i < count; i++) {
        size_t size = (size_t)(ranges[i].end - ranges[i].begin);
        uint64_t position = data_start + ranges[i].begin;
        if (input->file) {
            if (fseeko(input->file, (off_t)position, SEEK_SET) != 0) {
                return nn_fail(error, "the file can't be read at %s", tensors[i].name);
            }
        } else {
            input->position = (size_t)position;
        }
        if (nn_input_read(input, base + tensors[i].offset, size) != size) {
            return nn_fail(error, "truncated: %s is not all there", tensors[i].name);
        }
        if (tensors[i].dtype == NN_BOOL) {
            unsigned char *bytes = base + tensors[i].offset;
            for (size_t j = 0; j < size; j++)
                bytes[j] = bytes[j] != 0;
        }
    }
    return true;
}

static bool state_load(NnInput *input, uint64_t file_size, void *base, const NnTensor *tensors,
                       int count, NnRange *ranges, NnError *error) {
    StateLoad load = {tensors, count, ranges};
    uint64_t data_size = 0;
    for (int i = 0; i < count; i++)
        ranges[i] = (NnRange){1, 0};
    if (!nn_safetensors_header(input, file_size, state_visit, &load, &data_size, error)) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (ranges[i].begin > ranges[i].end) {
            return nn_fail(error, "the file lacks %s", tensors[i].name);
        }
    }
    /* Sums tell whether the ranges can fill the data; the exact check sorts, so it comes last. */
    uint64_t total = 0;
    for (int i = 0; i < count; i++)
        total += ranges[i].end - ranges[i].begin;
    if (total != data_size) {
        return nn_fail(error, "the tensors take %llu bytes, the file has %llu",
                       (unsigned long long)total, (unsigned long long)data_size);
    }
    return state_data(input, file_size - data_size, base, tensors, count, ranges, error) &&
           nn_ranges_check(ranges, count, data_size, error);
}

NN_API bool nn_safetensors_parse(const void *bytes, size_t size, void *base,
                                 const NnTensor *tensors, int count, NnRange *ranges,
                                 NnError *error) {
    NnInput input = {.data = bytes, .size = size};
    return state_load(&input, size, base, tensors, count, ranges, error);
}

NN_API bool nn_safetensors_load(const char *path, void *base, const NnTensor *tensors, int count,
                                NnRange *ranges, NnError *error) {
    FILE *file = fopen(path, "rb");
    struct stat status;
    if (!file) return nn_fail(error, "%.200s can't be opened", path);
    NnInput input = {.file = file};
    bool ok = fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode);
    if (!ok) {
        nn_fail(error, "%.200s is not a file", path);
    } else {
        ok = state_load(&input, (uint64_t)status.st_size, base, tensors, count, ranges, error);
    }
    fclose(file);
    return ok;
}

/* A name as a JSON string. */
static size_t state_put_name(FILE *file, const char *name) {
    size_t size = 2;
    if (file) putc('"', file);
    for (; *name; name++) {
        char text[8];
        unsigned char c = (unsigned char)*name;
        if (c < 0x20 || c == '"' || c == '\\') {
            snprintf(text, sizeof text, "\\u%04x", c);
        } else {
            text[0] = (char)c;
            text[1] = '\0';
        }
        size += strlen(text);
        if (file) fputs(text, file);
    }
    if (file) putc('"', file);
    return size;
}

/* The header's JSON; returns its size. With file NULL it only measures. */
static uint64_t state_header(FILE *file, const NnTensor *tensors, int count) {
    uint64_t size = 2, begin = 0;
    if (file) putc('{', file);
    for (int i = 0; i < count; i++) {
        char text[384], shape[256];
        uint64_t end = begin + nn_tensor_bytes(&tensors[i]);
        state_shape(shape, sizeof shape, tensors[i].rank, tensors[i].dim);
        if (i > 0 && file) putc(',', file);
        size += i > 0;
        size += state_put_name(file, tensors[i].name);
        size += (uint64_t)snprintf(text, sizeof text,
                                   ":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%llu,%llu]}",
                                   nn_safetensors_type(tensors[i].dtype), shape,
                                   (unsigned long long)begin, (unsigned long long)end);
        if (file) fputs(text, file);
        begin = end;
    }
    if (file) putc('}', file);
    return size;
}

static bool state_write(FILE *file, const unsigned char *base, const NnTensor *tensors, int count) {
    uint64_t size = state_header(NULL, tensors, count);
    uint64_t padded = (size + 7) / 8 * 8; /* the data starts aligned */
    for (int i = 0; i < 8; i++)
        putc((int)(padded >> (8 * i) & 0xFF), file);
    state_header(file, tensors, count);
    for (uint64_t i = size; i < padded; i++)
        putc(' ', file);
    for (int i = 0; i < count; i++) {
        fwrite(base + tensors[i].offset, 1, nn_tensor_bytes(&tensors[i]), file);
    }
    return !ferror(file) && fflush(file) == 0 && fsync(fileno(file)) == 0;
}

NN_API bool nn_safetensors_save(const char *path, const void *base, const NnTensor *tensors,
                                int count, NnError *error) {
    char temporary[4096];
    int length = snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof temporary) {
        return nn_fail(error, "the path is too long");
    }
    /* A killed save may have left it: in containers processes get the same numbers again. */
    remove(temporary);
    FILE *file = fopen(temporary, "wbx");
    if (!file) return nn_fail(error, "%.200s can't be created", temporary);
    bool ok = state_write(file, base, tensors, count);
    if (fclose(file) != 0) ok = false;
    if (ok && rename(temporary, path) == 0) return true;
    remove(temporary);
    return nn_fail(error, "%.200s can't be written", path);
}
